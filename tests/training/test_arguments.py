"""Every flag of TrainingArguments is honoured or refused by name before any work."""

import dataclasses
import json
import os
import shutil

import pytest
import torch
import transformers
import yaml
from training_runs import arguments, make_inputs, weights_of

import run_cert
from nl2code.errors import UserError
from nl2code.precision import best_precision, missing_to_compile
from scripts.presets import with_preset
from scripts.training import run as training
from scripts.training.arguments import NEEDS, OF_EVALUATION, REFUSED, WITHOUT_EFFECT, RunArguments


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return make_inputs(tmp_path_factory.mktemp("inputs"))


def test_the_tables_name_flags_that_exist():
    names = {field.name for field in dataclasses.fields(RunArguments)}
    ours = {"model_name_or_path", "tokenizer_name", "train_file", "validation_file"}
    assert (set(REFUSED) | set(NEEDS) | WITHOUT_EFFECT | OF_EVALUATION) - names == ours
    assert set(REFUSED) & (set(NEEDS) | WITHOUT_EFFECT) == {"prediction_loss_only"}  # no record has it


# Flags that the stock Trainer, or this project's, is known to honour. A flag that a new version of transformers brings is in
# neither list and fails the test below: somebody has to look.
HONOURED = set(
    """
    output_dir per_device_train_batch_size num_train_epochs max_steps learning_rate lr_scheduler_type lr_scheduler_kwargs
    warmup_steps optim weight_decay adam_beta1 adam_beta2 adam_epsilon gradient_accumulation_steps
    average_tokens_across_devices max_grad_norm label_smoothing_factor bf16 fp16 tf32 activation_checkpointing
    gradient_checkpointing torch_compile torch_compile_backend torch_compile_mode use_cache neftune_noise_alpha
    torch_empty_cache_steps logging_strategy logging_steps logging_first_step log_on_each_node
    include_num_input_tokens_seen log_level log_level_replica disable_tqdm report_to run_name eval_strategy
    per_device_eval_batch_size save_only_model save_strategy save_steps
    save_on_each_node save_total_limit push_to_hub load_best_model_at_end restore_callback_states_from_checkpoint
    full_determinism seed data_seed use_cpu dataloader_num_workers dataloader_pin_memory dataloader_prefetch_factor
    ddp_find_unused_parameters ddp_bucket_cap_mb ddp_broadcast_buffers ddp_static_graph ddp_backend ddp_timeout fsdp
    deepspeed debug skip_memory_metrics do_train do_eval resume_from_checkpoint local_rank
""".split()  # noqa: SIM905
)


def test_every_flag_of_the_installed_transformers_was_looked_at():
    names = {field.name for field in dataclasses.fields(transformers.TrainingArguments) if field.init}
    assert names == {*HONOURED, *REFUSED, *NEEDS}
    assert not set(HONOURED) & (set(REFUSED) | set(NEEDS))


REFUSALS = {
    "train_sampling_strategy": "group_by_length",
    "length_column_name": "size",
    "auto_find_batch_size": "true",
    "fp16_full_eval": "true",
    "bf16_full_eval": "true",
    "logging_nan_inf_filter": "false",
    "eval_on_start": "true",
    "prediction_loss_only": "true",
    "eval_do_concat_batches": "false",
    "eval_use_gather_object": "true",
    "eval_accumulation_steps": "2",
    "include_for_metrics": "loss",
    "batch_eval_metrics": "true",
    "enable_jit_checkpoint": "true",
    "ignore_data_skip": "true",
    "accelerator_config": '{"split_batches": true}',
    "parallelism_config": "x",
    "dataloader_drop_last": "true",
    "dataloader_in_order": "false",
    "remove_unused_columns": "false",
    "label_names": "labels",
    "use_liger_kernel": "true",
    "liger_kernel_config": '{"rope": true}',
    "do_predict": "true",
    "eval_steps": "2",
    "eval_delay": "1",
    "metric_for_best_model": "loss",
    "greater_is_better": "false",
    "dataloader_persistent_workers": "true",
    "dataloader_multiprocessing_context": "spawn",
    "hub_token": "secret",
    "hub_private_repo": "true",
    "hub_model_id": "me/x",
    "hub_strategy": "end",
    "hub_always_push": "true",
    "hub_revision": "main",
    "project": "mine",
    "trackio_space_id": "me/x",
    "trackio_bucket_id": "me/x",
    "trackio_static_space_id": "me/x",
    "activation_checkpointing_kwargs": '{"use_reentrant": false}',
    "gradient_checkpointing_kwargs": '{"use_reentrant": false}',
    "fsdp_config": '{"version": 2}',
    "optim_target_modules": "all-linear",
    "optim_args": "rank=4",
}


def refusal(tmp_path, *extra) -> str:
    """What parsing says of flags; nothing is written."""
    with pytest.raises(UserError) as caught:
        training.parse(arguments(tmp_path / "inputs", tmp_path / "x", *extra))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "x").exists()
    return str(caught.value)


def test_help_tells_each_default_once_and_what_is_refused(capsys):
    with pytest.raises(SystemExit):
        training.parse(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "(default: 0) (default" not in text and "(default: None)" not in text
    assert "tokens per block (default: 1024) --" in text
    assert all(f"not supported: {reason}" in text for reason in REFUSED.values())


@pytest.mark.parametrize("name", [*REFUSED, *NEEDS])
def test_flags_without_effect_are_refused_by_name(tmp_path, name):
    message = refusal(tmp_path, f"--{name}", REFUSALS[name])
    assert f"--{name}" in message and "secret" not in message


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("--num_train_epochs 2", "changes nothing with --max_steps 40; add --max_steps -1"),
        ("--max_steps 0", "--max_steps 0: use 1 or more"),
        ("--max_steps -1 --num_train_epochs 0", "--max_steps -1"),
        ("--lr_scheduler_type constant --warmup_steps 5", "constant_with_warmup"),
        ("--eval_strategy steps --metric_for_best_model accuracy", "use loss"),
        ("--include_num_input_tokens_seen true", "non-padding"),
        ("--precision fp32 --fp16 true", "give --precision only"),
        ("--precision fp8", "invalid choice: 'fp8'"),
        ("--logging_strategy epoch", "use steps"),
        ("--eval_strategy epoch", "use steps"),
        ("--per_device_train_batch_size 0", "--per_device_train_batch_size 0 is below 1"),
        ("--gradient_accumulation_steps 0", "--gradient_accumulation_steps 0 is below 1"),
        ("--block_size 1", "--block_size 1 is below 2"),
        ("--seed -1", "--seed -1 is below 0"),
        ("--seed 4294967296", "--seed 4294967296 is above 4294967295"),
        ("--lr_scheduler_type reduce_lr_on_plateau --warmup_steps 5", "ignores --warmup_steps"),
        ("--learning_rate nan", "--learning_rate nan is below 0"),
        ("--lora_alpha 8", "--lora_r"),
        ("--max_eval_tokens 0", "below 1"),
        ("--validation_file= --eval_strategy steps", "--eval_strategy needs --validation_file"),
        ("--validation_file= --do_eval true", "--do_eval needs --validation_file"),
        ("--do_eval --resume_from_checkpoint x", "--model_name_or_path"),
        ("--output_dir=", "--output_dir is missing"),
        ("--max_steps many", "--max_steps/--max-steps: invalid int value: 'many'"),
        ("--max_stepz 5", "unknown arguments: --max_stepz 5"),
        (
            "--no_cuda true --overwrite_output_dir",
            "--no_cuda: use --use_cpu; --overwrite_output_dir: use another --output",
        ),
        ("--optim adam_of_the_future", "argument --optim: invalid choice"),
        ("stray", "unknown arguments: stray"),
    ],
)
def test_values_that_do_not_fit_are_named(tmp_path, extra, message):
    assert message in refusal(tmp_path, *extra.split(" "))


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("--optim adamw_8bit", "do not fit the optimizer"),
        ('--lr_scheduler_type cosine_with_min_lr --lr_scheduler_kwargs {"no_such":1}', "do not fit the optimizer"),
        ("--report_to no_such_tracker", "settings: "),
        ("--precision fp16 --use_cpu true", "fp16 needs a GPU"),
    ],
)
def test_what_only_the_trainer_knows_is_one_line_too(inputs, tmp_path, capsys, extra, message):
    assert run_cert.main(arguments(inputs, tmp_path / "x", *extra.split(" "))) == 1
    captured = capsys.readouterr()
    last = captured.err.strip().splitlines()[-1]
    assert last.startswith("error: ") and message in last
    assert "'loss'" not in captured.out and not (tmp_path / "x/model").exists()


def test_without_a_compiler_the_model_runs_as_it_is(tmp_path, monkeypatch, capsys):
    def parse(*mode):
        flags = arguments(tmp_path, tmp_path / "x", "--torch_compile", "true", "--use_cpu", "true", *mode)
        return training.parse(flags)[2]

    assert parse().torch_compile == (not missing_to_compile())
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert not parse().torch_compile and not parse("--torch_compile_mode", "default").torch_compile
    assert "the C++ compiler no-such-compiler is not there" in capsys.readouterr().out
    monkeypatch.setenv("CXX", "true")
    monkeypatch.setattr("sysconfig.get_path", lambda name: "/nowhere")
    assert not parse().torch_compile
    assert "/nowhere/Python.h is not there" in capsys.readouterr().out


def test_a_launcher_does_not_choose_the_precision(tmp_path, monkeypatch):
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    asked = training.parse(arguments(tmp_path, tmp_path / "x", "--precision", "fp32"))[2]
    assert (asked.mixed_precision, asked.bf16) == ("no", False)


def test_a_preset_that_evaluates_without_validation(monkeypatch):
    flags = run_cert.flags_of(["configs/training/paper.yaml", "--eval_strategy", "no"])
    assert "--eval_steps" not in flags and flags[-2:] == ["--eval_strategy", "no"] and "--save_steps" in flags
    assert "--eval_steps" not in run_cert.flags_of(["configs/training/paper.yaml", "--eval-strategy", "no"])
    changed = ("--eval_strategy", "no", "--eval_strategy", "steps")
    for typed in ((), changed):
        assert "--eval_steps" in run_cert.flags_of(["configs/training/paper.yaml", *typed])
    typed = ["--eval_steps", "3", "--eval_strategy", "no"]  # is refused
    assert run_cert.flags_of(typed) == typed


@pytest.mark.parametrize("flag", ["--max_eval_tokens", "--per-device-eval-batch-size"])
def test_typed_flags_of_validation_without_validation_are_refused(flag):
    typed = ["configs/training/quick.yaml", flag, "9"]  # the file's own --max_eval_tokens is not refused
    assert run_cert.flags_of([*typed, "--validation_file", "valid"])[-4:] == [flag, "9", "--validation_file", "valid"]
    for none in ((), ("--validation_file", "")):
        with pytest.raises(
            UserError, match=f"--{flag[2:].replace('-', '_')} 9 changes nothing without --validation_file"
        ):
            run_cert.flags_of([*typed, *none])


def test_precision_is_one_setting(tmp_path, monkeypatch):
    parse = lambda *extra: training.parse(arguments(tmp_path, tmp_path / "x", *extra))[2]  # noqa: E731
    assert not parse("--precision", "fp32").fp16 and not parse("--precision", "fp32").bf16
    assert parse("--precision", "bf16").bf16 and parse("--bf16", "true").bf16  # on a CPU as well
    for faster, expected in ((1.4, False), (1.6, True)):
        speeds = {torch.float32: 100.0, torch.bfloat16: 100 * faster}
        monkeypatch.setattr("nl2code.precision.gemm_gflops", speeds.get)
        found = parse("--precision", "auto")
        assert (found.bf16, found.fp16) == (expected, False)
    monkeypatch.setenv("WORLD_SIZE", "2")  # each process could measure something else
    assert best_precision(on_gpu=False) == "fp32"
    monkeypatch.delenv("WORLD_SIZE")
    for recorded in (False, True):  # a run keeps its choice, whatever is measured later
        record = {"stage": "training", "inputs": {}, "settings": {"fp16": False, "bf16": recorded}}
        (tmp_path / "x").mkdir(exist_ok=True)
        (tmp_path / "x/record.json").write_text(json.dumps(record))
        for faster in (1.4, 1.6):
            monkeypatch.setattr("nl2code.precision.gemm_gflops", {torch.float32: 1.0, torch.bfloat16: faster}.get)
            assert parse("--precision", "auto").bf16 is recorded
    assert not parse("--precision", "fp32").bf16
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    monkeypatch.setattr(transformers.TrainingArguments, "__post_init__", lambda self: None)
    monkeypatch.setattr(transformers.TrainingArguments, "device", torch.device("cuda"))
    assert parse("--precision", "fp16").fp16
    assert parse("--precision", "auto").fp16
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert parse("--precision", "auto").bf16 and not parse("--precision", "auto").fp16


def test_a_preset_then_flags(inputs, tmp_path):
    """The section `training` counts, flags win; other sections are other programs'."""
    file = tmp_path / "preset.yaml"
    settings = {"max_steps": 3, "learning_rate": "1e-3", "lr_scheduler_kwargs": {"min_lr": 1e-4}}
    file.write_text(yaml.safe_dump({"corpus": {"kinds": "mined"}, "training": settings}))
    flags = ["--model_name_or_path", "base", "--train_file", "train", "--output_dir", str(tmp_path / "x")]
    _, _, found = training.parse(with_preset([str(file), *flags, "--max_steps", "4"], "training"))
    assert (found.max_steps, found.learning_rate, found.lr_scheduler_kwargs) == (4, 1e-3, {"min_lr": 1e-4})


@pytest.mark.parametrize(
    "text", ["", "- a\n- b\n", "output_dir: x\n\tmax_steps: 1\n", "a: b: c\n", "training: 3\n", "\x00"]
)
def test_malformed_files_are_one_line(tmp_path, capsys, text):
    (tmp_path / "file.yaml").write_text(text)
    assert run_cert.main([str(tmp_path / "file.yaml")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_the_order_of_data_has_a_seed_of_its_own(inputs, tmp_path):
    few = ("--max_steps", "2", "--save_steps", "2")
    for name, extra in (("a", ()), ("b", ("--data_seed", "42")), ("c", ("--data_seed", "7"))):
        assert run_cert.main(arguments(inputs, tmp_path / name, *few, *extra)) == 0
    weights = [weights_of(tmp_path / name / "model") for name in "abc"]
    assert weights[0] == weights[1] != weights[2]


def test_the_best_checkpoint_becomes_the_model(inputs, tmp_path, monkeypatch):
    """A learning rate that grows until it spoils the model: the last step is not the best one, which is never removed."""
    monkeypatch.chdir(tmp_path)
    extra = "--max_steps 12 --eval_strategy steps --eval_steps 2 --save_steps 2 --load_best_model_at_end true"
    spoil = "--learning_rate 5 --warmup_steps 12 --save_total_limit 1"
    assert run_cert.main(arguments(inputs, "./x/", *extra.split(), *spoil.split())) == 0
    results = json.loads((tmp_path / "x/model/train_results.json").read_text())
    state = json.loads((tmp_path / "x/checkpoint-12/trainer_state.json").read_text())
    losses = [line["eval_loss"] for line in state["log_history"] if "eval_loss" in line][1:]
    assert results["final_loss"] == pytest.approx(min(losses), abs=1e-4) and losses[-1] > min(losses) + 0.1
    assert {folder.name for folder in (tmp_path / "x").glob("checkpoint-*")} == {"checkpoint-2", "checkpoint-12"}
    best = weights_of(tmp_path / "x/model")
    shutil.rmtree(tmp_path / "x/model")
    (tmp_path / "x").rename(tmp_path / "moved")
    assert run_cert.main(arguments(inputs, "./moved/", *extra.split(), *spoil.split())) == 0
    assert weights_of(tmp_path / "moved/model") == best


def test_label_smoothing_is_over_the_whole_batch_and_not_in_the_evaluation(inputs, tmp_path):
    results = []
    for name, batch, accumulation in (("a", "4", "1"), ("b", "1", "4")):
        sizes = ("--per_device_train_batch_size", batch, "--gradient_accumulation_steps", accumulation)
        extra = ("--label_smoothing_factor", "0.2", "--max_steps", "4", "--learning_rate", "1e-3")
        assert run_cert.main(arguments(inputs, tmp_path / name, *extra, *sizes)) == 0
        results.append(json.loads((tmp_path / name / "model/train_results.json").read_text()))
    assert results[0]["final_loss"] == pytest.approx(results[1]["final_loss"], abs=1e-5)
    assert run_cert.main(arguments(inputs, tmp_path / "plain", "--max_steps", "1")) == 0
    plain = json.loads((tmp_path / "plain/model/train_results.json").read_text())
    assert plain["initial_loss"] == results[0]["initial_loss"]


def test_label_smoothing_shifts_the_labels_of_a_wrapped_model(inputs, tmp_path):
    """Compiled or in FSDP 2, a model's class has another name, by which the stock Trainer decides."""
    flags = arguments(inputs, tmp_path / "x", "--label_smoothing_factor", "0.1", "--use_cpu", "true")
    trainer = training.build_trainer(*training.parse(flags))
    block = {name: torch.tensor(value)[None] for name, value in trainer.train_dataset[0].items()}
    expected = trainer.compute_loss(trainer.model, dict(block))
    trainer.model.__class__ = type("OptimizedModule", (type(trainer.model),), {})
    assert torch.equal(trainer.compute_loss(trainer.model, dict(block)), expected)


def test_do_eval_alone_evaluates(inputs, tmp_path, capsys):
    assert run_cert.main(arguments(inputs, tmp_path / "x", "--do_eval")) == 0
    found = json.loads((tmp_path / "x/eval_results.json").read_text())
    assert found["eval_loss"] == pytest.approx(5.94, abs=0.05)
    assert found["model"] == str(inputs / "base")
    assert {file.name for file in (tmp_path / "x").iterdir()} == {"eval_results.json"}
    assert "'loss'" not in capsys.readouterr().out


def test_the_folder_of_tensorboard_is_the_runs_own_or_the_users(tmp_path, monkeypatch):
    name = "TENSORBOARD_LOGGING_DIR"
    monkeypatch.delenv(name, raising=False)
    for run in ("one", "two"):  # in one process
        with training.tensorboard_folder(tmp_path / run):
            assert os.environ[name] == str(tmp_path / run)
        assert name not in os.environ
    monkeypatch.setenv(name, "mine")
    with training.tensorboard_folder(tmp_path / "one"):
        assert os.environ[name] == "mine"
    assert os.environ[name] == "mine"
