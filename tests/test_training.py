"""run_cert.py as a user starts it: a loss that falls, a kill that changes nothing, bad input that stops early."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch

import run_cert
from nl2code.hf_trainer import newest_checkpoint
from nl2code.indexed_dataset import MMapIndexedDatasetBuilder, data_file_path, index_file_path
from nl2code.models import load_model, load_tokenizer, weights_sha256

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A tiny base model and encoded data."""
    folder = tmp_path_factory.mktemp("inputs")
    base = tiny.save_tiny(folder / "base")
    tokenizer = tiny.tiny_tokenizer()
    for name, count in (("train", 160), ("valid", 10)):
        builder = MMapIndexedDatasetBuilder(data_file_path(folder / name), np.uint16)
        for i in range(count):
            builder.add_item([0, *tokenizer("".join(tiny.TEXT[i % 5 :])).input_ids, 0])
        builder.finalize(index_file_path(folder / name))
        np.save(f"{folder / name}_features.npy", np.tile(np.float32([1, 0.5, 1]), (count, 1)))
    return base, folder


def command(inputs, output, *extra):
    base, folder = inputs
    return [
        *(sys.executable, "run_cert.py", "--model_name_or_path", str(base), "--output_dir", str(output)),
        *("--train_file", str(folder / "train"), "--validation_file", str(folder / "valid"), "--block_size", "64"),
        *("--resampling_weights", "1.0_0.5_1.0", "--max_steps", "40", "--save_steps", "5", "--learning_rate", "1e-2"),
        *("--per_device_train_batch_size", "4", "--report_to", "none", "--disable_tqdm", "true", *extra),
    ]


def run(arguments):
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'pandas-numpy-eval'}", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        arguments, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@pytest.mark.parametrize("lora", [0, 4])
def test_a_killed_run_ends_with_the_same_weights(inputs, tmp_path, lora):
    extra = ("--lora_r", str(lora))
    whole = run(command(inputs, tmp_path / "whole", *extra))
    killed = run(command(inputs, tmp_path / "killed", *extra))
    deadline = time.time() + 120
    while not (tmp_path / "killed/checkpoint-10").exists() and time.time() < deadline:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert (tmp_path / "killed/checkpoint-10").exists() and not (tmp_path / "killed/model").exists()
    (tmp_path / "killed/checkpoint-35").mkdir(exist_ok=True)  # half-written: no state in it
    again = run(command(inputs, tmp_path / "killed", *extra))
    for process in (whole, again):
        output = process.communicate(timeout=120)[0]
        assert process.returncode == 0, output
    assert "half-written" in output

    assert weights_of(tmp_path / "killed/model") == weights_of(tmp_path / "whole/model")
    results = json.loads((tmp_path / "killed/model/train_results.json").read_text())
    assert results["final_loss"] < results["initial_loss"]
    assert results["steps"] == 40 and results["tokens"] > 40 * 4 * 64 * 0.8
    assert not list((tmp_path / "killed/model").glob("*.bin"))

    finished = run(command(inputs, tmp_path / "killed", *extra))
    assert "nothing to do" in finished.communicate(timeout=60)[0]
    assert finished.returncode == 0


def weights_of(folder: Path) -> bytes:
    return next(folder.glob("*.safetensors")).read_bytes()


def train(inputs, output, *extra) -> int:
    """The same in this process, which saves the seconds that imports take."""
    return run_cert.main(command(inputs, output, *extra)[2:])


def test_an_adapter_is_merged_on_loading(inputs, tmp_path):
    base, _ = inputs
    assert train(inputs, tmp_path / "x", "--lora_r", "4", "--max_steps", "5") == 0
    path = str(tmp_path / "x/model")
    trained, untrained = load_model(path), load_model(str(base))
    assert type(trained) is type(untrained)
    ids = torch.arange(1, 20)[None]
    assert not torch.equal(trained(ids).logits, untrained(ids).logits)
    assert load_tokenizer(path).get_vocab() == load_tokenizer(str(base)).get_vocab()
    assert weights_sha256(path) != weights_sha256(str(base))


def test_other_settings_in_the_same_folder_are_refused(inputs, tmp_path, capsys):
    assert train(inputs, tmp_path / "x", "--max_steps", "2") == 0
    before = weights_of(tmp_path / "x/model")
    assert train(inputs, tmp_path / "x", "--max_steps", "2", "--learning_rate", "1e-3") == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error:") and "other training_args" in error and "RUN_NAME" in error
    assert weights_of(tmp_path / "x/model") == before


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (("--train_file", "nowhere/train"), "encode the corpus first"),
        (("--model_name_or_path", "nothing-here"), "(3) a hub id"),
        (("--resampling_weights", "1_2"), "a_b_c"),
        (("--no_such_flag", "1"), "no_such_flag"),
        (("--learning_rate", "1e30"), "lower --learning_rate"),
    ],
)
def test_bad_input_is_named(inputs, tmp_path, capsys, extra, message):
    assert train(inputs, tmp_path / "x", *extra) != 0
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("error: ") and message in last
    assert not (tmp_path / "x/model").exists()


def test_settings_from_a_file(inputs, tmp_path, capsys):
    arguments = command(inputs, tmp_path / "x")[2:]
    settings = dict(zip((flag[2:] for flag in arguments[::2]), arguments[1::2], strict=True))
    settings |= {"max_steps": 2, "save_steps": 2, "block_size": 64, "learning_rate": 0.01, "disable_tqdm": True}
    settings |= {"per_device_train_batch_size": 4}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    assert run_cert.main([str(tmp_path / "config.json")]) == 0
    (tmp_path / "config.json").write_text(json.dumps({**settings, "no_such_key": 1}))
    assert run_cert.main([str(tmp_path / "config.json")]) == 2
    assert "no_such_key" in capsys.readouterr().err


def test_newest_checkpoint_takes_the_highest_whole_one(tmp_path):
    for step, state in ((5, "{}"), (10, "{}"), (20, '{"cut')):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(state)
    assert newest_checkpoint(tmp_path) == str(tmp_path / "checkpoint-10")
    assert not (tmp_path / "checkpoint-20").exists()
    assert newest_checkpoint(tmp_path / "empty") is None
