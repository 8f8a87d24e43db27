"""pass@k: intervals, samples of each task, levels, values of k."""

import json
from pathlib import Path

import numpy as np
import pytest
from mini_benchmark import N, make, metrics_of, run, write_lines

from pandas_numpy_eval import estimate_pass_at_k, evaluate, scoring
from pandas_numpy_eval.errors import EvaluationError
from pandas_numpy_eval.execution import Verdict
from pandas_numpy_eval.scoring import RESAMPLES, ceiling, mean_with_interval, pass_at_k, score


@pytest.fixture
def folder(tmp_path) -> Path:
    return make(tmp_path)


def test_intervals_cover_what_they_should():
    sure, unsure = pass_at_k([10] * 50, [10] * 50, 1), pass_at_k([10] * 50, [10] * 25 + [0] * 25, 1)
    assert sure == {"value": 1.0, "ci95": [1.0, 1.0]}
    low, high = unsure["ci95"]
    assert 0.35 < low < 0.4 and 0.6 < high < 0.65  # 0.5 -+ 1.96 * sqrt(0.25 / 50)
    assert unsure == pass_at_k([10] * 50, [10] * 25 + [0] * 25, 1)


def test_score_counts_each_task_by_its_own_samples():
    rows = [{"task_id": task} for task in "aabb"]
    verdicts = [Verdict("passed"), Verdict("timeout"), Verdict("passed"), Verdict("passed")]
    references = {"a": [Verdict("passed")], "b": [Verdict("passed")], "c": [Verdict("crash")]}
    known = [*references], ceiling(references)
    found = score(rows, verdicts, *known, [1, 2, 5])
    assert found["pass@1"]["value"] == 0.75 and found["pass@2"]["value"] == 1.0 and "pass@5" not in found
    assert found["tasks"]["a"] == {"n": 2, "passed": 1, "reference": True} and "c" not in found["tasks"]
    assert "by_level" not in found
    levels = {"a": "hard", "b": "basic", "c": "hard"}
    assert score(rows, verdicts, *known, [1, 5], levels)["by_level"] == {
        "basic": {"problems": 1, "pass@1": {"value": 1.0, "ci95": [1.0, 1.0]}},
        "hard": {"problems": 1, "pass@1": {"value": 0.5, "ci95": [0.5, 0.5]}},
    }


def test_scores_by_level_add_up_to_the_whole(folder):
    """Each level is scored like a benchmark of its own; a problem without a level is in none."""
    levels = ["hard", "basic", "", "hard"]
    lines = [json.loads(line) for line in (folder / "Mini.jsonl").read_text().splitlines()]
    levelled = [line | {"level": level} for line, level in zip(lines, levels, strict=True)]
    write_lines(folder / "Mini.jsonl", levelled)
    assert run(folder, "--k", "1,2") == 0
    found = metrics_of(folder)["by_level"]
    assert list(found) == ["basic", "hard"] and [found[level]["problems"] for level in found] == [1, 2]
    for k in (1, 2):
        assert found["hard"][f"pass@{k}"] == pass_at_k([N, N], [3, 2], k)
        assert found["basic"][f"pass@{k}"] == pass_at_k([N], [1], k)


@pytest.mark.parametrize("k", [0, -1])
def test_a_k_below_one_is_refused(folder, k):
    assert estimate_pass_at_k(2, [1, 2], 1).tolist() == [0.5, 1.0]
    for call in (lambda: estimate_pass_at_k([2], [1], k), lambda: pass_at_k([2], [1], k)):
        with pytest.raises(ValueError, match=f"k = {k} is below 1"):
            call()
    with pytest.raises(EvaluationError, match=f"k = {k} is below 1; give values from 1 on"):
        evaluate(folder / "run.samples.jsonl", folder / "Mini.jsonl", k=(k, 1))
    assert not (folder / "run_results.jsonl").exists()


def test_a_k_above_the_samples_is_refused():
    for totals in (3, [5, 3], iter([5, 3])):
        with pytest.raises(ValueError, match="k = 4 is above 3, the samples of a problem"):
            estimate_pass_at_k(totals, [3, 3], 4)
    assert estimate_pass_at_k(iter([3, 4]), [0, 4], 3).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("problems", [1, 7, 150])
def test_intervals_are_the_same_for_any_number_of_draws_at_a_time(monkeypatch, problems):
    scores = np.random.default_rng(1).random(problems)
    draws = np.random.default_rng(0).integers(0, problems, (RESAMPLES, problems))
    low, high = np.percentile(scores[draws].mean(axis=1), [2.5, 97.5])
    for at_once in (1 << 20, 5000, 1):
        monkeypatch.setattr(scoring, "DRAWS", at_once)
        assert mean_with_interval(scores)["ci95"] == [round(float(low), 6), round(float(high), 6)]
