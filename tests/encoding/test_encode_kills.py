"""Encoding that is killed, or loses a worker, leaves nothing half done; run again, it gives the same bytes."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from test_encode_domain import CODE, ROOT, contents, corpus, model, row, run_here  # noqa: F401 - model is a fixture

from nl2code.indexed_dataset import MMapIndexedDataset
from scripts import encode_domain
from scripts.records import outputs_are_there


def big_corpus(folder: Path) -> Path:
    body = "".join(CODE.format(i) for i in range(150))
    return corpus(
        folder, **{f"train_{i}": b"".join(row(f"x = '{i} {j}'\n" + body) for j in range(12)) for i in range(4)}
    )


def children(pid: int) -> list[int]:
    """Worker processes of a run that are at work on a shard."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == pid and b"spawn_main" in command:
            found.append(int(folder.name))
    return found


def wait_for(condition, seconds: float = 60):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.02)
    return found


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, model) -> tuple[list[str], dict[str, bytes]]:  # noqa: F811
    """Flags of a run, and what it writes."""
    folder = tmp_path_factory.mktemp("undisturbed")
    flags = ["-i", big_corpus(folder / "in"), "-model", model, "-type", "generator", "-t", "2", "-split", "train"]
    assert run_here(*flags, "-o", folder / "out") == 0
    return list(map(str, flags)), contents(folder / "out")


def forked(flags: list[str], log: Path) -> None:
    """The command; its errors go to a file."""
    os.dup2(os.open(log, os.O_CREAT | os.O_WRONLY), 2)
    sys.exit(encode_domain.main(flags))


def start(flags: list[str], log: Path, is_real: bool) -> tuple[int, Callable[[], int | None]]:
    """Start the command, or fork it from a process that has its imports done: its id, and what tells its status."""
    if is_real:
        with open(log, "w") as stream:
            process = subprocess.Popen([sys.executable, "-m", "scripts.encode_domain", *flags], cwd=ROOT, stderr=stream)
        return process.pid, process.poll
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["scripts.encode_domain", "transformers"])
    child = context.Process(target=forked, args=(flags, log))
    child.start()
    return child.pid, lambda: child.exitcode


def token_bytes(output: Path) -> int:
    """Bytes of the tokens that a run has written so far; 0 while one of their files is moved."""
    with contextlib.suppress(FileNotFoundError):
        return sum(file.stat().st_size for pattern in ("*.bin", ".*.partial/*.bin") for file in output.glob(pattern))
    return 0


MOMENTS = [(victim, 0.0) for victim in ("worker", "parent")]  # from the first tokens to the last
LATER = [(victim, share) for share in (0.1, 0.3, 0.5, 0.7, 1.0) for victim in ("worker", "parent")]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the workers in /proc")
@pytest.mark.parametrize(
    ("victim", "share"), [*MOMENTS, *(pytest.param(*moment, marks=pytest.mark.slow) for moment in LATER)]
)
def test_a_kill_leaves_nothing_half_done_and_the_rerun_gives_the_same_bytes(tmp_path, undisturbed, victim, share):
    flags, expected = undisturbed
    output, log = tmp_path / "out", tmp_path / "errors"
    flags = [*flags, "-o", str(output)]
    enough = max(1, share * sum(len(data) for name, data in expected.items() if name.endswith(".bin")))
    pid, status = start(flags, log, is_real=not share)
    wait_for(lambda: token_bytes(output) >= enough or status() is not None)
    workers = children(pid)
    assert share == 1 or (workers and status() is None)
    with contextlib.suppress(ProcessLookupError, IndexError):
        os.kill(workers[0] if victim == "worker" else pid, signal.SIGKILL)
    wait_for(lambda: status() is not None)
    if victim == "worker":
        errors = log.read_text()
        assert status() == 1 or (share == 1 and contents(output) == expected and not status()), errors
        assert not status() or (errors.startswith("error: a worker process died") and errors.count("\n") == 1), errors
    wait_for(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))
    for index in output.glob("*.idx"):
        MMapIndexedDataset(index.with_suffix(""))  # raises where it does not fit its tokens
    assert run_here(*flags) == 0
    got = contents(output)
    assert got.keys() == expected.keys()
    assert got == expected


def test_a_kill_while_a_shard_is_marked_done_leaves_nothing(tmp_path, model):  # noqa: F811
    source = corpus(tmp_path / "in", train_a=row("x = 1"))
    arguments = ["-i", source, "-model", model, "-type", "normal", "-split", "train"]
    program = """
import os, signal, sys
from pathlib import Path
from scripts import encode_domain
rename = os.replace
done = lambda: Path(sys.argv[-1], "train.idx").exists()
marks = lambda file: str(file).endswith("train.record.json") and done()
os.replace = lambda a, b: os.kill(os.getpid(), signal.SIGKILL) if marks(b) else rename(a, b)
encode_domain.main(sys.argv[1:])
"""
    output = tmp_path / "out"
    command = [sys.executable, "-c", program, *map(str, arguments), "-o", str(output)]
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == -signal.SIGKILL
    assert list(output.glob(".*.partial"))
    assert run_here(*arguments, "-o", output) == 0
    assert not list(output.glob(".*.partial")) and outputs_are_there(output / "train.record.json")
