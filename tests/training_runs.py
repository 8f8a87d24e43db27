"""Tiny inputs and quick processes for the tests of training: a base, encoded data, and run_cert.py in a child."""

import json
import multiprocessing
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tiny

from nl2code.indexed_dataset import MMapIndexedDatasetBuilder, data_file_path, index_file_path

ROOT = Path(__file__).resolve().parents[1]


def make_inputs(folder: Path, dropout: float = 0.0) -> Path:
    """`folder` with a tiny base model, 160 training documents of weight 1.2 and 10 for validation."""
    base = tiny.save_tiny(folder / "base")
    config = json.loads((base / "config.json").read_text())
    config |= dict.fromkeys(("attention_dropout", "resid_dropout", "embed_dropout"), dropout)
    (base / "config.json").write_text(json.dumps(config))
    tokenizer = tiny.tiny_tokenizer()
    for name, count in (("train", 160), ("valid", 10)):
        builder = MMapIndexedDatasetBuilder(data_file_path(folder / name), np.uint16)
        for i in range(count):
            builder.add_item([0, *tokenizer("".join(tiny.TEXT[i % 5 :])).input_ids, 0])
        builder.finalize(index_file_path(folder / name))
        np.save(f"{folder / name}_features.npy", np.tile(np.float32([1, 0.5, 1]), (count, 1)))
    return folder


def arguments(inputs: Path, output: Path, *extra: str) -> list[str]:
    """Flags of run_cert.py; later ones win."""
    return [
        *("--model_name_or_path", str(inputs / "base"), "--output_dir", str(output), "--block_size", "64"),
        *("--train_file", str(inputs / "train"), "--validation_file", str(inputs / "valid")),
        *("--resampling_weights", "1.0_0.5_1.0", "--max_steps", "40", "--save_steps", "5", "--learning_rate", "1e-2"),
        *("--per_device_train_batch_size", "4", "--report_to", "none", "--disable_tqdm", "true", *extra),
    ]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'pandas-numpy-eval'}", "OMP_NUM_THREADS": "1"}


class Child:
    """run_cert.main in a process forked from one that has imported everything, which saves seconds a run."""

    def __init__(self, flags: list[str], log: Path, prepare: Callable[[], None] | None = None):
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(
            ["run_cert", "scripts.training.run", "transformers", "peft", "nl2code.hf_trainer"]
        )
        self.log = log
        self.process = context.Process(target=_main, args=(flags, str(log), prepare))
        self.process.start()

    def wait(self) -> int:
        """The exit code; -9 after SIGKILL."""
        self.process.join(100)
        if self.process.exitcode is None:
            self.process.kill()
        assert self.process.exitcode is not None, self.log.read_text()
        return self.process.exitcode

    def kill(self) -> int:
        """SIGKILL, where it still runs."""
        self.process.kill()
        return self.wait()


def _main(flags: list[str], log: str, prepare: Callable[[], None] | None) -> None:
    descriptor = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    import torch

    import run_cert

    torch.set_num_threads(1)
    if prepare:
        prepare()
    code = run_cert.main(flags)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def weights_of(folder: Path) -> bytes:
    return next(folder.glob("*.safetensors")).read_bytes()


def history(run: Path) -> list[dict]:
    """(step, loss, tokens seen) of every training line of the newest checkpoint's log."""
    newest = max(run.glob("checkpoint-*"), key=lambda folder: int(folder.name.rpartition("-")[2]))
    lines = json.loads((newest / "trainer_state.json").read_text())["log_history"]
    return [(line["step"], line["loss"], line["num_input_tokens_seen"]) for line in lines if "loss" in line]
