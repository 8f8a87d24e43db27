"""Two processes with half the batch each train as one process does, with whole or cut models: torchrun, gloo, CPU."""

import shutil
import subprocess
import sys

import pytest
from training_runs import ROOT, Child, arguments, environment, history, make_inputs, weights_of

from nl2code.code_dataset import CodeBlockDataset

COMMON = (
    *("--max_steps", "20", "--logging_steps", "1", "--save_steps", "10", "--use_cpu", "true"),
    *("--learning_rate", "2e-3"),
    *("--gradient_accumulation_strategy", "2048_10"),  # 2 blocks of 64, then 32
)


@pytest.mark.slow
@pytest.mark.parametrize("program", ["run_cert.py", "tests/training/fsdp_on_cpu.py"], ids=["ddp", "fsdp"])
def test_two_processes_equal_one(tmp_path, program):
    inputs = make_inputs(tmp_path / "inputs")
    one = Child(arguments(inputs, tmp_path / "one", *COMMON, "--per_device_train_batch_size", "2"), tmp_path / "log")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", program]
    flags = arguments(inputs, tmp_path / "two", *COMMON, "--per_device_train_batch_size", "1", "--ddp_backend", "gloo")
    weights = []
    for _ in range(2):  # the second goes on from step 10
        two = subprocess.run(
            [*launch, *flags], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=150
        )
        assert two.returncode == 0, two.stderr
        weights.append(weights_of(tmp_path / "two/model"))
        if len(weights) == 1:
            shutil.rmtree(tmp_path / "two/model")
            shutil.rmtree(tmp_path / "two/checkpoint-20")
    assert weights[0] == weights[1]
    assert one.wait() == 0, one.log.read_text()

    expected, found = history(tmp_path / "one"), history(tmp_path / "two")
    assert [step for step, *_ in found] == list(range(1, 21))
    for (step, loss, tokens), (_, other_loss, other_tokens) in zip(expected, found, strict=True):
        assert abs(loss - other_loss) < 1e-5, f"step {step}: {loss} and {other_loss}"
        assert tokens == other_tokens
    one_epoch = CodeBlockDataset(inputs / "train", 64, pad_token_id=0, resampling_weights="1.0_0.5_1.0").epoch(0)
    assert found[-1][2] > one_epoch.tokens  # so a second epoch, of other documents, has begun
