"""The file of problems that results tell of: where it is, and whether it is still the same."""

from pathlib import Path

from pandas_numpy_eval.data import file_sha256, read_problems, resolve_problem_file
from pandas_numpy_eval.errors import EvaluationError


def benchmark_of(metrics: dict) -> dict:
    """`name`, `sha256` and, where it is known, `file` of the problems of a metrics file."""
    return {**metrics["benchmark"], **((metrics.get("sampling") or {}).get("benchmark") or {})}


def problem_file(benchmark: dict) -> Path | None:
    """The file that `name`, `file` and `sha256` tell; None where it is gone or changed."""
    try:
        file = resolve_problem_file(benchmark.get("file") or benchmark["name"])
        return file if file_sha256(file) == benchmark["sha256"] else None
    except (EvaluationError, OSError, KeyError):
        return None


def problems_of(benchmark: dict) -> dict[str, dict]:
    """Problems by task_id of `problem_file`; empty where there is none, or it cannot be read."""
    try:
        file = problem_file(benchmark)
        return read_problems(file) if file else {}
    except (EvaluationError, OSError):
        return {}
