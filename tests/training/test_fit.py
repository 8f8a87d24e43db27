"""Models, tokenizers and data that do not fit each other are told before any training; adapters on adapters are merged."""

import json
import shutil

import numpy as np
import pytest
import tiny
import torch
from safetensors.torch import load_file, save_file
from training_runs import arguments, history, make_inputs, weights_of

import run_cert
from nl2code.indexed_dataset import MMapIndexedDatasetBuilder, data_file_path, index_file_path
from nl2code.models import (
    ModelError,
    adapter_chain,
    id_space,
    load_model,
    load_tokenizer,
    portable_name,
    same_tokenizer,
    tokenizer_sha256,
    weights_sha256,
)
from scripts.training import run as training
from scripts.training.starting_model import new_model, starting_model


@pytest.fixture
def inputs(tmp_path):
    return make_inputs(tmp_path / "inputs")


def write_shard(prefix, documents, dtype=np.uint16):
    builder = MMapIndexedDatasetBuilder(data_file_path(prefix), dtype)
    for document in documents:
        builder.add_item(document)
    builder.finalize(index_file_path(prefix))
    np.save(f"{prefix}_features.npy", np.zeros((len(documents), 3), np.float32))


def refused(inputs, capsys, *extra) -> str:
    """The one line of a run that ends before any training and leaves nothing behind."""
    run = inputs.parent / "run"
    capsys.readouterr()
    assert run_cert.main(arguments(inputs, run, *extra)) == 1
    captured = capsys.readouterr()
    last = captured.err.strip().splitlines()[-1]
    assert last.startswith("error: ") and "Traceback" not in captured.err
    assert "loss" not in captured.out and not list(run.glob("*"))
    return last


def test_a_block_longer_than_the_positions(inputs, capsys):
    assert "--block_size 513 exceeds the 512 positions" in refused(inputs, capsys, "--block_size", "513")


@pytest.mark.parametrize(
    ("name", "dtype", "document"),
    [("train", np.uint16, range(300, 460)), ("valid", np.uint16, [1, 380]), ("train", np.int32, [3, -1, 5])],
)
def test_tokens_that_the_model_does_not_have(inputs, capsys, name, dtype, document):
    write_shard(inputs / name, [[0, *document, 0]] * 40, dtype)
    line = refused(inputs, capsys)
    assert f"{name}: tokens from " in line and "the model has 380 (0 to 379)" in line


def with_other_words(folder):
    """A tokenizer of as many tokens, other ones."""
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    first, second = sorted(vocabulary)[5:7]
    vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))


def test_shards_of_another_tokenizer(inputs, capsys):
    """Told by the shard's record, or by the tokenizer beside it; one that was saved again is the same."""
    record = {"stage": "encoding", "format": 1, "settings": {}, "outputs": {}}
    own = tokenizer_sha256(str(inputs / "base"))
    for digest, known in ((own, True), ("0" * 64, False)):
        for name in ("train", "valid"):
            (inputs / f"{name}.record.json").write_text(json.dumps({**record, "inputs": {"tokenizer": digest}}))
        if known:
            assert run_cert.main(arguments(inputs, inputs / "run", "--max_steps", "1")) == 0
        else:
            assert "was encoded with another tokenizer" in refused(inputs, capsys)
    load_tokenizer(str(inputs / "base")).save_pretrained(inputs / "model")
    (inputs / "model/tokenizer_config.json").write_text(
        json.dumps(json.loads((inputs / "model/tokenizer_config.json").read_text()), indent=7)
    )
    assert tokenizer_sha256(str(inputs / "model")) != own and same_tokenizer(
        str(inputs / "model"), str(inputs / "base")
    )
    assert run_cert.main(arguments(inputs, inputs / "again", "--max_steps", "1")) == 0
    for name in ("train", "valid"):
        (inputs / f"{name}.record.json").unlink()
    with_other_words(inputs / "model")
    assert "was encoded with another tokenizer" in refused(inputs, capsys)
    assert (
        run_cert.main(
            arguments(inputs, inputs / "third", "--max_steps", "1", "--tokenizer_name", str(inputs / "model"))
        )
        == 0
    )


def test_a_vocabulary_with_gaps_gives_a_new_model_all_its_ids(inputs):
    file = inputs / "base/tokenizer.json"
    tokenizer = json.loads(file.read_text())
    last = max(tokenizer["model"]["vocab"], key=tokenizer["model"]["vocab"].get)
    tokenizer["model"]["vocab"][last] = 500
    file.write_text(json.dumps(tokenizer))
    tokenizer = load_tokenizer(str(inputs / "base"))
    assert len(tokenizer) == 380 and id_space(tokenizer) == 501
    extra = ("--config_overrides", "num_layers=2", "--max_steps", "1")
    assert run_cert.main(arguments(inputs, inputs / "run", *extra)) == 0
    assert load_model(str(inputs / "run/model")).config.vocab_size == 501


def test_a_new_model_has_weights_in_float32(inputs):
    """Whatever its config.json says; a value may hold commas."""
    file = inputs / "base/config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "dtype": None, "torch_dtype": "bfloat16"}))
    overrides = 'attention_types=[[["local","global"],1]],window_size=8'
    model = new_model(str(inputs / "base"), overrides, load_tokenizer(str(inputs / "base")))
    assert next(model.parameters()).dtype == torch.float32
    assert (model.config.attention_types, model.config.window_size) == ([[["local", "global"], 1]], 8)


def test_a_pad_token_beyond_the_model_is_not_used(inputs):
    """Llama's embeddings cannot be made with it."""
    tiny.tiny_model(tiny.tiny_tokenizer(), architecture="llama").save_pretrained(inputs / "base")
    tokenizer = load_tokenizer(str(inputs / "base"))
    tokenizer.add_special_tokens({"pad_token": "<pad>"})
    tokenizer.save_pretrained(inputs / "base")
    assert load_tokenizer(str(inputs / "base")).pad_token_id == 380  # as many as the model has rows
    assert run_cert.main(arguments(inputs, inputs / "run", "--max_steps", "2")) == 0
    assert load_model(str(inputs / "run/model")).config.pad_token_id == tokenizer.eos_token_id


def test_a_tokenizer_without_special_tokens_trains(inputs):
    tiny.tiny_tokenizer(special=None).save_pretrained(inputs / "base")
    assert run_cert.main(arguments(inputs, inputs / "run", "--max_steps", "2")) == 0


def test_weights_of_zero_are_named_as_the_cause(inputs, capsys):
    np.save(inputs / "train_features.npy", np.zeros((160, 3), np.float32))
    line = refused(inputs, capsys, "--resampling_weights", "0_0.5_1.0")
    assert "--resampling_weights 0_0.5_1.0 select no document" in line and "the highest weight is 0" in line


@pytest.mark.parametrize("spec", ["-1_0.5_1.0", "nan_0.5_1.0", "1e300_0.5_1.0", "inf_1_1"])
def test_weights_that_are_no_weights(inputs, capsys, spec):
    assert "three numbers from 0 to 1000" in refused(inputs, capsys, f"--resampling_weights={spec}")


@pytest.mark.parametrize("content", [b"", b"no array", None])
def test_damaged_features_are_named(inputs, capsys, content):
    if content is None:
        np.save(inputs / "train_features.npy", np.full((160, 3), np.nan, np.float32))
    else:
        (inputs / "train_features.npy").write_bytes(content)
    assert "train_features.npy" in refused(inputs, capsys)


def test_the_evaluation_loss_is_a_mean_over_tokens(inputs):
    """Whatever the batch size; equal to a loop over single blocks."""
    rng = np.random.default_rng(0)
    write_shard(inputs / "valid", [*(rng.integers(1, 250, 60) for _ in range(4)), np.full(5, 7)])
    losses = {}
    for size in ("1", "2", "3", "5", "8"):
        flags = arguments(inputs, inputs / "run", "--per_device_eval_batch_size", size)
        trainer = training.build_trainer(*training.parse(flags))
        losses[size] = trainer.evaluate()["eval_loss"]
    model, total, count = load_model(str(inputs / "base")), 0.0, 0
    for row in range(len(trainer.eval_dataset)):
        block = {name: torch.tensor(value)[None] for name, value in trainer.eval_dataset[row].items()}
        tokens = int((block["labels"][:, 1:] != -100).sum())
        with torch.no_grad():
            total, count = total + float(model(**block).loss) * tokens, count + tokens
    assert trainer.eval_dataset.predicted_tokens() == count
    assert losses == pytest.approx(dict.fromkeys(losses, total / count), abs=1e-5)


def test_a_log_line_leaves_the_current_epoch_alone(inputs):
    trainer = training.build_trainer(*training.parse(arguments(inputs, inputs / "run")))
    layouts = [trainer.train_dataset.epoch(number) for number in (5, 6)]
    trainer.log({"x": 1.0})
    assert [trainer.train_dataset.epoch(number) is known for number, known in zip((5, 6), layouts, strict=True)] == [
        True
    ] * 2


@pytest.mark.parametrize("chunked", [True, False])
def test_a_step_of_prompts_alone_changes_nothing(inputs, monkeypatch, chunked):
    """A prompt may be longer than a block."""
    if not chunked:
        monkeypatch.setattr("nl2code.hf_trainer.use_chunked_loss", lambda model: False)
    write_shard(inputs / "train", [np.full(130, 7)])  # two blocks of 64 are prompts, the last of two tokens is not
    np.save(inputs / "train_targets.npy", np.packbits(np.arange(130) >= 128))
    write_shard(inputs / "valid", [np.full(64, 7)])
    np.save(inputs / "valid_targets.npy", np.zeros(8, np.uint8))
    flags = arguments(inputs, inputs / "run", "--loss_on", "targets", "--max_steps", "3", "--save_steps", "3")
    assert run_cert.main([*flags, "--per_device_train_batch_size", "1", "--logging_steps", "1"]) == 0
    losses = sorted(loss for _, loss, _ in history(inputs / "run"))
    assert losses[:2] == [0, 0] and losses[2] > 1


@pytest.mark.parametrize(
    "settings", [{"do_sample": False, "temperature": 0.6}, {"num_beams": 1, "early_stopping": True}]
)
def test_a_generation_config_that_cannot_be_saved(inputs, settings):
    file = inputs / "base/generation_config.json"
    known = {"bos_token_id": 0, "eos_token_id": [0, 5]}
    file.write_text(json.dumps({**known, **settings}))
    assert run_cert.main(arguments(inputs, inputs / "run", "--max_steps", "2", "--save_steps", "1")) == 0
    saved = json.loads((inputs / "run/model/generation_config.json").read_text())
    assert 5 in np.atleast_1d(saved["eos_token_id"])


def trained_adapter(base, folder, seed):
    """A LoRA adapter on `base` with random weights, saved as run_cert.py saves it; returns the trained model."""
    model = starting_model(str(base), lora_r=4)
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "lora_" in name:
                value.copy_(torch.randn_like(value) * 0.2)
    model.save_pretrained(folder)
    return model.eval()


IDS = torch.arange(5, 25)[None]


def test_adapters_on_adapters_are_merged_in_order(tmp_path):
    base = tiny.save_tiny(tmp_path / "base")
    models = [trained_adapter(base, tmp_path / "one", 1)]
    models.append(trained_adapter(tmp_path / "one", tmp_path / "two", 2))
    models.append(trained_adapter(tmp_path / "two", tmp_path / "three", 3))
    chain = [str(base), *(str(tmp_path / name) for name in ("one", "two", "three"))]
    assert adapter_chain(chain[-1]) == chain
    for path, model in zip(chain[1:], models, strict=True):
        merged = load_model(path)
        assert type(merged) is type(load_model(str(base)))
        with torch.no_grad():
            assert torch.allclose(merged(IDS).logits, model(input_ids=IDS).logits, atol=1e-4)
    assert load_tokenizer(chain[-1]).get_vocab() == load_tokenizer(str(base)).get_vocab()
    hashes = {weights_sha256(path) for path in chain}
    assert len(hashes) == 4
    config = json.loads((tmp_path / "one/adapter_config.json").read_text())
    (tmp_path / "one/adapter_config.json").write_text(json.dumps({**config, "lora_alpha": 1}))
    assert weights_sha256(chain[-1]) not in hashes  # the scale is part of the weights


def test_training_on_an_adapter(inputs):
    flags = ("--max_steps", "2", "--lora_r", "4")
    assert run_cert.main(arguments(inputs, inputs / "one", *flags)) == 0
    one = str(inputs / "one/model")
    assert run_cert.main(arguments(inputs, inputs / "two", *flags, "--model_name_or_path", one)) == 0
    assert adapter_chain(str(inputs / "two/model")) == [str(inputs / "base"), one, str(inputs / "two/model")]
    names = load_file(inputs / "two/model/adapter_model.safetensors")
    assert all("lora_" in name for name in names)
    load_model(str(inputs / "two/model"))


def name_base(adapter, base):
    file = adapter / "adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "base_model_name_or_path": base}))


def test_the_base_of_an_adapter_is_found_or_named(tmp_path, monkeypatch):
    base = tiny.save_tiny(tmp_path / "base")
    right = trained_adapter(base, tmp_path / "one", 1)
    for name in ("../base", str(base)):  # relative to the adapter, wherever the program is started
        name_base(tmp_path / "one", name)
        assert torch.allclose(load_model(str(tmp_path / "one"))(IDS).logits, right(input_ids=IDS).logits, atol=1e-4)
    monkeypatch.chdir(tmp_path)
    trained_adapter("base", tmp_path / "two", 1)  # a relative path is remembered as an absolute one
    assert json.loads((tmp_path / "two/adapter_config.json").read_text())["base_model_name_or_path"] == str(base)
    assert portable_name("owner/name") == "owner/name"
    for name in ("nowhere", None, 3, "", str(tmp_path / "one")):
        name_base(tmp_path / "one", name)
        with pytest.raises(ModelError, match="adapter_config.json|based on itself") as caught:
            load_model(str(tmp_path / "one"))
        assert str(tmp_path / "one") in str(caught.value)
    (tmp_path / "one/adapter_config.json").write_text("{")
    with pytest.raises(ModelError, match="names no base"):
        weights_sha256(str(tmp_path / "one"))


def test_an_adapter_of_another_base_is_one_line(tmp_path):
    base = tiny.save_tiny(tmp_path / "base")
    trained_adapter(base, tmp_path / "one", 1)
    shutil.rmtree(base)
    tokenizer = tiny.tiny_tokenizer()
    tiny.tiny_model(tokenizer, architecture="llama").save_pretrained(base)
    with pytest.raises(ModelError, match="cannot load model"):
        load_model(str(tmp_path / "one"))


@pytest.mark.parametrize("lost", ["layer", "bias", "adapter"])
def test_weights_that_lack_a_tensor_are_one_line(tmp_path, lost):
    """transformers and peft draw what is missing at random, or leave it as it was, with a warning."""
    base = tiny.save_tiny(tmp_path / "base")
    trained_adapter(base, tmp_path / "one", 1)
    name = {"layer": ".h.1.", "bias": "h.0.mlp.c_fc.bias", "adapter": "h.0"}[lost]
    folder = tmp_path / "one" if lost == "adapter" else base
    file = next(folder.glob("*.safetensors"))
    kept = {key: value for key, value in load_file(file).items() if name not in key}
    save_file(kept, file, metadata={"format": "pt"})
    with pytest.raises(ModelError, match="missing adapter keys" if lost == "adapter" else r"lack .* tensors .*h\.[01]"):
        load_model(str(tmp_path / "one"))


def test_bin_weights_name_the_command_that_converts_them(inputs, capsys):
    model = load_model(str(inputs / "base"))
    torch.save(model.state_dict(), inputs / "base/pytorch_model.bin")
    (inputs / "base/model.safetensors").unlink()
    line = refused(inputs, capsys)
    assert f"python -m scripts.fetch_model --source {inputs}/base -o models/base-safetensors" in line


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "tokenizer.json", "model.safetensors.index.json"])
@pytest.mark.parametrize("content", ["", "{", "[]", '{"weight_map": 3}'])
def test_damaged_files_of_a_base_are_one_line(inputs, capsys, file, content):
    (inputs / "base" / file).write_text(content)
    refused(inputs, capsys)


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_a_damaged_generation_config_is_one_line(inputs, capsys, content):
    """transformers does without it, and samples then run past the end tokens that it names."""
    (inputs / "base/generation_config.json").write_text(content)
    assert "generation_config.json is damaged" in refused(inputs, capsys)


def test_shards_in_a_folder_whose_name_is_no_utf8(inputs, tmp_path):
    folder = tmp_path / "d\udce9"
    shutil.copytree(inputs, folder)
    assert (
        run_cert.main(arguments(inputs, tmp_path / "run", "--max_steps", "1", "--train_file", f"{folder}/train")) == 0
    )


def test_a_run_behind_a_link_whose_target_does_not_exist_yet(inputs, tmp_path):
    (tmp_path / "run").symlink_to(tmp_path / "disk")
    assert run_cert.main(arguments(inputs, tmp_path / "run", "--max_steps", "1")) == 0
    assert (tmp_path / "run").is_symlink() and (tmp_path / "disk/model").is_dir()


def test_two_processes_share_the_validation_blocks(inputs):
    """Each block once, as many rows on each process; rows beyond the end have no label."""
    from nl2code.hf_trainer import _Share

    flags = arguments(inputs, inputs / "run")
    blocks = training.build_trainer(*training.parse(flags)).eval_dataset
    shares = [_Share(blocks, process, 3) for process in range(3)]
    rows = [share[row] for row in range(len(shares[0])) for share in shares]
    assert len({len(share) for share in shares}) == 1 and len(rows) >= len(blocks)
    for row, found in enumerate(rows):
        if row < len(blocks):
            assert np.array_equal(found["labels"], blocks[row]["labels"])
        else:
            assert (found["labels"] == -100).all()


def test_weights_are_the_same_with_evaluations_between(inputs):
    """With dropout: an evaluation draws nothing from the random state of training."""
    config = json.loads((inputs / "base/config.json").read_text())
    (inputs / "base/config.json").write_text(json.dumps({**config, "resid_dropout": 0.1}))
    few = ("--max_steps", "6", "--save_steps", "6")
    for name, extra in (("a", ()), ("b", ("--eval_strategy", "steps", "--eval_steps", "1"))):
        assert run_cert.main(arguments(inputs, inputs / name, *few, *extra)) == 0
    assert weights_of(inputs / "a/model") == weights_of(inputs / "b/model")
