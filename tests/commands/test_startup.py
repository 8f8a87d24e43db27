"""What answers without a model loads neither torch nor transformers, which take seconds."""

import importlib
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from training_runs import arguments, make_inputs

import run_cert
from benchmarks.bench_startup import COMMANDS
from scripts.training import finished

ROOT = Path(__file__).resolve().parents[2]
# Runs commands, each with its arguments, in one process; prints for each its status, whether it told of --help,
# and the heavy modules that are loaded then.
CODE = """
import contextlib, io, json, runpy, sys
for module, *flags in json.loads(sys.argv[1]):
    sys.argv, printed = [module, *flags], io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as status:
        loaded = {"torch", "transformers", "datasets"} & sys.modules.keys()
        print(json.dumps([module, status.code, "--help" in printed.getvalue(), sorted(loaded)]))
"""


def run(*commands: list[str]) -> list[list]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'pandas-numpy-eval'}"}
    command = [sys.executable, "-c", CODE, json.dumps(commands)]
    told = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in told.strip().split("\n")]


def test_help_loads_no_torch():
    assert len(COMMANDS) >= 17
    assert run(*([name, "--help"] for name in COMMANDS)) == [[name, 0, True, []] for name in COMMANDS]


def test_help_of_training_comes_from_its_parser_where_the_known_one_is_of_another_version(
    tmp_path, monkeypatch, capsys
):
    assert run_cert.main(["--help"]) == 0 and capsys.readouterr().out.startswith("usage: run_cert.py")
    (tmp_path / "help.txt").write_text("transformers 0.1\nold text\n")
    monkeypatch.setattr(finished, "HELP", tmp_path / "help.txt")
    with pytest.raises(SystemExit):
        run_cert.main(["--help"])
    assert "--gradient_accumulation_strategy" in capsys.readouterr().out


def test_commands_of_an_installation_are_programs():
    """`pip install -e .`: the names in pyproject.toml."""
    found = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert len(found) >= 6
    for name, place in found.items():
        module, _, function = place.partition(":")
        assert name.startswith("cert-") and module in COMMANDS and function == "main"
        assert callable(getattr(importlib.import_module(module), function))


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, list[str]]:
    """A finished run and its flags."""
    folder = tmp_path_factory.mktemp("finished")
    make_inputs(folder)
    flags = arguments(folder, folder / "run", "--max_steps", "1", "--logging_steps", "1", "--save_steps", "1")
    assert run_cert.main(flags) == 0
    return folder, flags


def test_a_finished_training_is_recognised_without_torch(trained):
    _, flags = trained
    assert run(["run_cert", *flags]) == [["run_cert", 0, False, []]]


def test_what_differs_gets_a_closer_look(trained, monkeypatch):
    folder, flags = trained
    model = folder / "run/model"
    assert finished.finished_model(flags) == model
    assert finished.finished_model([*flags, "--seed", "7"]) is None
    assert finished.finished_model(["--help"]) is None and finished.finished_model([*flags, "--train_file"]) is None
    for name, value in (("WORLD_SIZE", "2"), ("ACCELERATE_USE_FSDP", "true"), ("CUDA_VISIBLE_DEVICES", "3")):
        with monkeypatch.context() as patched:
            patched.setenv(name, value)
            assert finished.finished_model(flags) is None
    for name, value in (("has_gpu", lambda: None), ("versions", dict)):
        with monkeypatch.context() as patched:
            patched.setattr(finished, name, value)
            assert finished.finished_model(flags) is None
    file = folder / "deep.json"
    forms = ["--deepspeed", str(file)], [f"--deepspeed={file}"]
    file.write_text("{}")
    before = [finished.command_sha256([*flags, *form]) for form in forms]
    file.write_text("{ }")
    assert all(finished.command_sha256([*flags, *form]) != old for form, old in zip(forms, before, strict=True))


@pytest.mark.parametrize(
    "file", ["train.bin", "valid_features.npy", "base/config.json", "run/model/train_results.json"]
)
def test_a_file_that_changed_gets_a_closer_look(trained, file):
    folder, flags = trained
    before = (folder / file).read_bytes()
    (folder / file).write_bytes(
        before.replace(b"{", b'{"a": 1,', 1) if file.endswith("json") else before[:-1] + b"\x07"
    )
    try:
        assert finished.finished_model(flags) is None
    finally:
        (folder / file).write_bytes(before)


def test_the_record_holds_a_hash_and_no_flag(trained):
    folder, flags = trained
    text = (folder / "run/record.json").read_text()
    assert json.loads(text)["run"]["command"] == finished.command_sha256(flags)
    assert str(folder) not in json.dumps(json.loads(text)["run"])
