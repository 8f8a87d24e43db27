"""Two processes with half the batch each train as one process does, with whole or cut models: gloo, CPU."""

import os
import shutil
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from training_runs import ROOT, Child, arguments, environment, history, make_inputs, weights_of

from nl2code.code_dataset import CodeBlockDataset

COMMON = (
    *("--max_steps", "20", "--logging_steps", "1", "--save_steps", "10", "--use_cpu", "true"),
    *("--learning_rate", "2e-3"),
    *("--gradient_accumulation_strategy", "2048_10"),  # 2 blocks of 64, then 32
)


def fsdp_settings() -> dict[str, str]:
    """The environment variables that `accelerate launch` makes of configs/accelerate/fsdp.yaml, in float32."""
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser
    from accelerate.utils.launch import prepare_multi_gpu_env

    flags = ["--config_file", str(ROOT / "configs/accelerate/fsdp.yaml"), "--mixed_precision", "no", "run_cert.py"]
    made = prepare_multi_gpu_env(_validate_launch_command(launch_command_parser().parse_args(flags))[0])
    return {name: value for name, value in made.items() if name.startswith(("FSDP_", "ACCELERATE_"))}


def cut_models() -> None:
    """FSDP on CPUs. accelerate shards models of GPU launches only, so it is told that this is one; PyTorch does not mind."""
    import accelerate.state
    from accelerate.utils import DistributedType

    import run_cert

    os.environ.update(fsdp_settings())
    initialise, train = accelerate.state.PartialState.__init__, run_cert.main

    def as_if_on_gpus(state, *args, **kwargs) -> None:
        initialise(state, *args, **kwargs)
        if state.distributed_type == DistributedType.MULTI_CPU:
            state.distributed_type = DistributedType.MULTI_GPU

    def checked(flags: list[str]) -> int:
        code = train(flags)
        assert accelerate.state.AcceleratorState().distributed_type == DistributedType.FSDP
        return code

    accelerate.state.PartialState.__init__, run_cert.main = as_if_on_gpus, checked


def join(rank: int, port: int, fsdp: bool) -> None:
    """Make this process one of two, as torchrun does."""
    ranks = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2}
    os.environ.update({name: str(value) for name, value in ranks.items()})
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    if fsdp:
        cut_models()


def launch(flags: list[str], folder: Path, fsdp: bool) -> None:
    """Train in two processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pair = [Child(flags, folder / f"log {rank}", partial(join, rank, port, fsdp)) for rank in range(2)]
    for child in pair:
        assert child.wait() == 0, child.log.read_text()


def torchrun(flags: list[str]) -> None:
    """The same by the command of PyTorch."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "run_cert.py"]
    done = subprocess.run([*command, *flags], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("fsdp", [False, True], ids=["ddp", "fsdp"])
def test_two_processes_equal_one(tmp_path, fsdp):
    inputs = make_inputs(tmp_path / "inputs")
    one = Child(arguments(inputs, tmp_path / "one", *COMMON, "--per_device_train_batch_size", "2"), tmp_path / "log")
    flags = arguments(inputs, tmp_path / "two", *COMMON, "--per_device_train_batch_size", "1", "--ddp_backend", "gloo")
    launch(flags, tmp_path, fsdp) if fsdp else torchrun(flags)
    weights = weights_of(tmp_path / "two/model")
    shutil.rmtree(tmp_path / "two/model")
    shutil.rmtree(tmp_path / "two/checkpoint-20")
    launch(flags, tmp_path, fsdp)  # goes on from step 10
    assert weights_of(tmp_path / "two/model") == weights
    assert one.wait() == 0, one.log.read_text()

    expected, found = history(tmp_path / "one"), history(tmp_path / "two")
    assert [step for step, *_ in found] == list(range(1, 21))
    for (step, loss, tokens), (_, other_loss, other_tokens) in zip(expected, found, strict=True):
        assert abs(loss - other_loss) < 1e-5, f"step {step}: {loss} and {other_loss}"
        assert tokens == other_tokens
    one_epoch = CodeBlockDataset(inputs / "train", 64, pad_token_id=0, resampling_weights="1.0_0.5_1.0").epoch(0)
    assert found[-1][2] > one_epoch.tokens  # so a second epoch, of other documents, has begun
