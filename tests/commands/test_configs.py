"""The ready configurations: each is parsed by what will read it, and says what the commands' presets say."""

import re
from pathlib import Path

import pytest
import transformers
import yaml
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import launch_command_parser

import run_cert

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


@pytest.mark.parametrize("file", TRAINING, ids=lambda file: file.stem)
def test_training_configs_equal_the_presets(file, monkeypatch):
    monkeypatch.setattr(transformers.TrainingArguments, "__post_init__", lambda self: None)  # would ask for a GPU
    model_args, data_args, training_args = run_cert.parse([str(file)])
    known = {**vars(model_args), **vars(data_args), **vars(training_args)}

    script = (ROOT / "run_training_cert.sh").read_text()
    quick, paper = re.search(r'if \[ "\$PRESET" = quick \]; then\n(.*?)else\n(.*?)fi\n', script, re.DOTALL).groups()
    text = {"quick": quick, "paper": paper}[file.stem]
    names = {"STEPS": "max_steps", "LR": "learning_rate", "BATCH": "per_device_train_batch_size"}
    names |= {"ACCUMULATION": "gradient_accumulation_steps"}
    preset = {names.get(name, name.lower()): value for name, value in re.findall(r"(\w+)=\"\$\{\1:-(.*?)\}\"", text)}
    precision = preset.pop("precision")
    assert known["fp16"] is (precision == "fp16") and not known["bf16"]
    del preset["kinds"]
    preset |= dict(re.findall(r"--(\w+) (\S+)", re.search(r"schedule=\((.*)\)", text)[1]))
    preset |= {"lr_scheduler_type": "cosine", "adam_beta2": "0.95", "save_total_limit": "2", "report_to": "tensorboard"}
    assert len(preset) > 12
    wrong = {key for key, value in preset.items() if value != str(known[key]) and float(value) != known[key]}
    assert not wrong
    assert set(yaml.safe_load(file.read_text())) - set(preset) - {"fp16"} == {
        *("model_name_or_path", "train_file", "validation_file", "output_dir")
    }
