"""What identifies a model: weights and configuration, not the places of its files nor the order of a set."""

import json
import sys
import warnings

import pytest
import tiny

from nl2code.models import ModelError, load_model, load_tokenizer, weights_sha256
from scripts.training.starting_model import starting_model


def adapter(folder, **changed):
    folder.mkdir()
    config = {"peft_type": "LORA", "r": 4, "base_model_name_or_path": "owner/base", "target_modules": ["q", "k", "v"]}
    (folder / "adapter_config.json").write_text(json.dumps(config | changed))
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    return weights_sha256(str(folder))


def test_the_order_of_adapted_modules_does_not_count(tmp_path):
    """peft writes a set of names, so two equal trainings give files that differ in order."""
    digest = adapter(tmp_path / "a")
    assert adapter(tmp_path / "b", target_modules=["v", "q", "k"]) == digest
    assert adapter(tmp_path / "c", target_modules=["v", "q"]) != digest
    assert adapter(tmp_path / "d", r=8) != digest


@pytest.mark.parametrize("lost", ["token*", "tokenizer.json"])
def test_a_model_without_a_tokenizer_is_one_line(tmp_path, lost):
    """transformers makes an empty one, which reads every prompt as nothing."""
    base = tiny.save_tiny(tmp_path / "base")
    for file in base.glob(lost):
        file.unlink()
    with pytest.raises(ModelError, match="no tokenizer for model"):
        load_tokenizer(str(base))


def test_loading_is_quiet_and_later_bars_are_not(tmp_path, capsys, monkeypatch):
    from transformers.utils import logging

    monkeypatch.setattr(logging, "_tqdm_active", True)
    base = tiny.save_tiny(tmp_path / "base")
    capsys.readouterr()  # bars of writing
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", FutureWarning)
        starting_model(str(base), lora_r=2).save_pretrained(tmp_path / "adapter")
        load_model(str(tmp_path / "adapter"))
    assert capsys.readouterr().err == "" and not told
    list(logging.tqdm([1], file=sys.stderr))
    assert "1/1" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [
        AssertionError("Torch not compiled with CUDA enabled"),
        RuntimeError("CUDA error: invalid device ordinal\nCompile with TORCH_USE_CUDA_DSA"),
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
    ],
)
def test_a_device_that_is_missing_or_full_is_one_line(tmp_path, monkeypatch, error):
    def to(*_):
        raise error

    monkeypatch.setattr("transformers.PreTrainedModel.to", to)
    told = f"^cannot use --device cuda:7: {str(error).partition(chr(10))[0]}; use cpu, or another GPU$"
    with pytest.raises(ModelError, match=told):
        load_model(str(tiny.save_tiny(tmp_path / "base")), device="cuda:7")
