"""Run snippets (mined ones, exercises) in the sandbox of pandas_numpy_eval; keep those that end without an error.

A snippet from documentation can need a file, a network, a package that is not installed, or an older version of the
library. Each is run once, alone, with the library versions of the running Python.
"""

from collections.abc import Callable

from nl2code.errors import UserError
from scripts.corpus.documents import Harvest, keep

SECONDS = 10.0  # of CPU time, imports excluded


def without_failing(
    harvests: list[Harvest],
    kind: str,
    library: str,
    workers: int,
    program: Callable[[dict], str] = lambda row: row["content"],
) -> None:
    """Reject documents of one kind that do not run, by what went wrong; `program` is what to run for a document.

    Raises:
        UserError: no sandbox works here.
    """
    try:
        from pandas_numpy_eval.execution import Executor, Limits
        from pandas_numpy_eval.sandbox import SandboxError, describe_interpreter
    except ImportError as error:
        raise UserError(
            f"running the {kind} documents needs pandas_numpy_eval ({error}); pip install -e ./pandas-numpy-eval"
        ) from error
    rows = {str(id(row)): row for found in harvests for of, row in found.documents if of == kind}
    if not rows:
        return
    preload = tuple(dict.fromkeys(("numpy", library.partition(".")[0])))
    try:
        with Executor(describe_interpreter(None, list(preload)), Limits(timeout=SECONDS), workers, preload) as executor:
            verdicts = dict(executor.run({key: (program(row), "") for key, row in rows.items()}))
    except SandboxError as error:
        raise UserError(f"running the {kind} documents: {error}") from error
    failed = {key: f"does not run: {verdict.kind}" for key, verdict in verdicts.items() if not verdict.passed}
    keep(harvests, lambda of, row: failed.get(str(id(row)), ""))
