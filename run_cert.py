"""Continual pre-training of a base model on encoded code, sketches or generator documents (paper, section 3).

    python run_cert.py --model_name_or_path smollm2-135m --lora_r 16 --block_size 256 --max_steps 15 \\
        --train_file data/Pandas/sketcher_bin/train --validation_file data/Pandas/sketcher_bin/valid \\
        --output_dir data/Pandas/experiments/sketcher_models/quick
    python run_cert.py config.json        # or .yaml: the same settings from one file
    torchrun --nproc_per_node 8 run_cert.py ...

The finished model is `<output_dir>/model`. Killed and started again with the same command, a run goes on from its newest
whole checkpoint and ends with the same weights; finished, it says so and stops.
"""

import json
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from nl2code.models import ModelError
from scripts.file_utils import git_revision, versions
from scripts.training.run_folder import SettingsError, describe, open_run, save_final


@dataclass
class ModelArguments:
    """The model to start from."""

    model_name_or_path: str = field(metadata={"help": "folder, name of a folder under models/, or hub id"})
    tokenizer_name: str | None = field(default=None, metadata={"help": "folder or hub id; none: the model's own"})
    config_overrides: str | None = field(
        default=None,
        metadata={
            "help": "train from scratch: key=value,... over the model's configuration, '' for none; the model then needs a "
            "config.json alone, or is a type such as llama"
        },
    )
    lora_r: int = field(
        default=0, metadata={"help": "rank of LoRA adapters on all linear layers; 0 trains every weight"}
    )
    lora_alpha: int = field(default=0, metadata={"help": "LoRA scale; 0 means 2 x rank"})


@dataclass
class DataArguments:
    """The encoded data."""

    train_file: str = field(metadata={"help": "prefix of the training shards, e.g. data/Pandas/sketcher_bin/train"})
    validation_file: str | None = field(default=None, metadata={"help": "prefix of the validation shards"})
    block_size: int = field(default=1024, metadata={"help": "tokens per block"})
    resampling_weights: str | None = field(
        default=None,
        metadata={"help": "a_b_c, document weights by stars, tests and functions; none: each document once"},
    )
    pack_reset: bool = field(
        default=False, metadata={"help": "documents that share a block do not see one another: attention, positions"}
    )
    gradient_accumulation_strategy: str | None = field(
        default=None,
        metadata={
            "help": "TOKENS_STEPS, such as 512K_150K: the batch grows linearly, from the initial one to that many tokens "
            "over that many steps"
        },
    )
    max_eval_tokens: int | None = field(default=None, metadata={"help": "evaluate on this many tokens at most"})


def parse(argv: list[str]):
    """(ModelArguments, DataArguments, TrainingArguments) from flags or from one .json/.yaml file; unknown keys fail."""
    from transformers import HfArgumentParser, TrainingArguments

    parser = HfArgumentParser(
        (ModelArguments, DataArguments, TrainingArguments), description=__doc__.partition("\n")[0], allow_abbrev=False
    )
    if len(argv) == 1 and argv[0].endswith((".json", ".yaml", ".yml")):
        argv = flags_of(Path(argv[0]))
    return parser.parse_args_into_dataclasses(argv)


def flags_of(file: Path) -> list[str]:
    """The settings of a file as flags, so that both mean the same: JSON is YAML, true is `true`, null is left out."""
    import yaml

    flags = []
    for key, value in yaml.safe_load(file.read_text(encoding="utf-8")).items():
        if value is None:
            continue
        values = value if isinstance(value, list) else [value]
        flags += [f"--{key}", *(v if isinstance(v, str) else json.dumps(v) for v in values)]
    return flags


def build_trainer(model_args, data_args, training_args):
    """The model (LoRA, whole or new), the block datasets and the Trainer that joins them.

    Raises:
        SettingsError: adapters on a new model.
    """
    from nl2code.code_dataset import CodeBlockDataset
    from nl2code.hf_trainer import CertTrainer
    from scripts.training.starting_model import new_model, starting_model, starting_tokenizer

    tokenizer = starting_tokenizer(model_args.model_name_or_path, model_args.tokenizer_name)
    if model_args.config_overrides is None:
        model = starting_model(
            model_args.model_name_or_path,
            lora_r=model_args.lora_r,
            lora_alpha=model_args.lora_alpha,
            checkpointing=training_args.activation_checkpointing,
        )
    elif model_args.lora_r:
        raise SettingsError("--config_overrides makes a new model, which has nothing that --lora_r could keep; use 0")
    else:
        model = new_model(model_args.model_name_or_path, model_args.config_overrides, tokenizer)
    common = {
        "block_size": data_args.block_size,
        "pad_token_id": tokenizer.pad_token_id,
        "pack_reset": data_args.pack_reset,
    }
    train = CodeBlockDataset(
        data_args.train_file, seed=training_args.seed, resampling_weights=data_args.resampling_weights, **common
    )
    valid = None
    if data_args.validation_file:
        valid = CodeBlockDataset(data_args.validation_file, max_tokens=data_args.max_eval_tokens, **common)
    print(f"train: {train.num_documents} documents, {train.epoch(0).tokens} tokens per epoch, {len(train)} blocks")
    return CertTrainer(
        model=model,
        args=training_args,
        train_dataset=train,
        eval_dataset=valid,
        processing_class=tokenizer,
        gradient_accumulation_strategy=data_args.gradient_accumulation_strategy,
    )


def train(model_args, data_args, training_args) -> None:
    """Train, or go on with a run that was killed, to `<output_dir>/model`.

    Raises:
        ModelError, SettingsError, NonFiniteLossError, CheckpointError, FileNotFoundError, ValueError: one line each.
    """
    import torch
    from transformers import set_seed

    from nl2code.checkpoints import newest_checkpoint

    training_args.include_num_input_tokens_seen = "non_padding"
    training_args.dataloader_pin_memory &= torch.cuda.is_available()
    run_dir = Path(training_args.output_dir)
    os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(run_dir / "runs"))
    description = describe(model_args, data_args, training_args)
    with training_args.main_process_first(local=False):
        finished = open_run(run_dir, description)
        checkpoint = newest_checkpoint(run_dir)
    if finished:
        print(f"{run_dir / 'model'} is there, nothing to do")
        return
    set_seed(training_args.seed)
    started = time.time()
    trainer = build_trainer(model_args, data_args, training_args)
    # Within train(), because a model that was evaluated before is not wrapped for several processes any more.
    training_args.eval_on_start = bool(data_args.validation_file) and checkpoint is None
    trainer.train(resume_from_checkpoint=checkpoint)
    results = {"steps": trainer.state.global_step, "tokens": trainer.state.num_input_tokens_seen}
    if data_args.validation_file:
        results["initial_loss"] = next(line["eval_loss"] for line in trainer.state.log_history if "eval_loss" in line)
        results["final_loss"] = trainer.evaluate()["eval_loss"]
    seconds = round(time.time() - started, 1)
    results["run"] = {"seconds": seconds, "git_revision": git_revision(), "versions": versions()}
    save_final(trainer, run_dir, description, results)
    if trainer.is_world_process_zero():
        print(json.dumps(results, indent=2))


def main(argv: list[str] | None = None) -> int:
    try:
        model_args, data_args, training_args = parse(sys.argv[1:] if argv is None else argv)
    except (OSError, ValueError) as error:  # unknown flags or values that do not fit together
        print(f"error: {error}; see run_cert.py --help", file=sys.stderr)
        return 2
    from nl2code.checkpoints import CheckpointError
    from nl2code.hf_trainer import NonFiniteLossError

    try:
        train(model_args, data_args, training_args)
    except (ModelError, SettingsError, NonFiniteLossError, CheckpointError, FileNotFoundError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
