"""Run snippets (mined ones, exercises) in the sandbox of pandas_numpy_eval; keep those that end without an error.

A snippet from documentation can need a file, a network, a package that is not installed, or an older version of the
library. Each is run once, alone, with the library versions of the running Python.
"""

from collections.abc import Callable

from nl2code.errors import UserError
from scripts.corpus.documents import Harvest, keep
from scripts.corpus.spill import Document

SECONDS = 10.0  # of CPU time, imports excluded
BATCH = 1000  # programs in memory


def without_failing(
    harvests: list[Harvest], kind: str, library: str, workers: int, program: Callable[[Document], str] = Document.text
) -> None:
    """Reject documents of one kind that do not run, by what went wrong; `program` is what to run for a document.

    Raises:
        UserError: no sandbox works here.
    """
    from pandas_numpy_eval.execution import Executor, Limits
    from pandas_numpy_eval.sandbox import SandboxError, describe_interpreter

    every = [one for found in harvests for one in found.documents if one.kind == kind]
    if not every:
        return
    failed: dict[Document, str] = {}
    preload = tuple(dict.fromkeys(("numpy", library.partition(".")[0])))
    try:
        with Executor(describe_interpreter(None, list(preload)), Limits(timeout=SECONDS), workers, preload) as executor:
            for batch in (every[start : start + BATCH] for start in range(0, len(every), BATCH)):
                verdicts = executor.run({str(number): (program(one), "") for number, one in enumerate(batch)})
                failed |= {batch[int(key)]: f"does not run: {v.kind}" for key, v in verdicts if not v.passed}
    except SandboxError as error:
        raise UserError(f"running the {kind} documents: {error}") from error
    keep(harvests, lambda one: failed.get(one, ""))
