"""The ready configurations: each is parsed by the program that reads it, and paper.yaml is the paper."""

from pathlib import Path

import pytest
import torch
import transformers
import yaml
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import launch_command_parser

from scripts.presets import with_preset
from scripts.training import run

ROOT = Path(__file__).resolve().parents[2]
ACCELERATE = sorted((ROOT / "configs/accelerate").glob("*.yaml"))
TRAINING = sorted((ROOT / "configs/training").glob("*.yaml"))


@pytest.mark.parametrize("file", ACCELERATE, ids=lambda file: file.stem)
def test_accelerate_configs(file):
    config = load_config_from_file(str(file))  # refuses unknown keys
    flags = {name for action in launch_command_parser()._actions for name in action.option_strings}
    nested = [*(config.fsdp_config or ()), *(config.deepspeed_config or ())]
    assert [key for key in nested if f"--{key}" not in flags] == []
    expected = {"ddp": "MULTI_GPU", "fsdp": "FSDP"}.get(file.stem, "DEEPSPEED")
    assert config.distributed_type == expected
    assert bool(config.fsdp_config) == (expected == "FSDP")
    assert bool(config.deepspeed_config) == (expected == "DEEPSPEED")
    assert f"--config_file {file.relative_to(ROOT)} run_cert.py" in file.read_text()


RUN = ("--model_name_or_path", "base", "--train_file", "train", "--validation_file", "valid", "--output_dir", "run")


@pytest.fixture
def preset(monkeypatch):
    """The three groups of settings of a training preset, read without a GPU, and nothing is measured."""
    monkeypatch.setattr("nl2code.precision.gemm_gflops", lambda dtype: 1.0)
    monkeypatch.setattr(transformers.TrainingArguments, "__post_init__", lambda self: None)
    monkeypatch.setattr(transformers.TrainingArguments, "device", torch.device("cuda"))
    return lambda name, *flags: run.parse(
        with_preset([str(ROOT / f"configs/training/{name}.yaml"), *RUN, *flags], "training")
    )


@pytest.mark.parametrize("file", TRAINING, ids=lambda file: file.stem)
def test_training_presets_are_read_by_their_programs(file, preset):
    assert set(yaml.safe_load(file.read_text())) == {"corpus", "encoding", "training"}
    model_args, data_args, training_args = preset(file.stem, "--max_steps", "7")
    assert training_args.max_steps == 7 and data_args.train_file == "train" and model_args.tokenizer_name is None
    known = {**vars(model_args), **vars(data_args), **vars(training_args)}
    for name, value in yaml.safe_load(file.read_text())["training"].items():
        assert name == "max_steps" or known[name] == (float(value) if name == "learning_rate" else value)


def test_the_paper_preset_is_the_paper(preset):
    model_args, data_args, training = preset("paper")
    step = training.per_device_train_batch_size * training.gradient_accumulation_steps * 8 * data_args.block_size
    assert step == 327_680
    assert (training.max_steps, training.learning_rate, training.warmup_steps, training.weight_decay) == (
        *(100_000, 5e-4, 1000),
        0.1,
    )
    assert (training.eval_strategy, training.eval_steps) == ("steps", 2000)
    assert training.fp16 and not training.bf16 and model_args.lora_r == 0
    assert data_args.resampling_weights == "1.0_0.5_1.0" and data_args.block_size == 1024
    text = (ROOT / "configs/training/paper.yaml").read_text()
    ours = {line.split(":")[0].strip(): line for line in text.splitlines() if "# ours" in line}
    assert set(ours) == {"kinds", "near_copies", "split_by", "continuation_ratio", "max_eval_tokens"}
    assert all("; off: " in line for line in ours.values())
