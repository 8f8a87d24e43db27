"""A small benchmark of four tasks with three samples each, and its evaluation."""

import json
from pathlib import Path

from pandas_numpy_eval.evaluate_functional_correctness import main

N = 3
# What each sample of the tasks below is; the reference of Mini/2 cannot pass.
GOOD, BAD = ("x + 1", "1 + x", "x - -1"), ("x", "x +", "1 / 0")


def problem(index: int, **more) -> dict:
    return {
        "task_id": f"Mini/{index}",
        "prompt": f"def f{index}(x):\n    return ",
        "entry_point": f"f{index}",
        "canonical_solution": ["x + 1"],
        "test": "def check(candidate):\n    assert candidate(1) == 2\n    assert candidate(-1) == 0",
        **more,
    }


PROBLEMS = [
    problem(0),
    problem(1),
    problem(2, canonical_solution=["y"]),
    problem(3, prompt="x = 1\ny = ", entry_point="none", test="def check():\n    assert y == 2"),
]


def write_lines(path: Path, rows: list) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def sample(task: int, index: int, completion: str) -> dict:
    return {"task_id": f"Mini/{task}", "completion": completion, "raw": completion + "\n", "sample_id": index}


def make(tmp_path: Path) -> Path:
    """A problem file, and three samples for each task: all right, one right, none right, two right."""
    write_lines(tmp_path / "Mini.jsonl", PROBLEMS)
    chosen = (GOOD, (*BAD[:2], GOOD[0]), BAD, (*GOOD[:2], BAD[2]))
    rows = [sample(task, index, text) for task, texts in enumerate(chosen) for index, text in enumerate(texts)]
    write_lines(tmp_path / "run.samples.jsonl", rows)
    return tmp_path


def run(folder: Path, *more: str, samples: str = "run.samples.jsonl") -> int:
    return main([str(folder / samples), "-d", str(folder / "Mini.jsonl"), "--n_workers", "1", *more])


def metrics_of(folder: Path, name: str = "run") -> dict:
    return json.loads((folder / f"{name}_metrics.json").read_text())


def stable(folder: Path, name: str = "run") -> tuple[bytes, str]:
    """What must not differ between identical runs."""
    metrics = metrics_of(folder, name)
    metrics.pop("run")
    return (folder / f"{name}_results.jsonl").read_bytes(), json.dumps(metrics)
