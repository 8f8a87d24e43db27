"""The files for clusters and containers: the batch scripts start what their heads promise; the image gets what it needs."""

import os
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "examples/slurm").glob("*.sbatch"))
SLURM = {"SLURM_SUBMIT_DIR": str(ROOT), "SLURM_JOB_ID": "77", "SLURM_JOB_NODELIST": "gpu[3-4]"}
SLURM |= {"SLURM_JOB_NUM_NODES": "2", "SLURM_GPUS_ON_NODE": "8", "SLURM_CPUS_PER_TASK": "4"}
SLURM |= {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "16"}


@pytest.fixture
def started(tmp_path):
    """A function that runs a batch script with stand-ins for Slurm and Python; returns ranks and words of the command."""
    for name, code in (
        ("srun", 'while [[ "$1" == --* ]]; do shift; done; exec "$@"'),
        ("scontrol", '[ "$*" = "show hostnames gpu[3-4]" ] && printf "gpu3\\ngpu4\\n"'),
        ("python", 'printf "%s\\n" "${RANK:-}" "${WORLD_SIZE:-}" "$@"'),
    ):
        (tmp_path / name).write_text(f"#!/bin/bash\n{code}\n")
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    environment = {key: value for key, value in os.environ.items() if key not in ("RANK", "WORLD_SIZE")}
    environment |= {"PATH": path, "PYTHON": str(tmp_path / "python"), **SLURM}

    def start(script: str, *flags: str) -> list[str]:
        command = ["bash", str(ROOT / "examples/slurm" / script), *flags]
        done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.removesuffix("\n").split("\n")

    return start


def test_training(started):
    launch = "-m torch.distributed.run --nnodes 2 --nproc_per_node 8 --rdzv_backend c10d --rdzv_id 77"
    words = started("train.sbatch", "configs/training/paper.yaml", "--output_dir", "a b")
    assert words[:2] == ["", ""]
    assert words[2:] == [
        *f"{launch} --rdzv_endpoint gpu3:29500 run_cert.py configs/training/paper.yaml".split(),
        "--output_dir",
        "a b",
    ]


def test_encoding(started):
    words = started("encode.sbatch", "-d", "Pandas")[2:]
    assert words == [
        "-m",
        "scripts.encode_domain",
        "-d",
        "Pandas",
        "--threads",
        "4",
        "--rank",
        "3",
        "--world_size",
        "16",
    ]


def test_generation(started):
    assert started("generate.sbatch", "eval_cert.py", "-d", "Pandas") == ["3", "16", "eval_cert.py", "-d", "Pandas"]


def test_shellcheck_finds_nothing():
    files = [*SCRIPTS, *ROOT.glob("*.sh"), *(ROOT / "scripts").glob("*.sh")]
    command = [Path(sys.executable).parent / "shellcheck", "--severity=warning", "-x", "-P", "SCRIPTDIR", *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert len(files) >= 10 and done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda file: file.stem)
def test_heads_name_the_script_and_its_options(script):
    text = script.read_text()
    assert f"examples/slurm/{script.name}" in text
    assert len(re.findall(r"^#SBATCH --[a-z-]+(?:=\S+)?$", text, re.MULTILINE)) == text.count("\n#SBATCH")


def test_image_gets_what_the_programs_read():
    """No pattern of .dockerignore covers a file that is under version control, but for those of git's own service."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    shipped = ["models/sketcher-pandas/README.md", "models/generator-numpy/recipe.json"]
    patterns = [line for line in (ROOT / ".dockerignore").read_text().split("\n") if line and line[0] != "#"]
    plain = [pattern.rstrip("/*") for pattern in patterns if not pattern.startswith(("*", ".git", "!"))]
    kept = [pattern[1:] for pattern in patterns if pattern.startswith("!")]  # the last lines of their folder count
    covered = [
        name
        for name in [*tracked, *shipped]
        if any(name == pattern or name.startswith(f"{pattern}/") for pattern in plain)
        and not any(fnmatch(name, pattern) for pattern in kept)
    ]
    assert len(tracked) > 100 and covered == []
    assert patterns.index("models/*") < patterns.index("!models/README.md")


def test_stages_of_the_image():
    text = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"^FROM \S+ AS (\w+)", text, re.MULTILINE) == ["base", "cpu", "cuda"]
    assert all((ROOT / name).exists() for name in re.findall(r"(requirements\.txt|\./pandas-numpy-eval)", text))
