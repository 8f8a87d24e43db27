"""Run mined snippets in the sandbox of pandas_numpy_eval and keep those that end without an error.

A snippet from documentation can rest on a file, a network or a package that is not there, or on an older version of the
library. Each is run once, alone, with the library versions of the running Python.
"""

from scripts.corpus.documents import Harvest

SECONDS = 10.0  # of CPU time, imports excluded


class RunError(Exception):
    """The snippets cannot be run; the message is one line with the fix."""


def without_failing(harvests: list[Harvest], kind: str, library: str, workers: int) -> None:
    """Leave out documents of one kind that do not run; count them by what went wrong.

    Raises:
        RunError: no sandbox works here.
    """
    try:
        from pandas_numpy_eval.execution import Executor, Limits
        from pandas_numpy_eval.sandbox import SandboxError, describe_interpreter
    except ImportError as error:
        raise RunError(f"--run_snippets needs pandas_numpy_eval ({error}); pip install ./pandas-numpy-eval") from error
    rows = {str(id(row)): row for found in harvests for of, row in found.documents if of == kind}
    if not rows:
        return
    preload = tuple(dict.fromkeys(("numpy", library.partition(".")[0])))
    try:
        interpreter = describe_interpreter(None, list(preload))
        with Executor(interpreter, Limits(timeout=SECONDS), workers, preload) as executor:
            verdicts = dict(executor.run({key: (row["content"], "") for key, row in rows.items()}))
    except SandboxError as error:
        raise RunError(f"--run_snippets: {error}") from error
    for found in harvests:
        kept = []
        for of, row in found.documents:
            verdict = verdicts.get(str(id(row)))
            if verdict and not verdict.passed:
                found.kinds[of].leave_out(f"does not run: {verdict.kind}", row["content"])
            else:
                kept.append((of, row))
        found.documents = kept
