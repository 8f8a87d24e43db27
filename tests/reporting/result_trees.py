"""A folder of results for tests of the report: problems of two levels, a base model and two stages, two temperatures."""

import hashlib
import json
from collections import Counter
from pathlib import Path

from pandas_numpy_eval.scoring import all_pass_at_k, by_level

PROMPT = "import pandas as pd\nx = "
HOSTILE = "<script>alert(1)</script>`|$x$"
SOLUTIONS = {"a/0": "pd.f(1)", "a/1": "pd.g()", "a/2": "pd.h('s')", "a/3": "pd.k(2).m()"}
LEVELS = {"a/0": "basic", "a/1": "basic", "a/2": "hard", "a/3": "hard"}
SKETCHES = {"a/0": "pd.f(number)", "a/1": "pd.g()", "a/2": "pd.h(name=string)", "a/3": "pd.k(string)"}
PASSED = {  # run, temperature -> samples of 2 that pass, by problem
    ("base", 0.2): (2, 1, 0, 0),
    ("base", 0.8): (1, 1, 0, 0),
    ("x_cert", 0.2): (2, 2, 1, 0),
    ("x_cert", 0.8): (2, 0, 1, 1),
}


def write_problems(file: Path, **more) -> Path:
    rows = [
        {"task_id": task, "prompt": PROMPT, "entry_point": "none", "canonical_solution": text, "test": ""}
        | {"level": LEVELS[task], "category": f"kind {task[-1]}"}
        for task, text in SOLUTIONS.items()
    ]
    file.write_text("".join(json.dumps(row | more) + "\n" for row in rows))
    return file


def write_run(
    folder: Path, run: str, temperature: float, problems: Path, levels: bool = True, cases: bool = True
) -> None:
    """Samples with verdicts, their metrics and the record of the samples, as an evaluation leaves them."""
    two = run.endswith("_cert") and cases
    passed = dict(zip(SOLUTIONS, PASSED[run, temperature], strict=True))
    rows = []
    for task, solution in SOLUTIONS.items():
        for i in range(2):
            right = i < passed[task]
            row = {"task_id": task, "sample_id": i, "completion": solution if right else HOSTILE}
            row |= {"passed": right, "result": "passed" if right else f"NameError: {HOSTILE}"}
            stages = {"sketch": SKETCHES[task], "case": 2 if task == "a/1" else 1}
            rows.append(row | (stages if two else {}))
    settings = {"num_samples": 2, "temperature": temperature, "top_p": 0.9, "seed": 42}
    settings |= {"temperature2": temperature, "operation": "constants"} if two else {}
    about = {"name": problems.stem, "sha256": hashlib.sha256(problems.read_bytes()).hexdigest(), "problems": 4}
    models = ("sketcher", "generator") if two else ("model",)
    totals, correct = Counter(dict.fromkeys(SOLUTIONS, 2)), Counter(passed)
    metrics = {
        "benchmark": about | {"evaluated": 4},
        "n": 2,
        **all_pass_at_k(list(SOLUTIONS), totals, correct, [1, 2]),
        **({"by_level": by_level(LEVELS, totals, correct, [1, 2])} if levels else {}),
        "ceiling": {"value": 1.0},
        "verdicts": {"passed": correct.total(), "NameError": 8 - correct.total()},
        "tasks": {task: {"n": 2, "passed": passed[task], "reference": True} for task in SOLUTIONS},
        "versions": {"python": "3.11", "pandas": "3.1.1"},
        "sandbox": {"layer": "bubblewrap"},
        "limits": {"timeout": 3},
        "sampling": {
            "settings": settings,
            "inputs": {model: hashlib.sha256(model.encode()).hexdigest() for model in models},
            "benchmark": about | {"file": str(problems)},
        },
        "git_revision": "f" * 40,
    }
    place = folder / problems.stem / run
    place.mkdir(parents=True, exist_ok=True)
    (place / f"t{temperature}_results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (place / f"t{temperature}_metrics.json").write_text(json.dumps(metrics))


def write_tree(folder: Path, problems: Path, **about) -> Path:
    """All runs of PASSED under a folder."""
    for run, temperature in PASSED:
        write_run(folder, run, temperature, problems, **about)
    return folder
