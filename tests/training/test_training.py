"""run_cert.py as a user starts it: a loss that falls, a kill that changes nothing, bad input that stops early."""

import dataclasses
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import peft
import pytest
import torch
import transformers
import yaml
from safetensors.torch import load_file
from training_runs import ROOT, Child, arguments, environment, history, make_inputs, weights_of

import run_cert
from nl2code import hf_trainer
from nl2code.checkpoints import newest_checkpoint
from nl2code.code_dataset import CodeBlockDataset
from nl2code.flops import training_flops_per_token
from nl2code.models import load_model, load_tokenizer, weights_sha256
from nl2code.precision import missing_to_compile
from scripts.training import run as training


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return make_inputs(tmp_path_factory.mktemp("inputs"))


def command(inputs, output, *extra):
    return [sys.executable, "run_cert.py", *arguments(inputs, output, *extra)]


def run(command):
    return subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_a_killed_run_ends_with_the_same_weights(inputs, tmp_path):
    """The command as a user starts it; test_resume.py kills at chosen moments."""
    extra = ("--lora_r", "4")
    whole = Child(arguments(inputs, tmp_path / "whole", *extra), tmp_path / "log")
    killed = run(command(inputs, tmp_path / "killed", *extra))
    deadline = time.time() + 120
    while not (tmp_path / "killed/checkpoint-10").exists() and time.time() < deadline:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert (tmp_path / "killed/checkpoint-10").exists() and not (tmp_path / "killed/model").exists()
    (tmp_path / "killed/checkpoint-35").mkdir(exist_ok=True)  # incomplete: no state in it
    again = Child(arguments(inputs, tmp_path / "killed", *extra), tmp_path / "log again")
    for child in (again, whole):
        assert child.wait() == 0, child.log.read_text()
    assert "is incomplete: removed" in again.log.read_text()

    assert weights_of(tmp_path / "killed/model") == weights_of(tmp_path / "whole/model")
    results = json.loads((tmp_path / "killed/model/train_results.json").read_text())
    assert results["final_loss"] < results["initial_loss"]
    assert results["steps"] == 40 and results["tokens"] > 40 * 4 * 64 * 0.8
    assert not list((tmp_path / "killed/model").glob("*.bin"))

    finished = run(command(inputs, tmp_path / "killed", *extra))
    assert "nothing to do" in finished.communicate(timeout=60)[0]
    assert finished.returncode == 0


def train(inputs, output, *extra) -> int:
    """The same in this process, which saves the seconds that imports take."""
    return run_cert.main(arguments(inputs, output, *extra))


def test_an_adapter_is_merged_on_loading(inputs, tmp_path):
    base = inputs / "base"
    assert train(inputs, tmp_path / "x", "--lora_r", "4", "--max_steps", "5") == 0
    path = str(tmp_path / "x/model")
    trained, untrained = load_model(path), load_model(str(base))
    assert type(trained) is type(untrained)
    ids = torch.arange(1, 20)[None]
    assert not torch.equal(trained(ids).logits, untrained(ids).logits)
    assert load_tokenizer(path).get_vocab() == load_tokenizer(str(base)).get_vocab()
    assert weights_sha256(path) != weights_sha256(str(base))


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (("--train_file", "nowhere/train"), "encode the corpus first"),
        (("--model_name_or_path", "nothing-here"), "(3) a hub id"),
        (("--resampling_weights", "1_2"), "a_b_c"),
        (("--no_such_flag", "1"), "no_such_flag"),
        (("--learning_rate", "1e30"), "train document ... lower --learning_rate"),
        (("--gradient_accumulation_strategy", "fast"), "TOKENS_STEPS"),
        (("--save_strategy", "epoch"), "use steps"),
        (("--config_overrides", "", "--lora_r", "4"), "use --lora_r 0"),
        (("--tokenizer_name", "nowhere/here/at/all"), "train_tokenizer"),
    ],
)
def test_bad_input_is_named(inputs, tmp_path, capsys, extra, message):
    assert train(inputs, tmp_path / "x", *extra) != 0
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("error: ") and all(part in last for part in message.split("..."))
    assert not (tmp_path / "x/model").exists()


def test_settings_from_a_file(inputs, tmp_path, capsys):
    """JSON and YAML mean what the same flags mean, the numbers that YAML takes for words included."""
    flags = arguments(inputs, tmp_path / "x", "--max_steps", "2", "--save_steps", "2", "--optim", "sgd")
    assert run_cert.main(flags) == 0
    expected = weights_of(tmp_path / "x/model")
    settings = dict(zip((flag[2:] for flag in flags[::2]), flags[1::2], strict=True))
    settings |= {"max_steps": 2, "block_size": 64, "disable_tqdm": True, "lora_alpha": None}
    for suffix, text in (("json", json.dumps), ("yaml", yaml.safe_dump)):
        file = tmp_path / f"config.{suffix}"
        file.write_text(text({**settings, "output_dir": str(tmp_path / suffix)}))
        assert run_cert.main([str(file)]) == 0
        assert weights_of(tmp_path / suffix / "model") == expected
        file.write_text(text({**settings, "no_such_key": 1}))
        assert run_cert.main([str(file)]) == 1
        assert "no_such_key" in capsys.readouterr().err
    assert run_cert.main([str(tmp_path / "missing.yaml")]) == 1


def test_every_flag_of_ours_is_read():
    """No argument is parsed and then forgotten."""
    files = [ROOT / f"scripts/training/{name}.py" for name in ("run", "run_folder", "arguments")]
    source = "".join(file.read_text() for file in files)
    for holder, arguments_class in (("model_args", training.ModelArguments), ("data_args", training.DataArguments)):
        for field in dataclasses.fields(arguments_class):
            assert f"{holder}.{field.name}" in source, f"--{field.name} does nothing"


def test_accumulation_is_one_batch(inputs, tmp_path):
    """Four blocks at once or one after the other: the loss is a mean over the tokens of them all.

    Plain SGD without clipping: Adam takes the same steps where gradients are off by a factor.
    """
    for name, batch, accumulation in (("a", 4, 1), ("b", 1, 4)):
        sizes = ("--per_device_train_batch_size", str(batch), "--gradient_accumulation_steps", str(accumulation))
        extra = ("--max_steps", "6", "--logging_steps", "1", "--save_steps", "6", "--learning_rate", "1")
        plain = ("--optim", "sgd", "--max_grad_norm", "0")
        assert train(inputs, tmp_path / name, *extra, *plain, *sizes) == 0
    for (_, loss, tokens), (_, other, other_tokens) in zip(
        history(tmp_path / "a"), history(tmp_path / "b"), strict=True
    ):
        assert abs(loss - other) < 1e-5 and tokens == other_tokens


def test_epochs_become_steps_and_speed_is_logged(inputs, tmp_path):
    epochs = ("--max_steps", "-1", "--num_train_epochs", "1.5", "--logging_steps", "1", "--save_strategy", "steps")
    assert train(inputs, tmp_path / "x", *epochs, "--per_device_train_batch_size", "16", "--save_steps", "1") == 0
    dataset = CodeBlockDataset(inputs / "train", 64, pad_token_id=0, resampling_weights="1.0_0.5_1.0")
    blocks = len(dataset.epoch(0)) + len(dataset.epoch(1)) // 2
    newest = json.loads((Path(newest_checkpoint(tmp_path / "x")) / "trainer_state.json").read_text())
    assert newest["global_step"] == -(-blocks // 16)
    line = [line for line in newest["log_history"] if "loss" in line][-1]
    assert abs(line["epoch"] - 1.5) < 0.2
    assert line["tokens_per_second"] > 0
    per_token = training_flops_per_token(load_model(str(inputs / "base")), 64)
    assert 0.7 < line["flops_per_second"] / (line["tokens_per_second"] * per_token) < 1.5  # padding is work, too


def test_flops_are_counted_from_the_weights():
    config = transformers.LlamaConfig(
        vocab_size=100, hidden_size=16, intermediate_size=40, num_hidden_layers=3, num_attention_heads=2
    )
    model = transformers.LlamaForCausalLM(config)
    weights = 3 * (4 * 16 * 16 + 3 * 16 * 40) + 100 * 16  # embeddings are looked up, not multiplied
    assert training_flops_per_token(model, 32) == 6 * weights + 12 * 3 * 16 * 32
    model.requires_grad_(False)
    assert training_flops_per_token(model, 32) == 4 * weights + 12 * 3 * 16 * 32
    adapters = 3 * 2 * (16 * 4 + 4 * 16)  # two a layer, of rank 4, each of two matrices
    lora = peft.get_peft_model(model, peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"]))
    assert training_flops_per_token(lora, 32) == 4 * weights + 6 * adapters + 12 * 3 * 16 * 32


@pytest.mark.parametrize("lora", ["0", "4"])
def test_gradient_checkpointing_changes_nothing_but_memory(inputs, tmp_path, lora):
    few = ("--lora_r", lora, "--max_steps", "3", "--save_steps", "3", "--logging_steps", "1")
    assert train(inputs, tmp_path / "a", *few) == 0
    assert train(inputs, tmp_path / "b", *few, "--gradient_checkpointing", "true") == 0
    assert history(tmp_path / "a") == history(tmp_path / "b")


SCRATCH = ("--config_overrides", "hidden_size=16,num_hidden_layers=1,num_attention_heads=2,intermediate_size=32")


@pytest.mark.skipif(bool(missing_to_compile()), reason="torch.compile needs a C++ compiler and Python's headers")
@pytest.mark.parametrize("lora", ["0", "4"])
def test_a_compiled_run_learns_the_same(inputs, tmp_path, lora):
    """Adapters through the compiler's first half alone, which takes a fraction of the time."""
    few = ("--lora_r", lora, "--max_steps", "3", "--save_steps", "2", "--logging_steps", "1", "--use_cpu", "true")
    backend = ("--torch_compile_backend", "aot_eager" if lora == "4" else "inductor")
    assert train(inputs, tmp_path / "plain", *few) == 0
    assert train(inputs, tmp_path / "compiled", *few, "--torch_compile", "true", *backend) == 0
    (steps, plain, seen), (others, compiled, seen_too) = (
        zip(*history(tmp_path / name), strict=True) for name in ("plain", "compiled")
    )
    assert steps == others and seen == seen_too and plain[-1] < plain[0]
    assert compiled == pytest.approx(plain, rel=1e-4)
    saved = [load_file(next((tmp_path / name / "model").glob("*.safetensors"))) for name in ("plain", "compiled")]
    assert saved[0].keys() == saved[1].keys()


def test_from_scratch(inputs, tmp_path, capsys):
    """A type, or a folder with nothing but a config.json, gives the shape; the seed gives the weights."""
    tokenizer = ("--tokenizer_name", str(inputs / "base"), "--max_steps", "3", "--save_steps", "3")
    assert train(inputs, tmp_path / "a", *SCRATCH, *tokenizer, "--model_name_or_path", "llama") == 0
    config = load_model(str(tmp_path / "a/model")).config
    assert (config.model_type, config.hidden_size, config.num_hidden_layers) == ("llama", 16, 1)
    assert config.vocab_size == len(load_tokenizer(str(tmp_path / "a/model"))) == 380
    assert "from scratch" in (tmp_path / "a/model/README.md").read_text()
    for seed, same in (("42", True), ("43", False)):
        shape = ("--model_name_or_path", str(tmp_path / "shape"))
        (tmp_path / "shape").mkdir(exist_ok=True)
        (tmp_path / "shape/config.json").write_text((tmp_path / "a/model/config.json").read_text())
        assert train(inputs, tmp_path / seed, "--config_overrides", "", *tokenizer, *shape, "--seed", seed) == 0
        equal = weights_of(tmp_path / seed / "model") == weights_of(tmp_path / "a/model")
        assert equal is same
    for overrides, message in (("no_such=1", "has no no_such"), ("16", "key=value"), ("num_attention_heads=3", "make")):
        assert train(
            inputs, tmp_path / "x", *tokenizer, "--model_name_or_path", "llama", "--config_overrides", overrides
        )
        assert message in capsys.readouterr().err.strip().splitlines()[-1]


def test_only_the_finished_model_is_pushed(inputs, tmp_path, monkeypatch):
    pushed = []
    monkeypatch.setattr("huggingface_hub.upload_folder", lambda **options: pushed.append(options))
    monkeypatch.setattr(
        "transformers.Trainer.init_hf_repo", lambda self, token=None: setattr(self, "hub_model_id", "me/x")
    )
    push = ("--push_to_hub", "true", "--hub_strategy", "end", "--hub_token", "secret", "--hub_revision", "dev")
    assert train(inputs, tmp_path / "x", "--max_steps", "2", *push) == 0
    assert [(options["repo_id"], options["folder_path"].name, options["revision"]) for options in pushed] == [
        ("me/x", ".model", "dev")
    ]
    assert "secret" not in (tmp_path / "x/record.json").read_text()


def test_newest_checkpoint_takes_the_highest_whole_one(tmp_path):
    for step, state in ((5, "{}"), (10, "{}"), (20, '{"cut')):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(state)
    assert newest_checkpoint(tmp_path) == str(tmp_path / "checkpoint-10")
    assert not (tmp_path / "checkpoint-20").exists()
    assert newest_checkpoint(tmp_path / "empty") is None


def test_loader_processes_change_nothing(inputs, tmp_path):
    few = ("--max_steps", "6", "--save_steps", "6", "--gradient_accumulation_strategy", "2048_4")
    for workers in ("0", "2"):
        assert train(inputs, tmp_path / workers, *few, "--dataloader_num_workers", workers) == 0
    assert weights_of(tmp_path / "0/model") == weights_of(tmp_path / "2/model")


def test_a_bad_loss_names_its_documents_and_no_others(inputs, tmp_path, capsys, monkeypatch):
    """The second of the three micro-batches of step 4 has a loss that is no number."""
    compute_loss, calls = hf_trainer.CertTrainer.compute_loss, iter(range(100))
    monkeypatch.setattr(
        hf_trainer.CertTrainer,
        "compute_loss",
        lambda self, *args, **kw: compute_loss(self, *args, **kw) * (float("nan") if next(calls) == 10 else 1),
    )
    small = ("--per_device_train_batch_size", "2", "--gradient_accumulation_steps", "3", "--validation_file", "")
    assert train(inputs, tmp_path / "x", *small) == 1
    dataset = CodeBlockDataset(inputs / "train", 64, pad_token_id=0, resampling_weights="1.0_0.5_1.0")
    expected = [name for index in (20, 21) for name in dataset.documents(0, index)]  # 2 x 10 blocks came before
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert f"loss is nan at step 4 on {'; '.join(expected)}; lower" in error
