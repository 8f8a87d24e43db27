"""A base model as safetensors: from pickled weights, through links, and what cannot be loaded in one line."""

import json
import pickle

import pytest
import tiny
import torch
from transformers import AutoModelForCausalLM

from nl2code.models import has_weights, load_model, load_tokenizer
from scripts.fetch_model import main


@pytest.fixture(scope="module")
def pickled(tmp_path_factory):
    """A model folder as old hubs have it: pytorch_model.bin alone."""
    folder = tiny.save_tiny(tmp_path_factory.mktemp("models") / "old")
    model = AutoModelForCausalLM.from_pretrained(folder)
    for file in folder.glob("*.safetensors"):
        file.unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    return folder


def test_pickled_weights_become_safetensors(pickled, tmp_path, capsys):
    disk, output = tmp_path / "disk", tmp_path / "base"
    disk.mkdir()
    output.symlink_to(disk)
    assert not has_weights(pickled)
    assert main(["--source", str(pickled), "-o", str(output)]) == 0
    assert output.is_symlink() and has_weights(disk) and not list(disk.glob("*.bin"))
    expected = torch.load(pickled / "pytorch_model.bin", weights_only=True)
    found = load_model(str(output)).state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    assert load_tokenizer(str(output)).get_vocab() == load_tokenizer(str(pickled)).get_vocab()
    assert main(["--source", str(pickled), "-o", str(output)]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert main(["--source", str(tmp_path / "another"), "-o", str(output)]) == 1
    assert f"was made from {pickled}, not {tmp_path / 'another'}; choose another -o" in capsys.readouterr().err
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter/adapter_config.json").write_text("{}")
    assert main(["--source", str(tmp_path / "adapter"), "-o", str(tmp_path / "x")]) == 1
    assert "is an adapter, not a whole model" in capsys.readouterr().err


def test_end_tokens_of_the_generation_config_stay(tmp_path):
    """Also where transformers refuses to save the rest of the file."""
    folder = tiny.save_tiny(tmp_path / "a")
    for name, more in (("b", {}), ("c", {"do_sample": False, "temperature": 0.6})):
        (folder / "generation_config.json").write_text(json.dumps({"bos_token_id": 0, "eos_token_id": [0, 5], **more}))
        assert main(["--source", str(folder), "-o", str(tmp_path / name)]) == 0
        assert load_model(str(tmp_path / name)).generation_config.eos_token_id == [0, 5]


class Trap:
    def __reduce__(self):
        return exec, ("raise SystemExit('executed')",)


@pytest.mark.parametrize("damage", ["type", "no type", "no config", "pickle", "cut", "no tokenizer", "lack", "missing"])
def test_what_cannot_be_loaded_is_one_line(pickled, tmp_path, capsys, damage):
    source = tmp_path / "source"
    source.mkdir()
    for file in pickled.iterdir():
        (source / file.name).write_bytes(file.read_bytes())
    config = json.loads((source / "config.json").read_text())
    if damage in ("type", "no type"):
        config = config | {"model_type": "never_heard_of"} if damage == "type" else {}
        (source / "config.json").write_text(json.dumps(config))
    elif damage == "no config":
        (source / "config.json").unlink()
    elif damage == "pickle":
        (source / "pytorch_model.bin").write_bytes(pickle.dumps(Trap()))
    elif damage == "cut":
        (source / "pytorch_model.bin").write_bytes((source / "pytorch_model.bin").read_bytes()[:5000])
    elif damage == "no tokenizer":
        for file in source.glob("*token*"):
            file.unlink()
    elif damage == "lack":
        weights = torch.load(source / "pytorch_model.bin", weights_only=True)
        del weights["transformer.h.1.mlp.c_fc.weight"]
        torch.save(weights, source / "pytorch_model.bin")
    else:
        source = tmp_path / "nowhere"
    assert main(["--source", str(source), "-o", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err.strip().split("\n")[-1]
    assert (
        error.startswith("error: cannot load a causal language model with its tokenizer from") and str(source) in error
    )
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_left_alone(pickled, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.txt").write_text("years of work")
    assert main(["--source", str(pickled), "-o", str(tmp_path / "out")]) == 1
    assert "exists without *.safetensors weights" in capsys.readouterr().err
    assert (tmp_path / "out/thesis.txt").read_text() == "years of work"
