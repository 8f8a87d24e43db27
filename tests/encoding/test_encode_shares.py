"""Encoding in shares: by rank, by a Slurm job array that a stand-in for sbatch runs here, and by Ray."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_encode_domain import ROOT, TEXTS, corpus, model, row, run, run_here  # noqa: F401 - model is a fixture

from nl2code.errors import UserError
from scripts import encode_domain
from scripts.file_utils import exclusive

# Runs the tasks of an array at the same time, as sbatch --wait does on a cluster; task 1 dies where it is told to.
SBATCH = """#!/usr/bin/env python3
import os, re, subprocess, sys
assert sys.argv[1] == "--wait"
script = open(sys.argv[2]).read()
last = int(re.search(r"^#SBATCH --array=0-(\\d+)$", script, re.M)[1])
logs = re.search(r"^#SBATCH --output=(.*)$", script, re.M)[1]
tasks = []
for task in range(last + 1):
    if task == 1 and os.environ.get("LOSE_TASK"):
        tasks.append(subprocess.Popen(["false"]))
        continue
    log = open(logs.replace("%a", str(task)).replace("%%", "%"), "w")
    environment = {**os.environ, "SLURM_ARRAY_TASK_ID": str(task)}
    tasks.append(subprocess.Popen(["bash", sys.argv[2]], env=environment, stdout=log, stderr=log, cwd="/"))
sys.exit(max(task.wait() for task in tasks))
"""


@pytest.fixture
def arguments(tmp_path, model) -> list:  # noqa: F811
    """Flags of a run over five shards, without its output."""
    files = {f"train_{i}": b"".join(row(text) for text in TEXTS[i : i + 4]) for i in range(4)}
    source = corpus(tmp_path / "in", **files, valid_a=row(TEXTS[0]) + b"{\n")
    return ["-i", source, "-model", model, "-type", "generator", "-t", "1"]


@pytest.fixture
def slurm(tmp_path, monkeypatch) -> None:
    """The stand-in, on PATH."""
    (tmp_path / "bin").mkdir()
    sbatch = tmp_path / "bin" / "sbatch"
    sbatch.write_text(SBATCH)
    sbatch.chmod(0o755)
    monkeypatch.setenv("PATH", f"{sbatch.parent}:{os.environ['PATH']}")


def shards(folder: Path) -> dict[str, bytes]:
    return {f.name: f.read_bytes() for f in folder.iterdir() if f.suffix in (".bin", ".idx", ".npy")}


def totals(folder: Path) -> dict:
    return json.loads((folder / "encode_stats.json").read_text())["total"]


def test_a_share_that_begins_a_shard_meanwhile_is_no_stranger(tmp_path, monkeypatch):
    """Its record appears after the records were read, and before the folder is listed, if that comes second."""
    from scripts.encoding import plan

    read = plan.records_in

    def read_then_another_begins(output: Path) -> dict:
        found = read(output)
        (output / "train1.record.json").write_text('{"stage": "encoding", "settings": {}, "inputs": {}}')
        return found

    monkeypatch.setattr(plan, "records_in", read_then_another_begins)
    plan.refuse_others(tmp_path, {"settings": {}, "inputs": {}})
    monkeypatch.undo()
    (tmp_path / "train2.bin").touch()
    with pytest.raises(UserError, match=r"train2\.bin is no shard of this program"):
        plan.refuse_others(tmp_path, {"settings": {}, "inputs": {}})


def test_slurm_gives_what_one_machine_gives(tmp_path, arguments, slurm, monkeypatch, capsys):
    assert run_here(*arguments, "-o", tmp_path / "local") == 0
    output = tmp_path / "slurm run"  # with a space
    flags = [*arguments, "-o", output, "--executor", "slurm", "--nodes", "2"]
    assert run_here(*flags) == 0
    assert shards(output) == shards(tmp_path / "local") and len(shards(output)) == 20
    assert totals(output) == totals(tmp_path / "local")
    logs = [(output / "slurm" / f"{task}.log").read_text() for task in (0, 1)]
    assert "share 0 of 2: 3 of 3 shards to do" in logs[0] and "share 1 of 2: 2 of 2 shards to do" in logs[1]
    assert (output / "model" / "tokenizer.json").is_file() and not list(output.glob(".share-*"))
    monkeypatch.setenv("LOSE_TASK", "1")
    assert run_here(*flags) == 0 and "is up to date" in capsys.readouterr().out  # submits nothing


def test_a_lost_task_is_an_error_and_the_next_run_does_its_share(tmp_path, arguments, slurm, monkeypatch, capsys):
    output = tmp_path / "out"
    flags = [*arguments, "-o", output, "--executor", "slurm", "--nodes", "2"]
    monkeypatch.setenv("LOSE_TASK", "1")
    assert run_here(*flags) == 1
    error = capsys.readouterr().err
    assert "sbatch ended with 1; see" in error and error.count("\n") == 1
    assert {name for name in shards(output) if name.endswith(".idx")} == {"train.idx", "train2.idx", "valid.idx"}
    assert not (output / "encode_stats.json").exists()
    monkeypatch.delenv("LOSE_TASK")
    assert run_here(*flags) == 0
    assert "1 of 3 shards" not in (output / "slurm" / "0.log").read_text()
    assert run_here(*arguments, "-o", tmp_path / "local") == 0
    assert shards(output) == shards(tmp_path / "local")


# As much of Ray as the program uses: tasks are threads.
RAY = """
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
exceptions = SimpleNamespace(RayError=OSError)
pool = ThreadPoolExecutor(2)
def init(log_to_driver, logging_level): pass
def nodes(): return [{"Alive": True, "Resources": {"CPU": 2.0}}, {"Alive": False, "Resources": {"CPU": 5000.0}}]
def remote(num_cpus, max_retries, scheduling_strategy):
    return lambda function: SimpleNamespace(remote=lambda *args, **kw: pool.submit(function, *args, **kw))
def get(task): return task.result()
def shutdown(): pool.shutdown()
"""


@pytest.fixture(params=["stand-in", pytest.param("real", marks=pytest.mark.slow)])
def ray(request, tmp_path, monkeypatch) -> None:
    """Ray, or a stand-in, for the programs that a test starts."""
    if request.param == "real":
        pytest.importorskip("ray", reason="Ray is not installed: pip install ray")
        return
    (tmp_path / "stand_in").mkdir()
    (tmp_path / "stand_in" / "ray.py").write_text(RAY)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'stand_in'}:{os.environ.get('PYTHONPATH', '')}")


def test_ray_gives_what_one_machine_gives(tmp_path, arguments, ray):
    assert run_here(*arguments, "-o", tmp_path / "local") == 0
    flags = [*arguments, "-o", tmp_path / "ray", "--executor", "ray", "--nodes", "2"]
    large = run(*flags, "-t", "1000")
    assert large.returncode == 1 and "-t/--threads is 1000, but no Ray node has more" in large.stderr
    with exclusive(tmp_path / "ray" / ".lock.1", RuntimeError("nobody else is here")):
        busy = run(*flags)
    assert busy.returncode == 1 and "share 1 ended with 1 (another run writes to" in busy.stderr
    assert not (tmp_path / "ray" / "encode_stats.json").exists()
    first = {name: (tmp_path / "ray" / name).stat().st_mtime_ns for name in shards(tmp_path / "ray")}
    assert {name for name in first if name.endswith(".idx")} == {"train.idx", "train2.idx", "valid.idx"}
    done = run(*flags)
    assert done.returncode == 0, done.stderr
    assert first == {name: (tmp_path / "ray" / name).stat().st_mtime_ns for name in first}  # that share was kept
    assert shards(tmp_path / "ray") == shards(tmp_path / "local") and len(shards(tmp_path / "ray")) == 20
    assert totals(tmp_path / "ray") == totals(tmp_path / "local")


def test_shares_by_rank_and_the_call_that_gathers(tmp_path, arguments, capsys):
    assert run_here(*arguments, "-o", tmp_path / "local") == 0
    output = tmp_path / "out"
    command = [sys.executable, "-m", "scripts.encode_domain", *map(str, arguments), "-o", str(output)]
    tasks = [subprocess.Popen([*command, "--rank", str(r), "--world_size", "3"], cwd=ROOT) for r in (0, 2)]
    assert [task.wait(120) for task in tasks] == [0, 0]
    assert not (output / "encode_stats.json").exists()
    assert run_here(*arguments, "-o", output) == 0  # and share 1, which nobody did
    assert "2 of 5 shards to do" in capsys.readouterr().out
    assert shards(output) == shards(tmp_path / "local") and totals(output) == totals(tmp_path / "local")


def test_shares_and_whole_runs_keep_out_of_each_others_way(tmp_path, arguments, capsys):
    output = tmp_path / "out"
    output.mkdir()
    share = [*arguments, "-o", output, "--rank", "0", "--world_size", "2"]
    with exclusive(output / ".lock", RuntimeError("nobody else is here")):
        assert run_here(*share) == 1
    with exclusive(output / ".lock", RuntimeError("nobody else is here"), shared=True):
        assert run_here(*arguments, "-o", output) == 1
        with exclusive(output / ".lock.0", RuntimeError("nobody else is here")):
            assert run_here(*share) == 1
        assert capsys.readouterr().err.count("another run writes to") == 3
        assert run_here(*share) == 0  # other shares are no reason to wait


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--nodes", "2"], "--nodes is 2 with --executor local; use slurm or ray"),
        (["--executor", "slurm", "--nodes", "0"], "--nodes is 0; give 1 or more"),
        (["--rank", "2", "--world_size", "2"], "--rank is 2 of --world_size 2; give 0 to --world_size - 1"),
        (["--world_size", "2"], "--world_size is 2 without --rank"),
        (["--executor", "slurm", "--rank", "0"], "--rank is for one share"),
        (["--executor", "ray", "--rank", "0"], "leave it out with --executor ray"),
        (["--executor", "ray"], "--executor ray needs Ray: pip install ray"),
        (["--executor", "slurm"], "no sbatch on PATH; run on a Slurm login node"),
    ],
)
def test_flags_that_do_not_go_together(tmp_path, arguments, capsys, monkeypatch, flags, message):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not installed
    try:
        code = encode_domain.main([str(a) for a in [*arguments, "-o", tmp_path / "out", *flags]])
    except SystemExit as error:
        code = error.code
    assert code in (1, 2) and message in capsys.readouterr().err


def test_statistics_are_those_of_the_shards(tmp_path, arguments):
    """Also where a share encoded a file that had changed, and the statistics of before are still there."""
    flags = [*arguments, "-o", tmp_path / "out"]
    assert run_here(*flags) == 0
    before = totals(tmp_path / "out")["lines"]
    with open(tmp_path / "in/train/0.jsonl", "ab") as stream:
        stream.write(row(TEXTS[0]))
    assert run_here(*flags, "--rank", "0") == 0
    assert run_here(*flags) == 0
    assert totals(tmp_path / "out")["lines"] == before + 1
