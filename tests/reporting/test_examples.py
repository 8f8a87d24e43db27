"""The most frequent sketches of a run, and results that cannot be told."""

import json

import pytest
from result_trees import write_problems, write_run

from scripts import report
from scripts.reporting.examples import sketch_metrics


@pytest.mark.parametrize(("sketches", "share"), [(["f(number)", "", ""], 1), (["", ""], 0)])
def test_samples_without_a_sketch_count_where_no_sample_has_one(sketches, share):
    """Those that the generator wrote once more."""
    rows = [{"task_id": "a", "sketch": sketch} for sketch in sketches]
    found = sketch_metrics(rows, {"a": {"prompt": "x = ", "solutions": ["f(1)"]}}, "constants")
    assert (found["reference"]["value"], found["placeholder"]["value"]) == (share, share)


@pytest.mark.parametrize("change", [{"completion": 0}, {"solution": None}, {}])
def test_samples_that_cannot_be_told_are_named_and_the_run_shown(tmp_path, capsys, change):
    problems = write_problems(tmp_path / "P.jsonl")
    write_run(tmp_path / "results", "base", 0.2, problems)
    file = tmp_path / "results/P/base/t0.2_results.jsonl"
    row = json.loads(file.read_text().split("\n")[0])
    row.pop("completion")
    file.write_text(json.dumps(row | change) + "\n")
    for _ in range(2):
        assert report.main([str(tmp_path / "results")]) == 0
        captured = capsys.readouterr()
        assert captured.err.count("\n") == 1 and f"sketches and examples left out, {file}: " in captured.err
        assert "37.50" in captured.out
