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
import shutil
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from nl2code.models import ModelError, load_model, load_tokenizer, portable_name, weights_sha256
from scripts.file_utils import git_revision, sha256_file, versions, write_json


@dataclass
class ModelArguments:
    """The model to start from."""

    model_name_or_path: str = field(metadata={"help": "folder, name of a folder under models/, or hub id"})
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
    max_eval_tokens: int | None = field(default=None, metadata={"help": "evaluate on this many tokens at most"})


class SettingsError(Exception):
    """A run that cannot start; the message is one line."""


def parse(argv: list[str]):
    """(ModelArguments, DataArguments, TrainingArguments) from flags or from one .json/.yaml file; unknown keys fail."""
    from transformers import HfArgumentParser, TrainingArguments

    parser = HfArgumentParser(
        (ModelArguments, DataArguments, TrainingArguments), description=__doc__.partition("\n")[0], allow_abbrev=False
    )
    if len(argv) == 1 and argv[0].endswith(".json"):
        return parser.parse_json_file(argv[0])
    if len(argv) == 1 and argv[0].endswith((".yaml", ".yml")):
        return parser.parse_yaml_file(argv[0])
    return parser.parse_args_into_dataclasses(argv)


def describe(model_args, data_args, training_args) -> dict:
    """What decides the weights that come out: inputs by hash, settings by value. Compared when a run is taken up again."""
    from nl2code.code_dataset import find_shards
    from nl2code.indexed_dataset import data_file_path

    unaffecting = {
        "output_dir",
        "run_name",
        "report_to",
        "disable_tqdm",
        "save_steps",
        "save_total_limit",
        "logging_steps",
        "local_rank",
    }
    plain = training_args.to_dict()
    settings = {k: v for k, v in plain.items() if k not in unaffecting and isinstance(v, (int, float, str, bool))}
    return {
        "base": weights_sha256(model_args.model_name_or_path),
        "train_data": {Path(p).name: sha256_file(data_file_path(p)) for p in find_shards(data_args.train_file)},
        "model_args": asdict(model_args),
        "data_args": asdict(data_args),
        "training_args": settings,
    }


def open_run(run_dir: Path, description: dict) -> bool:
    """Claim `run_dir` for these settings; True where the finished model is there already.

    Raises:
        SettingsError: the folder holds a run of other settings.
    """
    record = run_dir / "run.json"
    if record.is_file():
        known = json.loads(record.read_text())
        changed = [key for key in description if json.loads(json.dumps(description[key])) != known.get(key)]
        if changed:
            raise SettingsError(
                f"{run_dir} holds a run with other {', '.join(changed)}; "
                "choose another --output_dir (RUN_NAME) or delete that one"
            )
    else:
        run_dir.mkdir(parents=True, exist_ok=True)
        write_json(record, description)
    return (run_dir / "model").is_dir()


def build_trainer(model_args, data_args, training_args):
    """The model (LoRA or whole), the block datasets and the Trainer that joins them."""
    from nl2code.code_dataset import CodeBlockDataset
    from nl2code.hf_trainer import CertTrainer

    tokenizer = load_tokenizer(model_args.model_name_or_path)
    model = load_model(model_args.model_name_or_path)
    if model_args.lora_r:
        from peft import LoraConfig, get_peft_model

        alpha = model_args.lora_alpha or 2 * model_args.lora_r
        config = LoraConfig(task_type="CAUSAL_LM", r=model_args.lora_r, lora_alpha=alpha, target_modules="all-linear")
        model = get_peft_model(model, config)
        model.peft_config["default"].base_model_name_or_path = portable_name(model_args.model_name_or_path)
        if training_args.gradient_checkpointing:
            model.enable_input_require_grads()
    common = {"block_size": data_args.block_size, "pad_token_id": tokenizer.pad_token_id}
    train = CodeBlockDataset(
        data_args.train_file, seed=training_args.seed, resampling_weights=data_args.resampling_weights, **common
    )
    valid = None
    if data_args.validation_file:
        valid = CodeBlockDataset(data_args.validation_file, max_tokens=data_args.max_eval_tokens, **common)
    print(f"train: {train.num_documents} documents, {train.tokens_per_epoch} tokens per epoch, {len(train)} blocks")
    return CertTrainer(
        model=model, args=training_args, train_dataset=train, eval_dataset=valid, processing_class=tokenizer
    )


def save_final(trainer, run_dir: Path, description: dict, results: dict) -> None:
    """Write the model, its card and the results to `run_dir/model`, whole or not at all."""
    from nl2code.model_card import model_card

    staging = run_dir / ".model"
    if trainer.is_world_process_zero():
        shutil.rmtree(staging, ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
    trainer.save_model(str(staging))
    if trainer.is_world_process_zero():
        (staging / "training_args.bin").unlink(missing_ok=True)  # a pickle; run.json holds the settings
        (staging / "README.md").write_text(model_card(description, results))
        write_json(staging / "train_results.json", {**results, "settings": description})
        os.replace(staging, run_dir / "model")


def main(argv: list[str] | None = None) -> int:
    import torch
    from transformers import set_seed

    from nl2code.hf_trainer import NonFiniteLossError, newest_checkpoint

    try:
        model_args, data_args, training_args = parse(sys.argv[1:] if argv is None else argv)
    except ValueError as error:  # unknown flags or values that do not fit together
        print(f"error: {error}; see run_cert.py --help", file=sys.stderr)
        return 2
    training_args.include_num_input_tokens_seen = "non_padding"
    training_args.dataloader_pin_memory &= torch.cuda.is_available()
    run_dir = Path(training_args.output_dir)
    os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(run_dir / "runs"))
    try:
        description = describe(model_args, data_args, training_args)
        if open_run(run_dir, description):
            print(f"{run_dir / 'model'} is there, nothing to do")
            return 0
        set_seed(training_args.seed)
        started = time.time()
        trainer = build_trainer(model_args, data_args, training_args)
        initial = run_dir / "initial_eval.json"
        if data_args.validation_file and not initial.is_file():
            write_json(initial, trainer.evaluate(metric_key_prefix="initial"))
        trainer.train(resume_from_checkpoint=newest_checkpoint(run_dir))
    except (ModelError, SettingsError, NonFiniteLossError, FileNotFoundError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    results = {"steps": trainer.state.global_step, "tokens": trainer.state.num_input_tokens_seen}
    if data_args.validation_file:
        results["initial_loss"] = json.loads(initial.read_text())["initial_loss"]
        results["final_loss"] = trainer.evaluate()["eval_loss"]
    results["run"] = {
        "seconds": round(time.time() - started, 1),
        "git_revision": git_revision(),
        "versions": versions(),
    }
    save_final(trainer, run_dir, description, results)
    print(json.dumps(results, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
