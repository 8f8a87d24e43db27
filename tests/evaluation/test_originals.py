"""The original benchmarks by stand-ins: fetched from a file, a folder or the web, chosen with -d, their defects named."""

import gzip
import hashlib
import http.server
import json
import re
import threading
from pathlib import Path

import pytest

from pandas_numpy_eval import data, fetch, originals
from pandas_numpy_eval.evaluate_functional_correctness import main as evaluate

DEFECT = "a defect that is known"


def stand_in(name: str) -> bytes:
    """A gzipped problem file with the ids of an original; the reference of task 1 is wrong, the test of 2 is broken."""
    problems = [
        {
            "task_id": f"{name}/{number}",
            "prompt": "x = ",
            "entry_point": "none",
            "canonical_solution": ["1"],
            "test": "def check():\n    assert x == 1",
        }
        for number in range(4)
    ]
    problems[1]["canonical_solution"] = ["2"]
    problems[2]["test"] = "def check(:"
    return gzip.compress("".join(json.dumps(problem) + "\n" for problem in problems).encode(), mtime=0)


CONTENTS = {name: stand_in(name) for name in ("PandasEval", "NumpyEval")}


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch) -> tuple[Path, Path]:
    """The stand-ins count as originals, and fetched files go to two folders of the test's own."""
    monkeypatch.setattr(originals, "SHA256", {k: hashlib.sha256(v).hexdigest() for k, v in CONTENTS.items()})
    defects = {"PandasEval/1": DEFECT, "PandasEval/2": DEFECT}
    monkeypatch.setattr(originals, "_DEFECTS", {originals.SHA256["PandasEval"]: defects})
    monkeypatch.setattr(originals, "URL", "http://127.0.0.1:9/nothing")
    folders = tmp_path / "package", tmp_path / "cache"
    folders[0].mkdir()
    monkeypatch.setattr(originals, "FOLDERS", folders)
    return folders


@pytest.fixture
def downloads(tmp_path) -> Path:
    folder = tmp_path / "downloads"
    folder.mkdir()
    for name, content in CONTENTS.items():
        (folder / f"{name}.jsonl.gz").write_bytes(content)
    return folder


@pytest.fixture
def web(downloads):
    """Address of a web server with the downloads."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(downloads))

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_shipped_tables_are_about_the_originals():
    module = {"__file__": originals.__file__}
    exec(Path(originals.__file__).read_text(), module)  # the fixture changed the imported one
    assert {len(value) for value in module["SHA256"].values()} == {64} and set(module["SHA256"]) == set(CONTENTS)
    pandas, numpy = (module["known_defects"](module["SHA256"][name]) for name in ("PandasEval", "NumpyEval"))
    assert pandas == dict.fromkeys(["PandasEval/29", "PandasEval/36", "PandasEval/90"], module["BROKEN_TEST"])
    assert numpy == {}  # which references fail is decided by running them
    assert module["known_defects"]("0" * 64) == {}


def test_not_there_names_the_command(capsys):
    assert evaluate(["--check_references", "-d", "PandasEval"]) == 1
    assert "PandasEval does not ship: run python -m pandas_numpy_eval.fetch" in capsys.readouterr().err


def test_from_a_folder_and_again(places, downloads, capsys):
    assert fetch.main([str(downloads)]) == 0
    assert (places[0] / "PandasEval.jsonl.gz").read_bytes() == CONTENTS["PandasEval"]
    assert data.resolve_problem_file("NumpyEval") == places[0] / "NumpyEval.jsonl.gz"
    assert fetch.main([]) == 0  # both are there: the address, where nobody answers, is not asked
    assert capsys.readouterr().out.count(f"{places[0] / 'NumpyEval.jsonl.gz'} (-d NumpyEval)") == 2


def test_from_a_file_of_any_name(places, downloads, capsys):
    (downloads / "NumpyEval.jsonl.gz").rename(downloads / "some name")
    assert fetch.main([str(downloads / "some name")]) == 0
    assert [path.name for path in places[0].iterdir()] == ["NumpyEval.jsonl.gz"]
    assert "PandasEval: not there yet" in capsys.readouterr().out


@pytest.mark.parametrize("path", ["", "/", "/PandasEval.jsonl.gz"])
def test_from_the_web(places, web, path):
    assert fetch.main([web + path]) == 0
    names = ["PandasEval.jsonl.gz"] if "Eval" in path else ["NumpyEval.jsonl.gz", "PandasEval.jsonl.gz"]
    assert sorted(item.name for item in places[0].iterdir()) == names


def test_the_default_is_the_web_and_asks_for_what_lacks(places, downloads, web, monkeypatch):
    fetch.main([str(downloads / "PandasEval.jsonl.gz")])
    monkeypatch.setattr(originals, "URL", web)
    (downloads / "PandasEval.jsonl.gz").unlink()
    assert fetch.main([]) == 0
    assert len(list(places[0].iterdir())) == 2


def test_a_package_that_cannot_be_written_to_leaves_the_cache(places, downloads, monkeypatch, capsys):
    (places[0] / "file").touch()
    monkeypatch.setattr(originals, "FOLDERS", (places[0] / "file" / "folder", places[1]))
    assert fetch.main([str(downloads)]) == 0
    assert data.resolve_problem_file("PandasEval") == places[1] / "PandasEval.jsonl.gz"
    monkeypatch.setattr(originals, "FOLDERS", originals.FOLDERS[:1])
    (places[1] / "PandasEval.jsonl.gz").unlink()
    assert fetch.main([str(downloads)]) == 1
    assert "choose the downloaded file itself, -d FILE.jsonl.gz" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{downloads}/none", "No such file or directory"),
        ("{downloads}/empty", "no PandasEval.jsonl.gz and no NumpyEval.jsonl.gz in"),
        ("{downloads}/changed", "has sha256 .*, not an original's"),
        ("{web}/none", "HTTP Error 404.*or give a local file"),
        ("http://127.0.0.1:9/my mirror", "URL can't contain control characters.*or give a local file"),
        ("http://127.0.0.1:9", "Connection refused.*or give a local file"),
        ("{web}/changed.jsonl.gz", "has sha256 .*, not an original's"),
    ],
)
def test_failures_are_one_line_and_change_nothing(places, downloads, web, capsys, source, message):
    (downloads / "empty").mkdir()
    for name in ("changed", "changed.jsonl.gz"):
        (downloads / name).write_bytes(CONTENTS["PandasEval"] + b"x")
    assert fetch.main([source.format(downloads=downloads, web=web)]) == 1
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1 and errors.startswith("error: ")
    assert re.search(message, errors), errors
    assert not list(places[0].iterdir())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no gzip", "not JSON"),
        (CONTENTS["PandasEval"][:-20], "broken gzip file"),
        (gzip.compress(b"[1]\n", mtime=0), "not an object"),
        (
            gzip.compress(b'{"task_id": "a", "prompt": "", "entry_point": "none", "test": ""}', mtime=0),
            "no canonical_solution: a",
        ),
    ],
)
def test_the_shape_of_records_is_looked_at(places, tmp_path, monkeypatch, capsys, content, message):
    monkeypatch.setitem(originals.SHA256, "PandasEval", hashlib.sha256(content).hexdigest())
    (tmp_path / "file").write_bytes(content)
    assert fetch.main([str(tmp_path / "file")]) == 1
    assert message in capsys.readouterr().err and not list(places[0].iterdir())


def test_another_file_of_the_same_name_is_not_taken(places):
    (places[0] / "PandasEval.jsonl.gz").write_bytes(CONTENTS["NumpyEval"])
    with pytest.raises(data.ProblemFileError, match="run python -m pandas_numpy_eval.fetch"):
        data.resolve_problem_file("PandasEval")


def test_defects_are_named_beside_both_scores(downloads, tmp_path, capsys):
    fetch.main([str(downloads)])
    samples = tmp_path / "s.jsonl"
    samples.write_text("".join(json.dumps({"task_id": f"PandasEval/{i}", "completion": "1"}) + "\n" for i in range(4)))
    capsys.readouterr()
    assert evaluate([str(samples), "-d", "PandasEval", "--k", "1"]) == 0
    metrics = json.loads((tmp_path / "s_metrics.json").read_text())
    assert (
        metrics["benchmark"]["name"] == "PandasEval"
        and metrics["benchmark"]["sha256"] == originals.SHA256["PandasEval"]
    )
    assert metrics["benchmark"]["known_defects"] == {"PandasEval/1": DEFECT, "PandasEval/2": DEFECT}
    assert metrics["pass@1"]["value"] == 0.75 and metrics["ceiling"]["value"] == 0.5
    assert metrics["pass@k_passable"]["tasks"] == 2 and metrics["pass@k_passable"]["pass@1"]["value"] == 1.0
    output = capsys.readouterr().out
    assert "pass@1   0.7500" in output and "over the 2 passable tasks 1.0000" in output
    assert "PandasEval/1: assertion: assert x == 1 [known defect]" in output
    assert f"defects  PandasEval/1, PandasEval/2: {DEFECT}" in output
    # the samples' ids choose it too, and tasks outside the limit have no defects to name
    assert evaluate([str(samples), "--k", "1", "--limit", "1"]) == 0
    assert json.loads((tmp_path / "s_metrics.json").read_text())["benchmark"]["known_defects"] == {}


def test_defects_of_a_file_do_not_depend_on_its_name(downloads, capsys):
    (downloads / "PandasEval.jsonl.gz").rename(downloads / "Other.jsonl.gz")
    assert evaluate(["--check_references", "-d", str(downloads / "Other.jsonl.gz")]) == 1
    assert "[known defect]" in capsys.readouterr().out
