"""`evaluate`: the command `evaluate_functional_correctness` as a function, for samples in a file or in memory."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

from pandas_numpy_eval.data import resolve_problem_file, write_jsonl
from pandas_numpy_eval.errors import EvaluationError
from pandas_numpy_eval.evaluation import Evaluation, EvaluationSettings
from pandas_numpy_eval.execution import Limits
from pandas_numpy_eval.samples import open_samples, stem_of


def evaluate(
    samples: str | Path | Iterable[dict],
    problem_file: str | Path = "Pandas",
    k: Iterable[int] = (1, 10, 100),
    *,
    timeout: float = 3.0,
    n_workers: int = 1,
    ignore_incomplete: bool = False,
    python: str | None = None,
    unsafe: bool = False,
    out_prefix: str | Path | None = None,
) -> dict:
    """Run samples in the sandbox. Call it from the main thread.

    Args:
        samples: a sample file, or rows with `task_id` and `completion` (or `solution`, a whole program).
        problem_file: Pandas, Numpy, HumanEval, ... or a path to .jsonl.
        k: values of k of pass@k; those above the samples of a task are left out.
        timeout: seconds of CPU time that a program may take.
        n_workers: programs that run at a time.
        ignore_incomplete: go on where tasks lack samples or rows do not fit.
        python: interpreter of the code under test (default: the running one).
        unsafe: run without a sandbox where none works.
        out_prefix: X of the files X_results.jsonl and X_metrics.json (default: beside a sample file; rows leave none).

    Returns:
        The metrics (docs/FORMATS.md): `["pass@1"]["value"]`, `["tasks"]` with the passes of each task, ...

    Raises:
        EvaluationError: problems or samples that do not fit, a k below 1, no sandbox.
        OSError: files that cannot be read or written.
    """
    limits, ks = Limits(timeout), tuple(sorted(set(k)))
    if ks and ks[0] < 1:
        raise EvaluationError(f"k = {ks[0]} is below 1; give values from 1 on")
    settings = EvaluationSettings(
        problem_file=resolve_problem_file(problem_file),
        ks=ks,
        limits=limits,
        workers=n_workers,
        python=python,
        ignore_incomplete=ignore_incomplete,
        unsafe=unsafe,
    )
    with tempfile.TemporaryDirectory() as folder:
        if isinstance(samples, str | Path):
            file, prefix = Path(samples), Path(out_prefix or stem_of(Path(samples)))
        else:
            file = Path(folder, "rows.samples.jsonl")
            prefix = Path(out_prefix or stem_of(file))
            write_jsonl(str(file), samples)
        prefix.parent.mkdir(parents=True, exist_ok=True)
        return Evaluation(settings, open_samples(file)).run(prefix)[0]
