"""An evaluation that is killed or fails goes on where it was: the journal, files that are whole or not there."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mini_benchmark import make, metrics_of, run, sample, stable, write_lines

from pandas_numpy_eval.evaluate_functional_correctness import main
from pandas_numpy_eval.execution import Limits, Verdict
from pandas_numpy_eval.journal import Journal, program_key, write_whole

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path) -> Path:
    return make(tmp_path)


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


def test_two_evaluations_of_one_file_do_not_mix(folder, capsys):
    journal = Journal(folder / "run_journal.jsonl")
    try:
        assert run(folder) == 1
        assert "run_journal.jsonl is in use" in capsys.readouterr().err
    finally:
        journal.close()
    assert run(folder) == 0
