"""What a run folder belongs to: every input and setting counts, any checkpoint is resumed, foreign files are left alone."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import tiny
from training_runs import arguments, history, make_inputs, weights_of

import run_cert
from nl2code.checkpoints import is_whole, newest_checkpoint, remove_old
from nl2code.hf_trainer import CertTrainer, Trainer
from scripts.file_utils import exclusive
from scripts.training.finished import command_sha256, finished_model
from scripts.training.run_folder import recorded_precision

FEW = ("--max_steps", "4", "--save_steps", "2", "--logging_steps", "1", "--lr_scheduler_type", "cosine_with_min_lr")
FEW += ("--lr_scheduler_kwargs", '{"min_lr": 1e-4}')


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Inputs with one finished run in `run`."""
    folder = make_inputs(tmp_path_factory.mktemp("finished"))
    assert run_cert.main(arguments(folder, folder / "run", *FEW)) == 0
    return folder


@pytest.fixture
def copy(finished, tmp_path):
    """The same, to be changed; (folder, function that starts the same command with more flags)."""
    shutil.copytree(finished, tmp_path / "copy")
    return tmp_path / "copy", lambda *extra: run_cert.main(
        arguments(tmp_path / "copy", tmp_path / "copy/run", *FEW, *extra)
    )


def change_tokenizer(folder):
    file = folder / "base/tokenizer_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "added": 1}))


def change_config(folder):
    file = folder / "base/config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "layer_norm_epsilon": 1e-4}))


def change_features(folder):
    np.save(folder / "train_features.npy", np.tile(np.float32([5, 0, 1]), (160, 1)))


def change_index(name):
    """Two documents become one, whose tokens are those of both: the .bin stays."""

    def change(folder):
        data = (folder / f"{name}.idx").read_bytes()
        count = int.from_bytes(data[18:26], "little")
        sizes, offsets = np.frombuffer(data, "<i4", count, 26), np.frombuffer(data, "<i8", count, 26 + 4 * count)
        sizes = np.array([sizes[0] + sizes[1], *sizes[2:]], "<i4")
        (folder / f"{name}.idx").write_bytes(
            data[:18] + (count - 1).to_bytes(8, "little") + sizes.tobytes() + np.delete(offsets, 1).tobytes()
        )
        features = np.load(folder / f"{name}_features.npy")
        np.save(folder / f"{name}_features.npy", features[1:])

    return change


def change_data(name):
    def change(folder):
        data = bytearray((folder / f"{name}.bin").read_bytes())
        data[4] ^= 1
        (folder / f"{name}.bin").write_bytes(data)

    return change


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (change_tokenizer, "tokenizer: "),
        (change_config, "base: "),
        (lambda folder: tiny.save_tiny(folder / "base", seed=1), "base: "),
        (change_features, "train_file train_features.npy: "),
        (change_index("train"), "train_file train.idx: "),
        (change_index("valid"), "validation_file valid.idx: "),
        (change_data("train"), "train_file train.bin: "),
        (change_data("valid"), "validation_file valid.bin: "),
    ],
)
def test_a_changed_input_is_refused_by_name(copy, capsys, change, name):
    folder, again = copy
    before = weights_of(folder / "run/model")
    change(folder)
    assert again() == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ") and name in error and " -> " in error and "RUN_NAME" in error
    assert weights_of(folder / "run/model") == before


@pytest.mark.parametrize(
    ("extra", "change"),
    [
        (("--lr_scheduler_kwargs", '{"min_lr": 2e-4}'), "lr_scheduler_kwargs.min_lr: 0.0001 -> 0.0002"),
        (("--learning_rate", "1e-3"), "learning_rate: 0.01 -> 0.001"),
        (("--lora_r", "4"), "lora_r: 0 -> 4"),
        (("--pack_reset", "true"), "pack_reset: false -> true"),
        (("--seed", "7"), "seed: 42 -> 7"),
        (("--data_seed", "7"), "data_seed: null -> 7"),
        (("--max_steps", "6"), "max_steps: 4 -> 6"),
        (("--gradient_accumulation_strategy", "1024_2"), "gradient_accumulation_strategy: null -> 1024_2"),
        (("--neftune_noise_alpha", "5"), "neftune_noise_alpha: null -> 5"),
        (("--max_eval_tokens", "64"), "max_eval_tokens: null -> 64"),
        (("--validation_file", ""), "validation_file valid.bin: "),
        (
            ("--load_best_model_at_end", "true", "--eval_strategy", "steps", "--save_steps", "4"),
            "save_steps: (none) -> 4",
        ),
    ],
)
def test_a_changed_setting_is_refused_by_name(copy, capsys, extra, change):
    _, again = copy
    if "--load_best_model_at_end" in extra:
        extra += ("--eval_steps", "4")
    assert again(*extra) == 1
    assert change in capsys.readouterr().err.strip().splitlines()[-1]


def test_settings_that_cannot_change_the_weights_may_differ(copy, capsys):
    folder, again = copy
    assert again("--save_steps", "1", "--logging_steps", "3", "--dataloader_num_workers", "1", "--run_name", "x") == 0
    assert "nothing to do" in capsys.readouterr().out
    record = json.loads((folder / "run/record.json").read_text())
    assert record["stage"] == "training" and record["results"]["steps"] == 4
    assert {f"model/{name}" for name in ("model.safetensors", "README.md", "train_results.json")} <= set(
        record["outputs"]
    )
    # An input by another path is the same input.
    shutil.copytree(folder / "base", folder / "elsewhere")
    assert again("--model_name_or_path", str(folder / "elsewhere")) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_a_run_folder_below_home(copy, monkeypatch):
    """The ~ of a YAML file, which no shell has replaced."""
    folder, _ = copy
    monkeypatch.setenv("HOME", str(folder))
    flags = arguments(folder, "~/run", *FEW)
    record = json.loads((folder / "run/record.json").read_text())
    record["run"]["command"] = command_sha256(flags)
    (folder / "run/record.json").write_text(json.dumps(record))
    assert finished_model(flags) == folder / "run/model"
    assert recorded_precision("~/run") == "fp32"


def test_a_damaged_model_is_made_again(copy):
    folder, again = copy
    before = weights_of(folder / "run/model")
    (folder / "run/model/model.safetensors").unlink()
    (folder / "run/model/notes.txt").write_text("mine")
    assert again() == 0
    assert weights_of(folder / "run/model") == before
    assert (folder / "run/model/notes.txt").read_text() == "mine"


def test_a_second_training_in_one_folder_is_refused(copy, capsys):
    folder, again = copy
    shutil.rmtree(folder / "run/model")
    before = (folder / "run/record.json").read_bytes()
    (folder / "run/checkpoint-6").mkdir()  # the other process is writing it
    with exclusive(folder / "run/.lock", None):
        assert again() == 1
    assert (folder / "run/checkpoint-6").is_dir()
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith(f"error: another process is training in {folder / 'run'}; wait for it, or choose another")
    assert (folder / "run/record.json").read_bytes() == before
    assert again() == 0


def test_a_folder_without_a_record_is_not_ours(copy, capsys):
    folder, again = copy
    (folder / "run/record.json").unlink()
    before = sorted(folder.rglob("*"))
    assert again() == 1
    assert "without the record.json" in capsys.readouterr().err.strip().splitlines()[-1]
    assert sorted(folder.rglob("*")) == before


def test_what_was_encoded_is_told(copy, capsys):
    folder, again = copy
    shutil.rmtree(folder / "run")
    record = {"stage": "encoding", "format": 1, "inputs": {}, "settings": {"type": "sketcher", "operation": "names"}}
    record["outputs"] = {}
    for name in ("train", "valid"):
        (folder / f"{name}.record.json").write_text(json.dumps(record))
    assert again() == 0
    results = json.loads((folder / "run/model/train_results.json").read_text())
    assert results["encoding"] == {"type": "sketcher", "operation": "names", "tokenizer": None}
    assert "operation `names`" in (folder / "run/model/README.md").read_text()
    record["settings"]["operation"] = "both"
    (folder / "valid.record.json").write_text(json.dumps(record))
    shutil.rmtree(folder / "run")
    assert again() == 1
    assert "do not fit each other" in capsys.readouterr().err.strip().splitlines()[-1]
    del record["outputs"]
    (folder / "train1.record.json").write_text(json.dumps(record))
    assert again() == 1
    assert "train1 is not encoded to its end; run the encoding again" in capsys.readouterr().err


def test_a_checkpoint_without_its_optimizer_is_passed_over(copy):
    """Training then goes on from an older one, with the same weights."""
    folder, again = copy
    before = weights_of(folder / "run/model")
    shutil.rmtree(folder / "run/model")
    (folder / "run/checkpoint-4/optimizer.pt").unlink()
    assert newest_checkpoint(folder / "run") == str(folder / "run/checkpoint-2")
    assert again() == 0 and weights_of(folder / "run/model") == before


def test_a_foreign_checkpoint_is_resumed(copy, tmp_path, capsys):
    """As if the run had not been cut: the same weights as an uninterrupted one, also after a kill."""
    folder, _ = copy
    new = lambda *extra: run_cert.main(arguments(folder, tmp_path / "new", *FEW, *extra))  # noqa: E731
    start = ("--resume_from_checkpoint", str(folder / "run/checkpoint-2"))
    assert new(*start) == 0
    assert weights_of(tmp_path / "new/model") == weights_of(folder / "run/model")
    assert history(tmp_path / "new") == history(folder / "run")
    results = json.loads((tmp_path / "new/model/train_results.json").read_text())
    assert "final_loss" in results and "initial_loss" not in results  # that was the other run's
    assert new(*start) == 0 and "nothing to do" in capsys.readouterr().out
    shutil.rmtree(tmp_path / "new/model")
    assert new(*start) == 0  # goes on from its own checkpoint-4
    assert weights_of(tmp_path / "new/model") == weights_of(folder / "run/model")
    (folder / "run/checkpoint-2/scheduler.pt").unlink()
    assert new(*start) == 1
    assert "lacks optimizer, scheduler or random state" in capsys.readouterr().err.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("extra", "change"),
    [
        (("--learning_rate", "1e-7"), "learning_rate: 0.01 in checkpoint "),
        (("--weight_decay", "0.5"), "weight_decay: 0.0 in checkpoint "),
        (("--adam_beta1", "0.1"), "adam_beta1 and adam_beta2: (0.9, 0.999) in checkpoint "),
    ],
)
def test_a_foreign_checkpoint_with_other_constants_is_refused(copy, tmp_path, capsys, extra, change):
    """The stock Trainer would train with the checkpoint's, and the record would tell of those asked for."""
    folder, _ = copy
    asked = str(folder / "run/checkpoint-2")
    flags = arguments(folder, tmp_path / "new", *FEW, "--resume_from_checkpoint", asked, *extra)
    assert run_cert.main(flags) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith(f"error: {change}{asked}, you asked for ") and last.endswith(f"--model_name_or_path {asked}")


def test_a_checkpoint_of_this_run_is_resumed(copy):
    folder, again = copy
    before = weights_of(folder / "run/model")
    shutil.rmtree(folder / "run/model")
    assert again("--resume_from_checkpoint", str(folder / "run/checkpoint-2")) == 0
    assert weights_of(folder / "run/model") == before
    shutil.rmtree(folder / "run/model")
    assert again("--resume_from_checkpoint", "true") == 0
    assert weights_of(folder / "run/model") == before


@pytest.mark.parametrize(
    ("prepare", "asked", "message"),
    [
        (None, "nowhere/checkpoint-4", "is no complete checkpoint"),
        (None, "true", "holds no checkpoint"),
        (None, "false", "is no complete checkpoint"),
        (None, "FOLDER/run/checkpoint-4", "is at step 4 already"),
        (None, "FOLDER/run/model", "is no complete checkpoint"),
        (
            lambda folder: (folder / "run/checkpoint-2/trainer_state.json").write_text("[]"),
            "FOLDER/run/checkpoint-2",
            "damaged",
        ),
        (
            lambda folder: (folder / "run/checkpoint-2/rng_state.pth").unlink(),
            "FOLDER/run/checkpoint-2",
            "lacks optimizer, scheduler or random state",
        ),
        (
            lambda folder: (folder / "run/checkpoint-2/model.safetensors").write_bytes(b"cut"),
            "FOLDER/run/checkpoint-2",
            "is damaged",
        ),
        (
            lambda folder: (folder / "run/checkpoint-2/optimizer.pt").write_bytes(b"cut"),
            "FOLDER/run/checkpoint-2",
            "do not fit the optimizer",
        ),
    ],
)
def test_checkpoints_that_cannot_be_resumed_are_named(copy, tmp_path, capsys, prepare, asked, message):
    folder, _ = copy
    if prepare:
        prepare(folder)
    asked = asked.replace("FOLDER", str(folder))
    assert run_cert.main(arguments(folder, tmp_path / "new", *FEW, "--resume_from_checkpoint", asked)) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("error: ") and message in last


def test_a_checkpoint_of_another_model_is_named(copy, tmp_path, capsys):
    folder, _ = copy
    asked = ("--resume_from_checkpoint", str(folder / "run/checkpoint-2"), "--lora_r", "4")
    assert run_cert.main(arguments(folder, tmp_path / "new", *FEW, *asked)) == 1
    assert "the checkpoint does not fit this model: it holds " in capsys.readouterr().err.strip().splitlines()[-1]


def test_save_only_model_keeps_weights_alone_and_starts_over(copy, tmp_path):
    """Checkpoints without an optimizer cannot be resumed with equal weights; so a killed run begins again."""
    folder, _ = copy
    light = lambda: run_cert.main(arguments(folder, tmp_path / "light", *FEW, "--save_only_model", "true"))  # noqa: E731
    for _ in range(2):
        assert light() == 0
        assert not list((tmp_path / "light/checkpoint-2").glob("optimizer*"))
        assert weights_of(tmp_path / "light/model") == weights_of(folder / "run/model")
        shutil.rmtree(tmp_path / "light/model")


def test_the_settings_of_saving_asked_for_count_after_a_resumption(copy, capsys):
    """The stock Trainer keeps the checkpoint's."""
    folder, again = copy
    shutil.rmtree(folder / "run/model")
    shutil.rmtree(folder / "run/checkpoint-4")
    assert again("--save_steps", "1", "--logging_steps", "2") == 0
    assert {file.name for file in (folder / "run").glob("checkpoint-*")} == {f"checkpoint-{n}" for n in (2, 3, 4)}


def test_a_checkpoint_that_is_written_again_is_incomplete_until_its_end(tmp_path, monkeypatch):
    folder = tmp_path / "checkpoint-4"
    folder.mkdir()
    (folder / "trainer_state.json").write_text("{}")
    seen = []
    monkeypatch.setattr(Trainer, "_save_checkpoint", lambda *args: seen.append(is_whole(folder)))
    trainer = CertTrainer.__new__(CertTrainer)
    trainer.args, trainer._checkpoint_limit = SimpleNamespace(output_dir=tmp_path, should_save=True), None
    trainer.state = SimpleNamespace(global_step=4, best_model_checkpoint=None)
    trainer._save_checkpoint(None, None)
    assert seen == [False]


def test_checkpoints_with_other_names_are_left_alone(copy, tmp_path):
    folder, _ = copy
    run = tmp_path / "x"
    for name in ("checkpoint-best", "checkpoint-1-keep", "checkpoint-2.bak", "checkpoint-007"):
        shutil.copytree(folder / "run/checkpoint-2", run / name)
    assert run_cert.main(arguments(folder, run, *FEW, "--save_total_limit", "1")) == 0
    names = {file.name for file in run.glob("checkpoint-*")}
    assert names == {"checkpoint-best", "checkpoint-1-keep", "checkpoint-2.bak", "checkpoint-007", "checkpoint-4"}
    assert newest_checkpoint(run) == str(run / "checkpoint-4")
    for limit, left in ((None, 5), (0, 5), (-1, 5), (1, 5)):
        remove_old(run, limit, [])
        assert len(list(run.glob("checkpoint-*"))) == left
