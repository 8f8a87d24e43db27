"""Problem files, sample files, records and homes as people have them: one line where they do not fit, else scores."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from other_user import PACKAGE, public_home, start_as_nobody

from pandas_numpy_eval import cache_folder, data, evaluation, libs
from pandas_numpy_eval.errors import EvaluationError
from pandas_numpy_eval.evaluate_functional_correctness import main
from pandas_numpy_eval.execution import Executor, Limits, Verdict
from pandas_numpy_eval.journal import Journal
from pandas_numpy_eval.sandbox import describe_interpreter


def problem(index: int, **more) -> dict:
    found = {"task_id": f"T/{index}", "prompt": "x = ", "entry_point": "none", "canonical_solution": ["1"]}
    return {**found, "test": "def check():\n    assert x == 1", **more}


def lines(rows: list[dict], **options) -> bytes:
    return "".join(json.dumps(row, **options) + "\n" for row in rows).encode("utf-8", "surrogatepass")


@pytest.fixture
def folder(tmp_path) -> Path:
    """Four problems and, in s.samples.jsonl, a right and a wrong sample of each."""
    (tmp_path / "p.jsonl").write_bytes(lines([problem(index) for index in range(4)]))
    texts = [(i, j, f"{text}  # {i}") for i in range(4) for j, text in enumerate("12")]
    rows = [{"task_id": f"T/{i}", "completion": text, "sample_id": j} for i, j, text in texts]
    (tmp_path / "s.samples.jsonl").write_bytes(lines(rows))
    return tmp_path


def run(folder: Path, *more: str, samples: str = "s.samples.jsonl", problems: str = "p.jsonl") -> int:
    return main([str(folder / samples), "-d", str(folder / problems), "--n_workers", "1", "--k", "1", *more])


def metrics_of(folder: Path, name: str = "s") -> dict:
    return json.loads((folder / f"{name}_metrics.json").read_text())


def keep(folder: Path, tasks: set[str]) -> None:
    path = folder / "s.samples.jsonl"
    path.write_bytes(lines([row for row in map(json.loads, path.open()) if row["task_id"] in tasks]))


RECORD = {
    "stage": "generation",
    "format": 1,
    "inputs": {"benchmark": "0" * 64},
    "settings": {"num_samples": 2, "limit": 2, "tasks": None},
    "outputs": {"other.samples.jsonl": {"bytes": 1, "sha256": "0"}},
}


@pytest.mark.parametrize("form", [RECORD, {"seed": 7, "limit": 2, "tasks": None}], ids=["record", "flat"])
def test_limit_comes_from_the_record(folder, capsys, form):
    keep(folder, {"T/0", "T/1"})
    assert run(folder) == 1 and "no sample of T/2" in capsys.readouterr().err
    (folder / "s.meta.json").write_text(json.dumps({**form, "run": {"seconds": 2}}))
    assert run(folder) == 0
    metrics = metrics_of(folder)
    assert metrics["sampling"] == form and metrics["run"]["sampling"] == {"seconds": 2}
    assert metrics["benchmark"]["evaluated"] == 2 == metrics["ceiling"]["references"]
    assert run(folder, "--limit", "1") == 0  # a limit that is asked for wins
    assert metrics_of(folder)["benchmark"]["evaluated"] == 1


def test_tasks_come_from_the_record(folder, capsys):
    keep(folder, {"T/1", "T/2"})
    settings = {"limit": 3, "tasks": "T/[1-3]"}
    (folder / "s.meta.json").write_text(json.dumps({**RECORD, "settings": settings}))
    assert run(folder) == 0
    assert list(metrics_of(folder)["tasks"]) == ["T/1", "T/2"] and metrics_of(folder)["missing"] == []
    for broken in ({"limit": "a"}, {"limit": 0}, {"limit": True}, {"tasks": 3}, {"tasks": "("}):
        (folder / "s.meta.json").write_text(json.dumps({**RECORD, "settings": broken}))
        capsys.readouterr()
        assert run(folder) == 1
        errors = capsys.readouterr().err
        assert errors.count("\n") == 1 and "s.meta.json" in errors or "record of" in errors, errors


@pytest.mark.parametrize("text", ["[]", "{", '"x"', '{"settings": 3}', "[" * 100_000])
def test_a_record_that_is_none_is_one_line(folder, capsys, text):
    (folder / "s.meta.json").write_text(text)
    assert run(folder) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_alternatives_are_references_of_their_own(folder, capsys):
    chosen = (["2", "1"], ["1", "1 + 0"], ["2", "3"], "1")
    (folder / "p.jsonl").write_bytes(lines([problem(i, canonical_solution=text) for i, text in enumerate(chosen)]))
    assert run(folder) == 0
    metrics = metrics_of(folder)
    assert metrics["ceiling"]["value"] == 0.75 and metrics["ceiling"]["passing"] == 3
    wrong = "assertion: assert x == 1"
    assert metrics["ceiling"]["failing"] == [{"task_id": "T/2", "result": f"{wrong} | {wrong}"}]
    assert metrics["ceiling"]["alternatives"] == {
        "T/0": [wrong, "passed"],
        "T/1": ["passed", "passed"],
        "T/2": [wrong, wrong],
    }
    assert [task["reference"] for task in metrics["tasks"].values()] == [True, True, False, True]
    assert main(["--check_references", "-d", str(folder / "p.jsonl")]) == 1
    assert "3 of 4 references pass" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("p.jsonl", lambda text: b"\xef\xbb\xbf" + text),
        ("p.jsonl", lambda text: b"\xef\xbb\xbf\n" + text),
        ("p.jsonl", lambda text: text.replace(b"\n", b"\r\n")),
        ("p.jsonl", lambda text: text.removesuffix(b"\n")),
        ("p.jsonl", lambda text: text.replace(b"\n", b"\n\n \n")),
        ("p.jsonl", gzip.compress),  # whatever its name
        ("p.jsonl.gz", bytes),
        ("p.jsonl.gz", gzip.compress),
        ("p.jsonl.gz", lambda text: gzip.compress(text[:99]) + gzip.compress(text[99:])),
    ],
    ids=[
        "mark",
        "mark alone",
        "crlf",
        "no newline",
        "blank lines",
        "gzip unnamed",
        "plain named gzip",
        "gzip",
        "gzip in two members",
    ],
)
def test_forms_of_a_problem_file_and_of_a_sample_file(folder, name, change):
    (folder / name).write_bytes(change((folder / "p.jsonl").read_bytes()))
    assert list(data.read_problems(folder / name)) == [f"T/{i}" for i in range(4)]
    samples = name.replace("p.", "t.")
    (folder / samples).write_bytes(change((folder / "s.samples.jsonl").read_bytes()))
    assert run(folder, samples=samples, problems=name) == 0
    assert metrics_of(folder, "t")["pass@1"]["value"] == 0.5


SEPARATORS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"


def test_lines_end_at_newlines_alone(folder):
    """Every separator of `str.splitlines`, unescaped where JSON allows it, in prompts, completions and fields."""
    for mark in SEPARATORS:
        rows = [problem(i, prompt=f"# a{mark}b\nx = ") for i in range(4)]
        (folder / "p.jsonl").write_bytes(lines(rows, ensure_ascii=False))
        samples = [{"task_id": f"T/{i}", "completion": f"1  # {mark}", "raw": f"{mark}\r"} for i in range(4)]
        (folder / "s.samples.jsonl").write_bytes(lines(samples, ensure_ascii=False))
        assert run(folder) == 0
        assert metrics_of(folder)["pass@1"]["value"] == 1.0, repr(mark)
        results = (folder / "s_results.jsonl").read_bytes().split(b"\n")[:-1]
        assert [json.loads(line)["raw"] for line in results] == [f"{mark}\r"] * 4


def test_a_separator_ends_no_line_of_a_journal(tmp_path):
    for mark in [*SEPARATORS, "\r", "\n"]:
        journal = Journal(tmp_path / "j")
        journal.add("a" + mark, Verdict("ValueError", f"b{mark}c"))
        journal.close()
        journal = Journal(tmp_path / "j")
        assert journal.known["a" + mark] == Verdict("ValueError", f"b{mark}c")
        journal.close()


def damaged() -> dict[str, bytes]:
    whole = gzip.compress(lines([problem(index) for index in range(400)]), mtime=0)
    stream = bytearray(whole)
    stream[10:14] = b"\xff\xff\xff\xff"
    found = {"stream": bytes(stream), "cut": whole[:-20], "head": whole[:5], "tail": whole + b"x" * 9}
    return {**found, "sum": whole[:-8] + b"\0" * 8}


@pytest.mark.parametrize("name", damaged())
def test_damaged_gzip_is_one_line(folder, capsys, name):
    (folder / "p.jsonl.gz").write_bytes(damaged()[name])
    assert run(folder, problems="p.jsonl.gz") == 1
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1 and "p.jsonl.gz: broken gzip file" in errors
    (folder / "t.jsonl.gz").write_bytes(damaged()[name])
    assert run(folder, samples="t.jsonl.gz") == 1
    assert "t.jsonl.gz: broken gzip file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"[" * 100_000, "not JSON"),
        (b'{"a": ' * 100_000, "not JSON"),
        (b"9" * 10_000, "not JSON"),
        ("{}\n{}\n".encode("utf-16"), "not JSON"),
        (b"\x80", "not JSON"),
        (lines([problem(0, canonical_solution=3)]), "canonical_solution is neither"),
        (lines([problem(0, canonical_solution=["1", None])]), "canonical_solution is neither"),
        (lines([problem(0, prompt=None)]), "not a text: prompt"),
        (lines([problem(0, entry_point="")]), "entry_point is empty"),
    ],
)
def test_lines_of_a_problem_file_that_are_no_problems(folder, capsys, line, message):
    (folder / "q.jsonl").write_bytes(line)
    assert run(folder, problems="q.jsonl") == 1
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1 and f"q.jsonl:1: {message}" in errors
    (folder / "t.jsonl").write_bytes(line)
    assert run(folder, samples="t.jsonl") == 1
    assert "nothing to evaluate" in capsys.readouterr().err


def test_fields_that_must_be_there_are_the_callers_choice(folder):
    (folder / "q.jsonl").write_bytes(lines([{"task_id": "a", "prompt": "b", "canonical_solution": "c"}]))
    assert list(data.read_problems(folder / "q.jsonl", ("task_id", "prompt"))) == ["a"]
    with pytest.raises(data.ProblemFileError, match="q.jsonl:1: not a text: entry_point, test"):
        data.read_problems(folder / "q.jsonl")


def test_samples_of_the_original(folder):
    rows = [{"task_id": f"T/{i}", "completion": text} for i in range(4) for text in ("1", "1", "2")]
    (folder / "s.samples.jsonl").write_bytes(lines(rows))
    assert run(folder) == 0
    assert metrics_of(folder)["pass@1"]["value"] == pytest.approx(2 / 3, abs=1e-6)


def test_two_sample_files_of_one_prefix_are_refused(folder, capsys):
    assert run(folder) == 0
    before = (folder / "s_results.jsonl").read_bytes(), (folder / "s_metrics.json").read_bytes()
    other = (folder / "s.samples.jsonl").read_bytes().replace(b'"2 ', b'"3 ')
    for name, content in (("s.jsonl", other), ("s.jsonl.gz", gzip.compress(other))):
        (folder / name).write_bytes(content)
        assert run(folder, samples=name) == 1
        assert "give" in (errors := capsys.readouterr().err) and "another prefix with -o" in errors
        assert before == ((folder / "s_results.jsonl").read_bytes(), (folder / "s_metrics.json").read_bytes())
        assert not (folder / "s_journal.jsonl").exists()
        assert run(folder, "-o", str(folder / "own"), samples=name) == 0 or name.endswith("gz")
    (folder / "s.samples.jsonl").write_bytes(other)  # the same file with other samples replaces its own results
    assert run(folder) == 0


def test_another_prefix_for_samples_of_another_folder(folder, capsys):
    (folder / "b").mkdir()
    (folder / "b" / "s.samples.jsonl").write_bytes((folder / "s.samples.jsonl").read_bytes().replace(b'"2 ', b'"3 '))
    assert run(folder, "-o", str(folder / "out")) == 0
    assert run(folder, "-o", str(folder / "out"), samples="b/s.samples.jsonl") == 1
    assert "holds the scores of" in capsys.readouterr().err
    (folder / "disk").mkdir()
    (folder / "results").symlink_to(folder / "disk")  # `results/..` is not this folder
    assert run(folder, "-o", str(folder / "results/out")) == 0
    assert run(folder, "-o", str(folder / "results/out"), samples="b/s.samples.jsonl") == 1
    assert "holds the scores of" in capsys.readouterr().err


def test_results_that_are_links_stay_links(folder):
    (folder / "disk").mkdir()
    links = [folder / "s_results.jsonl", folder / "s_metrics.json"]
    for link in links:
        link.symlink_to(folder / "disk" / link.name)
    assert run(folder) == 0
    assert all(link.is_symlink() and (folder / "disk" / link.name).stat().st_size for link in links)
    assert len(list((folder / "disk").iterdir())) == 2
    (folder / "later").symlink_to(folder / "disk" / "to be made")
    assert run(folder, "-o", str(folder / "later" / "x")) == 0
    assert (folder / "disk" / "to be made" / "x_metrics.json").is_file()


def test_a_sample_id_of_null_is_none(folder):
    rows = [{"task_id": "T/0", "completion": text, "sample_id": None} for text in "12"]
    (folder / "s.samples.jsonl").write_bytes(lines(rows))
    assert run(folder, "--limit", "1") == 0 and metrics_of(folder)["pass@1"]["value"] == 0.5


def test_a_live_journal_is_left_by_an_evaluation_that_is_up_to_date(folder, monkeypatch, capsys):
    assert run(folder) == 0
    sound, added = Journal.add, []

    def add(self, key, verdict):
        added.append(key)
        if len(added) == 5:
            raise KeyboardInterrupt
        sound(self, key, verdict)

    monkeypatch.setattr(Journal, "add", add)
    assert run(folder, "--timeout", "2") == 130
    monkeypatch.undo()
    live = (folder / "s_journal.jsonl").read_bytes()
    assert live.count(b"\n") == 4
    assert run(folder) == 0 and "up to date" in capsys.readouterr().out
    assert (folder / "s_journal.jsonl").read_bytes() == live
    assert run(folder, "--timeout", "2") == 0 and metrics_of(folder)["run"]["executed"] == 9 - 4
    assert not (folder / "s_journal.jsonl").exists()


def test_a_journal_that_a_kill_left_is_cleared_away(folder, monkeypatch):
    monkeypatch.setattr(Journal, "delete_after", lambda self, run: None)
    assert run(folder) == 0 and (folder / "s_journal.jsonl").exists()
    monkeypatch.undo()
    assert run(folder) == 0 and not (folder / "s_journal.jsonl").exists()


def test_verdicts_of_an_older_format_are_given_again(folder, monkeypatch):
    monkeypatch.setattr(evaluation, "FORMAT", 2)
    monkeypatch.setattr(Journal, "delete_after", lambda self, run: None)
    assert run(folder) == 0
    executed = metrics_of(folder)["run"]["executed"]
    monkeypatch.undo()
    assert run(folder) == 0
    assert metrics_of(folder)["run"]["executed"] == executed and metrics_of(folder)["inputs"]["format"] > 2


def test_messages_of_any_character_are_printed(folder):
    (folder / "p.jsonl").write_bytes(lines([problem(0, canonical_solution="y  # \ud800\n", task_id="T/ä\ud800")]))
    command = [sys.executable, "-m", "pandas_numpy_eval.evaluate_functional_correctness", "--check_references"]
    variables = {**os.environ, "PYTHONPATH": str(PACKAGE), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*command, "-d", folder / "p.jsonl"], env=variables, capture_output=True, text=True)
    assert done.returncode == 1 and "0 of 1 references pass" in done.stdout and not done.stderr.count("Traceback")


def test_closed_streams(folder):
    """As under a daemon: numbers 0 to 2 are free, and no file of the evaluation may get them."""
    program = "import sys; from pandas_numpy_eval.evaluate_functional_correctness import main; sys.exit(main())"
    arguments = [str(folder / "s.samples.jsonl"), "-d", str(folder / "p.jsonl"), "--k", "1"]
    variables = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    shell = ["bash", "-c", '"$@" <&- >&- 2>&-', "-", sys.executable, "-c", program, *arguments]
    assert subprocess.run(shell, env=variables).returncode == 0
    assert metrics_of(folder)["pass@1"]["value"] == 0.5


def test_values_of_k_that_are_skipped_are_named(folder, capsys):
    assert run(folder, "--k", "2,3,50") == 0
    output = capsys.readouterr().out
    assert "pass@2 " in output and "skipped  pass@3, pass@50: only 2 samples per task" in output


@pytest.mark.parametrize("names", ["größe", "with  blanks"])
def test_a_locale_without_these_characters(folder, names):
    path = (folder / "s.samples.jsonl").rename(folder / f"{names}.samples.jsonl")
    command = [sys.executable, "-m", "pandas_numpy_eval.evaluate_functional_correctness", str(path), "--k", "1"]
    variables = {"PYTHONPATH": str(PACKAGE), "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = subprocess.run([*command, "-d", str(folder / "p.jsonl")], env={**os.environ, **variables})
    assert done.returncode == 0 and metrics_of(folder, names)["pass@1"]["value"] == 0.5


@pytest.mark.parametrize(
    "body",
    [
        "raise RuntimeError('no licence server')",
        "raise SystemExit(3)",
        "raise KeyboardInterrupt",
        "class E(BaseException): pass\nraise E",
        "import os; os._exit(3)",
        "import ctypes; ctypes.string_at(0)",
    ],
)
@pytest.mark.parametrize("workers", [1, 8])
def test_a_library_that_fails_at_import_fails_its_own_samples_alone(tmp_path, body, workers):
    import venv

    venv.create(tmp_path / "env", symlinks=True)
    site = next((tmp_path / "env" / "lib").glob("python*/site-packages"))
    (site / "brokenlib.py").write_text(body)
    interpreter = describe_interpreter(str(tmp_path / "env" / "bin" / "python"), ["brokenlib"])
    programs = {"needs it": ("import brokenlib\n", ""), "other": ("x = 1\n", "assert x == 1")}
    caught = {"caught": ("try: import brokenlib\nexcept BaseException: x = 1\n", "assert x == 1")}
    more = {f"more {i}": (f"x = {i}\n", "") for i in range(12 * (workers > 1))}
    with Executor(interpreter, Limits(), workers, ("brokenlib", "math")) as executor:
        found = {key: verdict.kind for key, verdict in executor.run({**programs, **caught, **more})}
    assert found["other"] == "passed" and found["needs it"] != "passed"
    assert {found[key] for key in more} <= {"passed"}
    assert found["caught"] == ("passed" if "raise" in body else found["needs it"])


NO_USER = """
import os, pwd, sys
os.environ.pop("HOME", None)
def nobody(uid): raise KeyError(uid)
pwd.getpwuid = nobody
from pandas_numpy_eval.evaluate_functional_correctness import main
sys.exit(main(sys.argv[1:]))
"""


def test_no_home(folder, capsys):
    arguments = [str(folder / "s.samples.jsonl"), "-d", str(folder / "p.jsonl"), "--k", "1"]
    variables = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    variables.pop("CERT_LIBS", None)
    command = [sys.executable, "-c", NO_USER, *arguments]
    done = subprocess.run(command, env=variables, capture_output=True, text=True)
    assert done.returncode == 0 and "passed 4" in done.stdout, done.stderr
    done = subprocess.run([*command, "--libs", "a==1"], env=variables, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "there is no home folder: set CERT_LIBS to a folder that can be written to" in done.stderr
    for name in ("PandasEval", "~/p.jsonl"):
        done = subprocess.run([*command, "-d", name], env=variables, capture_output=True, text=True)
        assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr


def test_a_home_that_cannot_be_written_to(tmp_path, monkeypatch):
    (tmp_path / "home").touch()  # root may write to any folder, but not into a file
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CERT_LIBS", raising=False)
    assert cache_folder("x") == tmp_path / "home" / ".cache" / "pandas-numpy-eval" / "x"
    with pytest.raises(EvaluationError, match="set CERT_LIBS to a folder that can be written to"):
        libs.environment("a==1")


def test_an_ordinary_user_without_a_home():
    program = """
from pandas_numpy_eval.execution import Executor, Limits
from pandas_numpy_eval.sandbox import describe_interpreter
with Executor(describe_interpreter(None, []), Limits(), 1, ()) as executor:
    print(dict(executor.run({"x": ("from pathlib import Path\\nPath.home().joinpath('f').touch()", "")}))["x"].result)
"""
    with public_home() as home:
        process = start_as_nobody(home, program, HOME="/nonexistent")
        output, errors = process.communicate()
        assert output.strip() == "passed", errors


def test_a_very_long_import_name_fails_its_own_sample_alone(folder):
    """Linux takes 131,072 bytes for one argument of a program."""
    path = folder / "s.samples.jsonl"
    rows = [json.loads(line) for line in path.read_text().split("\n") if line]
    rows += [{"task_id": f"T/{i}", "sample_id": 2, "completion": f"1\nimport {'a' * 140_000}"} for i in range(4)]
    path.write_bytes(lines(rows))
    assert run(folder) == 0
    verdicts = [json.loads(line) for line in (folder / "s_results.jsonl").read_text().split("\n") if line]
    assert [row["passed"] for row in verdicts if row["sample_id"] == 2] == [False] * 4
    assert sum(row["passed"] for row in verdicts) == 4
