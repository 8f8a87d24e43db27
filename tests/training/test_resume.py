"""Runs that are killed, at any moment, or meet a full disk: they end with the weights of an undisturbed run."""

import json
import os
import pkgutil
import random
import resource
import signal
import time
from functools import partial

import pytest
from training_runs import Child, arguments, history, make_inputs, weights_of

GROWING = (
    *("--per_device_train_batch_size", "1", "--gradient_accumulation_strategy", "1024_16", "--max_steps", "24"),
    *("--save_steps", "3", "--save_total_limit", "2", "--logging_steps", "1"),
)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """With dropout, so that the states of random generators count too."""
    return make_inputs(tmp_path_factory.mktemp("inputs"), dropout=0.1)


@pytest.fixture(scope="module")
def whole(inputs, tmp_path_factory):
    run = tmp_path_factory.mktemp("whole") / "run"
    child = Child(arguments(inputs, run, *GROWING), run.parent / "log")
    assert child.wait() == 0, child.log.read_text()
    return run


def die_in(owner: str, name: str, call: int, half_written: str | None = None) -> None:
    """Make the `call`-th call of a function the process's last."""
    owner = pkgutil.resolve_name(owner)
    original, count = getattr(owner, name), iter(range(call))

    def dying(*args, **kwargs):
        if next(count) < call - 1:
            return original(*args, **kwargs)
        if half_written:
            with open(args[1], "w") as stream:
                stream.write(half_written)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, dying)


MOMENTS = {
    "in a step": partial(die_in, "transformers:Trainer", "training_step", 5),
    "before the optimizer is saved": partial(die_in, "transformers:Trainer", "_save_optimizer_and_scheduler", 2),
    "before the random states are saved": partial(die_in, "transformers:Trainer", "_save_rng_state", 2),
    "in the middle of the last file": partial(
        die_in, "transformers:TrainerState", "save_to_json", 2, '{"epoch": 0.1, "glo'
    ),
    "before old checkpoints are removed": partial(die_in, "nl2code.hf_trainer", "remove_old", 1),
}


def test_killed_at_five_moments_and_a_random_one(inputs, whole, tmp_path):
    run = tmp_path / "run"
    flags = arguments(inputs, run, *GROWING)
    for name, moment in MOMENTS.items():
        assert Child(flags, tmp_path / "log", moment).wait() == -signal.SIGKILL, name
    child = Child(flags, tmp_path / "log")
    time.sleep(random.Random().uniform(0, 1.5))
    child.kill()

    child = Child(flags, tmp_path / "log")
    assert child.wait() == 0, child.log.read_text()
    assert weights_of(run / "model") == weights_of(whole / "model")
    assert history(run) == history(whole)
    assert [step for step, *_ in history(whole)] == list(range(1, 25))
    tokens = [tokens for *_, tokens in history(whole)]
    growth = [new - old for old, new in zip([0, *tokens], tokens, strict=False)]
    for step, seen in enumerate(growth):  # 1 + 15 x step / 16 blocks of 64, rounded down; some padding
        blocks = 16 if step >= 16 else 1 + 15 * step // 16
        assert 0.5 * 64 * blocks < seen <= 64 * blocks
    results = json.loads((run / "model/train_results.json").read_text())
    assert results["tokens"] == tokens[-1]


def limit_file_size() -> None:
    """What a full disk does: writing stops in the middle of the optimizer's file."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))


def test_a_full_disk_keeps_the_old_checkpoint(inputs, whole, tmp_path):
    run = tmp_path / "run"
    flags = [*arguments(inputs, run, *GROWING), "--save_total_limit", "1"]
    assert (
        Child(flags, tmp_path / "log", partial(die_in, "transformers:Trainer", "training_step", 11)).wait()
        == -signal.SIGKILL
    )
    (run / "checkpoint-21").mkdir()  # incomplete, by a kill in its very beginning
    assert {folder.name for folder in run.glob("checkpoint-*")} >= {"checkpoint-21"}

    before = sorted(folder.name for folder in run.glob("checkpoint-*") if (folder / "trainer_state.json").is_file())
    child = Child(flags, tmp_path / "log", limit_file_size)
    assert child.wait() == 1
    error = child.log.read_text().strip().splitlines()[-1]
    assert error.startswith("error: ") and "was not written" in error and "make room" in error
    assert sorted(folder.name for folder in run.glob("checkpoint-*")) == before != []
    assert "checkpoint-21 is incomplete" in child.log.read_text()

    child = Child(flags, tmp_path / "log")
    assert child.wait() == 0, child.log.read_text()
    assert weights_of(run / "model") == weights_of(whole / "model")
