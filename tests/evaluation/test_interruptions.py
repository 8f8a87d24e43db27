"""An evaluation that is killed, or whose servers are, or that runs out of disk, ends with the same bytes when run again.

The moments are random but the same in every run of the suite;
`INTERRUPTIONS=20 pytest tests/evaluation/test_interruptions.py`
tries so many of each kind.
"""

import contextlib
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "pandas-numpy-eval"
MOMENTS = range(int(os.environ.get("INTERRUPTIONS", 2)))
SAMPLES_PER_TASK = 40
# Runs the command line, and kills itself before or after the n-th time that a file gets its name or loses it.
KILLED_AT_STEP = """
import os, signal, sys
from pathlib import Path
from pandas_numpy_eval.evaluate_functional_correctness import main
step, steps = int(sys.argv.pop(1)), 0
def counted(function):
    def call(*arguments, **settings):
        global steps
        for moment in (lambda: None, lambda: function(*arguments, **settings)):
            moment()
            if steps == step:
                os.kill(os.getpid(), signal.SIGKILL)
            steps += 1
    return call
os.fsync, os.replace, Path.unlink = counted(os.fsync), counted(os.replace), counted(Path.unlink)
sys.exit(main(sys.argv[1:]))
"""
# Results and metrics are each synced and renamed, then the journal is deleted; before and after each: 10 steps.
STEPS = range(10) if len(MOMENTS) > 2 else (2, 3, 7)


def write_inputs(folder: Path) -> None:
    problems = [
        {
            "task_id": f"Mini/{task}",
            "prompt": "x = 1\ny = ",
            "entry_point": "none",
            "canonical_solution": ["2"],
            "test": f"def check():\n    assert y == 2, 'task {task}'",
        }
        for task in range(3)
    ]
    completions = [
        f"{2 + index % 2}  # {index}" if index % 5 else f"1 / 0  # {index}" for index in range(SAMPLES_PER_TASK)
    ]
    rows = [
        {"task_id": problem["task_id"], "completion": text, "sample_id": index}
        for problem in problems
        for index, text in enumerate(completions)
    ]
    (folder / "Mini.jsonl").write_text("".join(json.dumps(problem) + "\n" for problem in problems))
    (folder / "run.samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def arguments_of(folder: Path) -> list[str]:
    return [str(folder / "run.samples.jsonl"), "-d", str(folder / "Mini.jsonl"), "--n_workers", "2", "--k", "1,10"]


def start(folder: Path, *program: str, **settings) -> subprocess.Popen:
    """Start the command line (or another program) on the folder's samples."""
    command = [sys.executable, *(program or ("-m", "pandas_numpy_eval.evaluate_functional_correctness"))]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    return subprocess.Popen(
        [*command, *arguments_of(folder)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        **settings,
    )


def finish(folder: Path, *program: str, **settings) -> tuple[int, str]:
    process = start(folder, *program, **settings)
    _, errors = process.communicate()
    return process.returncode, errors


def stable(folder: Path) -> tuple[bytes, str]:
    """What must be the same after any interruption; nothing else may be in the folder."""
    names = {"Mini.jsonl", "run.samples.jsonl", "run_results.jsonl", "run_metrics.json"}
    assert {path.name for path in folder.iterdir()} - {"lost+found"} == names
    metrics = json.loads((folder / "run_metrics.json").read_text())
    for name in ("run", "git_revision"):  # a commit between two runs is no fault of theirs
        metrics.pop(name)
    return (folder / "run_results.jsonl").read_bytes(), json.dumps(metrics)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[tuple[bytes, str], float, int]:
    """Bytes of a run that nothing disturbed, its seconds, and the size of what it wrote."""
    folder = tmp_path_factory.mktemp("whole")
    write_inputs(folder)
    started = time.monotonic()
    assert finish(folder)[0] == 0
    seconds = time.monotonic() - started
    size = sum((folder / name).stat().st_size for name in ("run_results.jsonl", "run_metrics.json"))
    return stable(folder), seconds, size


@pytest.mark.parametrize("seed", MOMENTS)
def test_coordinator_killed_at_random_moments(tmp_path, whole, seed):
    write_inputs(tmp_path)
    draw = random.Random(seed)
    for _ in range(2):
        process = start(tmp_path)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(draw.uniform(0, whole[1]))
        process.kill()
        process.communicate()
    assert finish(tmp_path)[0] == 0
    assert stable(tmp_path) == whole[0]


@pytest.mark.parametrize("step", STEPS)
def test_coordinator_killed_while_it_ends(tmp_path, whole, step):
    write_inputs(tmp_path)
    assert finish(tmp_path, "-c", KILLED_AT_STEP, str(step))[0] == -signal.SIGKILL
    assert finish(tmp_path)[0] == 0
    assert stable(tmp_path) == whole[0]


def servers_of(supervisor: int) -> list[int]:
    mark, found = f'"parent": {supervisor}}}'.encode(), []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found += [int(path.parent.name)] if mark in path.read_bytes() else []
    return found


@pytest.mark.parametrize("seed", MOMENTS)
def test_servers_killed_at_random_moments(tmp_path, whole, seed):
    """Bubblewraps, servers, samples, whichever it hits; the run goes on, or says so where it has no sandbox yet."""
    write_inputs(tmp_path)
    draw, killed = random.Random(seed), 0
    process = start(tmp_path)
    while process.poll() is None and not servers_of(process.pid):
        time.sleep(0.01)
    while process.poll() is None and killed < 3:
        time.sleep(draw.uniform(0, whole[1] / 6))
        found = servers_of(process.pid)
        if found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(draw.choice(found), signal.SIGKILL)
                killed += 1
    _, errors = process.communicate()
    assert killed
    told = re.search("killed its server 3 times; run again|a server does not start: exit status -9", errors)
    assert process.returncode == 0 or told, errors
    assert process.returncode == 0 or finish(tmp_path)[0] == 0
    assert stable(tmp_path) == whole[0]


@contextlib.contextmanager
def small_disk(folder: Path, size: int):
    """A file system of `size` bytes above what lies in it; skips the test where none can be mounted."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no file system can be mounted: {done.stderr.strip()}")
    try:
        write_inputs(folder)
        used = shutil.disk_usage(folder).used
        subprocess.run(["mount", "-o", f"remount,size={used + size}", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("seed", MOMENTS)
@pytest.mark.skipif(not shutil.which("mount"), reason="no mount")
def test_full_disk_at_random_moments(tmp_path, whole, seed):
    folder = tmp_path / "disk"
    with small_disk(folder, random.Random(seed).randrange(4096, whole[2], 4096)):
        code, errors = finish(folder)
        assert code == 1 and "No space left on device" in errors.splitlines()[-1], errors
        assert errors.splitlines()[-1].startswith("error: ") and "Traceback" not in errors
        assert finish(folder)[0] == 1  # still full
        subprocess.run(["mount", "-o", "remount,size=16m", folder], check=True)
        assert finish(folder)[0] == 0
        assert stable(folder) == whole[0]


@pytest.mark.parametrize("seed", MOMENTS)
def test_files_that_may_not_grow(tmp_path, whole, seed):
    """Another way to run out of space, where nothing can be mounted: a limit on the size of files."""
    write_inputs(tmp_path)
    limit = random.Random(seed).randrange(1, (tmp_path / "run.samples.jsonl").stat().st_size)
    settings = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))}
    code, errors = finish(tmp_path, **settings)
    assert code == 1 and "File too large" in errors.splitlines()[-1] and "Traceback" not in errors, errors
    assert finish(tmp_path)[0] == 0
    assert stable(tmp_path) == whole[0]
