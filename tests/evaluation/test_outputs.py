"""What an evaluation reads is read once, and what it writes replaces nobody else's files and repeats no work."""

import hashlib
import json
import os
from pathlib import Path

import pytest
from mini_benchmark import PROBLEMS, make, metrics_of, run, stable, write_lines

from pandas_numpy_eval import data, evaluation, outputs, sandbox
from pandas_numpy_eval.evaluate_functional_correctness import main
from pandas_numpy_eval.evaluation import Evaluation
from pandas_numpy_eval.execution import Verdict
from pandas_numpy_eval.journal import Journal
from pandas_numpy_eval.outputs import read_metrics


@pytest.fixture
def folder(tmp_path) -> Path:
    return make(tmp_path)


def test_samples_that_can_be_read_once_only_are_refused(folder, capsys):
    os.mkfifo(folder / "pipe.samples.jsonl")
    for name in ("pipe.samples.jsonl", "."):
        assert run(folder, "-o", str(folder / "x"), samples=name) == 1
        errors = capsys.readouterr().err
        assert "write the samples to one such as X.samples.jsonl" in errors or "is no name of" in errors
        assert errors.count("\n") == 1


@pytest.mark.parametrize("name", ["run.samples.jsonl", "Mini.jsonl"])
def test_a_file_that_is_replaced_meanwhile_is_judged_by_the_next_run(folder, monkeypatch, capsys, name):
    """Also where the known problem file is looked for; each file is opened at most once."""
    before, sound = (folder / name).read_bytes(), sandbox.describe_interpreter

    def replace_then_describe(*arguments):
        (folder / name).write_bytes(before.replace(b"1 + x", b"2 + x").replace(b"-1) == 0", b"-1) == 9"))
        return sound(*arguments)

    monkeypatch.setattr(sandbox, "describe_interpreter", replace_then_describe)
    assert run(folder) == 0
    monkeypatch.undo()
    key = "benchmark_sha256" if name == "Mini.jsonl" else "samples_sha256"
    assert metrics_of(folder)["inputs"][key] == hashlib.sha256(before).hexdigest()
    first = metrics_of(folder)["tasks"]["Mini/0"]["passed"]
    assert run(folder) == 0 and "up to date" not in capsys.readouterr().out.split("\n")[-2]
    assert metrics_of(folder)["tasks"]["Mini/0"]["passed"] < first == 3


def test_the_problem_file_is_read_once(folder, monkeypatch):
    read, sound = [], data.Content.read
    monkeypatch.setattr(data.Content, "read", lambda path: read.append(Path(path).name) or sound(path))
    Evaluation(evaluation.EvaluationSettings(folder / "Mini.jsonl"), sound(folder / "run.samples.jsonl"))
    assert read == ["Mini.jsonl"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x_metrics.json", '{"mine": 1}\n'),
        ("x_metrics.json", ""),
        ("x_metrics.json", "[" * 100_000),
        ("x_results.jsonl", '{"passed": true}\n'),
        ("x_journal.jsonl", "a diary\n"),
        ("x_journal.jsonl", "a diary"),
        ("x_journal.jsonl", '{"a": 1, "b": 2, "c": 3}\n'),
        ("x_journal.jsonl", "[" * 100_000 + "\n"),
    ],
)
def test_files_that_no_evaluation_made_stay(folder, capsys, name, content):
    (folder / name).write_text(content)
    assert run(folder, "-o", str(folder / "x")) == 1
    errors = capsys.readouterr().err
    assert f"{name} " in errors and "move it away, or " in errors and errors.count("\n") == 1
    assert (folder / name).read_text() == content
    (folder / name).unlink()
    assert run(folder, "-o", str(folder / "x")) == 0


def test_an_output_is_never_what_is_read(folder, capsys):
    for source, samples in (("run.samples.jsonl", "x_results.jsonl"), ("Mini.jsonl", "run.samples.jsonl")):
        (folder / "x_results.jsonl").unlink(missing_ok=True)
        os.link(folder / source, folder / "x_results.jsonl")
        Journal(folder / "x_journal.jsonl").add("a", Verdict("passed"))  # beside a journal, results may be ours
        assert run(folder, "-o", str(folder / "x"), samples=samples) == 1
        assert "x_results.jsonl is a file that is read here: choose another" in capsys.readouterr().err
    assert run(folder, "-o", str(folder / "y")) == 0


def test_results_of_a_killed_run_are_ours(folder, monkeypatch):
    def fail(path, pieces):
        if path.name.endswith("_metrics.json"):
            raise KeyboardInterrupt
        return sound(path, pieces)

    sound = evaluation.write_whole
    monkeypatch.setattr(evaluation, "write_whole", fail)
    assert run(folder) == 130 and (folder / "run_results.jsonl").exists()
    monkeypatch.undo()
    assert run(folder) == 0 and metrics_of(folder)["run"]["executed"] == 0


def test_another_k_executes_nothing(folder, monkeypatch):
    assert run(folder, "--k", "1") == 0
    assert run(folder, "--k", "1,2", "-o", str(folder / "whole")) == 0
    journal = Journal(folder / "run_journal.jsonl")  # of a killed run with other limits
    journal.add("a", Verdict("passed"))
    journal.close()
    monkeypatch.setattr(Evaluation, "executor", lambda self: pytest.fail("executed"))
    assert run(folder, "--k", "1,2") == 0
    assert stable(folder) == stable(folder, "whole") and metrics_of(folder)["run"]["executed"] == 0
    assert (folder / "run_journal.jsonl").exists()


@pytest.mark.parametrize("change", ["results", "limits"])
def test_another_k_and_something_else_is_executed(folder, change):
    assert run(folder, "--k", "1") == 0
    if change == "results":
        (folder / "run_results.jsonl").write_text("{}\n")
    assert run(folder, "--k", "2", *["--timeout", "2"] * (change == "limits")) == 0
    assert metrics_of(folder)["run"]["executed"] and "pass@2" in metrics_of(folder)


@pytest.mark.parametrize("key", ["verdicts", "ceiling", "n", "results_sha256", "run"])
def test_metrics_that_lost_a_part_are_made_again(folder, key):
    assert run(folder) == 0
    before = stable(folder)
    metrics = metrics_of(folder)
    for value in ({}, {key: [3]}):
        (folder / "run_metrics.json").write_text(json.dumps({k: v for k, v in metrics.items() if k != key} | value))
        assert run(folder) == 0 and stable(folder) == before


def test_an_evaluation_that_ends_while_another_looks_is_ours(folder, monkeypatch):
    """Its files appear between two looks."""

    def read_late(file):
        found, texts = sound(file), {"metrics.json": '{"inputs": {}}', "results.jsonl": "{}\n"}
        for name, text in texts.items():
            (folder / f"run_{name}").write_text(text)
        return found

    sound = outputs.read_metrics
    monkeypatch.setattr(outputs, "read_metrics", read_late)
    outputs.Outputs(folder / "run").refuse_foreign(folder / "run.samples.jsonl")


def test_metrics_that_are_nested_too_deeply_are_none(tmp_path):
    (tmp_path / "m").write_text("[" * 100_000)
    assert read_metrics(tmp_path / "m") == {}


def test_samples_of_tasks_that_differ_in_number_are_counted_as_they_are(folder, capsys):
    lines = (folder / "run.samples.jsonl").read_text().splitlines()
    write_lines(folder / "cut.samples.jsonl", lines[:7])  # 3, 3, 1, 0
    assert run(folder, "--ignore_incomplete", samples="cut.samples.jsonl") == 0
    assert f"3 of {len(PROBLEMS)} problems, at least 1 samples each" in capsys.readouterr().out
    assert run(folder) == 0
    assert "4 of 4 problems, 3 samples each" in capsys.readouterr().out


def test_a_record_that_does_not_describe_the_samples_is_refused(folder, capsys):
    digest = hashlib.sha256((folder / "run.samples.jsonl").read_bytes()).hexdigest()
    for sha256, code in (("0" * 64, 1), (digest, 0)):
        outputs = {"run.samples.jsonl": {"bytes": 1, "sha256": sha256}, "other.samples.jsonl": {"sha256": "1" * 64}}
        (folder / "run.meta.json").write_text(json.dumps({"settings": {}, "inputs": {}, "outputs": outputs}))
        assert run(folder) == code
    errors = capsys.readouterr().err
    assert (
        f"(sha256 {digest[:12]})" in errors and "describes (000000000000): move that record away, or sample" in errors
    )


def test_a_record_that_chooses_no_problem_is_refused(folder, capsys):
    (folder / "run.meta.json").write_text('{"settings": {"limit": 2, "tasks": "Mini/3"}}')
    references = [str(folder / "run.samples.jsonl"), "-d", str(folder / "Mini.jsonl"), "--check_references"]
    for command in (lambda: run(folder), lambda: main(references)):
        assert command() == 1
        assert "limit 2 and tasks 'Mini/3' of the record of" in capsys.readouterr().err


def test_a_solution_of_null_is_none(folder):
    rows = [json.loads(line) | {"solution": None} for line in (folder / "run.samples.jsonl").read_text().splitlines()]
    write_lines(folder / "run.samples.jsonl", rows)
    assert run(folder) == 0 and metrics_of(folder)["verdicts"]["passed"] == 6


def test_samples_outside_the_limit_may_be_there_twice(folder):
    lines = (folder / "run.samples.jsonl").read_text().splitlines()
    write_lines(folder / "run.samples.jsonl", [*lines, lines[-1]])
    assert run(folder) == 1 and run(folder, "--limit", "2") == 0
    assert metrics_of(folder)["skipped"] == {"outside_limit": 7}
