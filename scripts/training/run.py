"""Continual pre-training of a base model on encoded code, sketches or generator documents (paper, section 3).

The work of run_cert.py, which imports this module, and with it torch, only where there is something to train.
"""

import argparse
import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch
from transformers import HfArgumentParser, set_seed

from nl2code.code_dataset import CodeBlockDataset
from nl2code.errors import UserError, one_line
from nl2code.hf_trainer import CertTrainer
from nl2code.models import load_tokenizer
from scripts.file_utils import exclusive, git_revision, versions, write_json
from scripts.presets import HelpFormatter
from scripts.shell.checks import RENAMED
from scripts.training.arguments import REFUSED, DataArguments, ModelArguments, RunArguments, check_together
from scripts.training.finished import command_sha256
from scripts.training.run_folder import checkpoint_to_resume, encoding_of, is_finished, run_record, save_final
from scripts.training.starting_model import check_fit, new_model, settle_padding, starting_model


class Help(HelpFormatter):
    """Tells why a flag of TrainingArguments is refused."""

    def _get_help_string(self, action: argparse.Action) -> str:
        if action.dest in REFUSED:
            return f"not supported: {REFUSED[action.dest]}"
        return super()._get_help_string(action)


def parse(flags: list[str], doc: str = "") -> tuple[ModelArguments, DataArguments, RunArguments]:
    """The settings from flags; `doc` stands in front of the flags in --help.

    Raises:
        UserError: unknown flags, flags that cannot be honoured, values that do not fit together.
    """

    def refuse(message: str) -> None:
        raise UserError(f"{message}; see run_cert.py --help")

    groups = (ModelArguments, DataArguments, RunArguments)
    usage = "run_cert.py [FILE.yaml] --model_name_or_path MODEL --train_file PREFIX --output_dir FOLDER [flags]"
    about = {"usage": usage, "description": doc, "formatter_class": Help}
    parser = HfArgumentParser(groups, **about, allow_abbrev=False)
    parser.error = refuse
    with one_line("settings"):
        found = parser.parse_args_into_dataclasses(flags, look_for_args_file=False, return_remaining_strings=True)
    if found[-1]:
        hints = [f"{flag}: {RENAMED[flag]}" for text in found[-1] if (flag := text.partition("=")[0]) in RENAMED]
        refuse("; ".join([f"unknown arguments: {' '.join(found[-1])}", *hints]))
    check_together(*found[:3])
    return found[:3]


@contextmanager
def tensorboard_folder(folder: Path) -> Iterator[None]:
    """Where a Trainer that is made in the block logs, unless the user's environment says."""
    name = "TENSORBOARD_LOGGING_DIR"
    is_ours = name not in os.environ
    os.environ.setdefault(name, str(folder))
    try:
        yield
    finally:
        if is_ours:
            del os.environ[name]


def build_trainer(model_args: ModelArguments, data_args: DataArguments, training_args: RunArguments):
    """The model (LoRA, whole or new), the block datasets and the Trainer that joins them.

    Raises:
        UserError: they do not fit each other.
    """
    name = model_args.model_name_or_path
    tokenizer = load_tokenizer(model_args.tokenizer_name or name)
    if model_args.config_overrides is None:
        lora = {"lora_r": model_args.lora_r, "lora_alpha": model_args.lora_alpha}
        model = starting_model(name, **lora, checkpointing=training_args.activation_checkpointing)
    else:
        model = new_model(name, model_args.config_overrides, tokenizer)
    common = {"block_size": data_args.block_size, "pad_token_id": settle_padding(tokenizer, model)}
    common |= {"pack_reset": data_args.pack_reset, "loss_on": data_args.loss_on}
    seed = training_args.seed if training_args.data_seed is None else training_args.data_seed
    datasets = [
        CodeBlockDataset(data_args.train_file, seed=seed, resampling_weights=data_args.resampling_weights, **common)
    ]
    if data_args.validation_file:
        datasets.append(CodeBlockDataset(data_args.validation_file, max_tokens=data_args.max_eval_tokens, **common))
    check_fit(model, model_args.tokenizer_name or name, datasets)
    train = datasets[0]
    print(f"train: {train.num_documents} documents, {train.epoch(0).tokens} tokens per epoch, {len(train)} blocks")
    os.makedirs(os.path.realpath(training_args.output_dir), exist_ok=True)  # a link's target may not exist yet
    with one_line("settings"), tensorboard_folder(Path(training_args.output_dir, "runs")):
        return CertTrainer(
            model=model,
            args=training_args,
            train_dataset=train,
            eval_dataset=datasets[1] if data_args.validation_file else None,
            processing_class=tokenizer,
            gradient_accumulation_strategy=data_args.gradient_accumulation_strategy,
        )


def train(flags: list[str], doc: str) -> None:
    """Train to `<output_dir>/model`, resuming a run that was killed; or evaluate (--do_eval alone). `doc`: see `parse`.

    Raises:
        UserError, OSError: one line each.
    """
    model_args, data_args, training_args = parse(flags, doc)
    training_args.dataloader_pin_memory &= torch.cuda.is_available()
    run_dir = Path(training_args.output_dir)
    set_seed(training_args.seed)
    if training_args.evaluate_only:
        trainer = build_trainer(model_args, data_args, training_args)
        about = {"model": model_args.model_name_or_path, "validation_file": data_args.validation_file}
        report(trainer, {**about, "eval_loss": trainer.evaluate()["eval_loss"]}, run_dir / "eval_results.json")
        return
    record = run_record(model_args, data_args, training_args)
    with training_args.main_process_first(local=False):
        finished = is_finished(record)
    if finished:
        print(f"{run_dir / 'model'} is up to date, nothing to do")
        return
    encoding, started = encoding_of([*filter(None, (data_args.train_file, data_args.validation_file))]), time.time()
    trainer = build_trainer(model_args, data_args, training_args)
    with ExitStack() as held:
        if trainer.is_world_process_zero():
            advice = "wait for it, or choose another --output_dir (in the shells: RUN_NAME)"
            busy = UserError(f"another process is training in {run_dir}; {advice}")
            held.enter_context(exclusive(run_dir / ".lock", busy))
        with training_args.main_process_first(local=False):  # removes incomplete checkpoints, so it needs the lock
            checkpoint = checkpoint_to_resume(training_args)
        if trainer.is_world_process_zero():
            record.begin()
        results = fit(trainer, data_args, checkpoint, encoding)
        if "resume_from_checkpoint" in record.inputs:
            results.pop("initial_loss", None)  # the first evaluation was that of another run
        seconds = round(time.time() - started, 1)
        results["run"] = {"seconds": seconds, "git_revision": git_revision(), "versions": versions()}
        names = {"base": model_args.model_name_or_path, "train_file": data_args.train_file}
        save_final(trainer, record, names, results, command_sha256(flags))
    report(trainer, results)


def fit(trainer, data_args: DataArguments, checkpoint: str | None, encoding: dict) -> dict:
    """Train from a checkpoint, or from the start; return steps, tokens, losses and the encoding."""
    # Within train(): a model that was evaluated before would not be wrapped for several processes any more.
    trainer.args.eval_on_start = bool(data_args.validation_file) and checkpoint is None
    trainer.train(resume_from_checkpoint=checkpoint)
    results = {"steps": trainer.state.global_step, "tokens": trainer.state.num_input_tokens_seen, "encoding": encoding}
    if data_args.validation_file:
        evaluated = [line["eval_loss"] for line in trainer.state.log_history if "eval_loss" in line]
        results |= {"initial_loss": evaluated[0]} if evaluated else {}
        results["final_loss"] = trainer.evaluate()["eval_loss"]
    return results


def report(trainer, results: dict, file: Path | None = None) -> None:
    """Print results, and write them where a file is given; on the main process."""
    if trainer.is_world_process_zero():
        print(json.dumps(results, indent=2))
        if file:
            write_json(file, results)
