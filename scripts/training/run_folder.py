"""The folder of a training run: its record, the checkpoint to resume from, and the finished model."""

import hashlib
import json
import os
import re
import shutil
from pathlib import Path

from safetensors import SafetensorError

from nl2code.checkpoints import checkpoints, is_weights_only, is_whole, newest_checkpoint
from nl2code.errors import UserError, one_line
from nl2code.hashes import sha256_file
from nl2code.models import tokenizer_sha256
from nl2code.shards import SHARD_FILES, find_shards
from scripts.file_utils import open_weights_to_readers, write_json, write_text
from scripts.records import Record, outputs_are_there, read_record
from scripts.training.starting_model import starting_weights_sha256

STAGE, FORMAT = "training", 1  # raise it where equal inputs and settings give other weights


def run_inputs(
    name: str, train_file: str, validation_file: str | None, tokenizer_name: str | None, config_overrides: str | None
) -> dict[str, str]:
    """sha256 of base, tokenizer and shards; arguments are the flags of run_cert.py.

    Raises:
        UserError, OSError: an input is missing.
    """
    inputs = {
        "base": starting_weights_sha256(name, config_overrides),
        "tokenizer": tokenizer_sha256(tokenizer_name or name),
    }
    for role, prefixes in (("train_file", train_file), ("validation_file", validation_file)):
        for prefix in find_shards(prefixes) if prefixes else ():
            files = [Path(f"{prefix}{suffix}") for suffix in SHARD_FILES]
            inputs |= {f"{role} {file.name}": sha256_file(file) for file in files if file.is_file()}
    return inputs


def run_record(model_args, data_args, training_args) -> Record:
    """The record of a run: everything that decides its weights.

    Raises:
        UserError, OSError: an input is missing.
    """
    from scripts.training.arguments import settings_of

    data, base = (data_args.train_file, data_args.validation_file), model_args.model_name_or_path
    inputs = run_inputs(base, *data, model_args.tokenizer_name, model_args.config_overrides)
    foreign = foreign_checkpoint(training_args)
    if foreign:
        digests = [sha256_file(file) for file in sorted(foreign.rglob("*")) if file.is_file()]
        inputs["resume_from_checkpoint"] = hashlib.sha256("".join(digests).encode()).hexdigest()
    settings = settings_of(model_args, data_args, training_args)
    if isinstance(settings["deepspeed"], str) and Path(settings["deepspeed"]).is_file():
        settings["deepspeed"] = json.loads(Path(settings["deepspeed"]).read_text())
    return Record(Path(training_args.output_dir) / "record.json", STAGE, FORMAT, inputs, settings)


def recorded_precision(folder: str | Path) -> str | None:
    """bf16 or fp32 where the record of the run in a folder says so; None for another run, or none."""
    known = read_record(Path(folder).expanduser() / "record.json") or {}
    settings = known["settings"] if known.get("stage") == STAGE else {}
    if settings.get("fp16") is not False or not isinstance(settings.get("bf16"), bool):
        return None
    return "bf16" if settings["bf16"] else "fp32"


def is_finished(record: Record) -> bool:
    """Whether the run's model is there. False: it may begin, or resume from a checkpoint of its own.

    Raises:
        UserError: the folder holds checkpoints or a model of another run.
    """
    folder = record.file.parent
    if record.is_finished():
        return True
    if not checkpoints(folder) and not (folder / "model").exists():
        return False
    advice = "choose another --output_dir (in the shells: RUN_NAME), or remove that folder"
    if record.known() is None:
        raise UserError(f"{folder} holds checkpoints or a model without the record.json of a run; {advice}")
    changed = record.changed_settings() + record.changed_inputs()
    if changed:
        raise UserError(f"{folder} holds a run with other settings or inputs: {'; '.join(changed)}; {advice}")
    return False


def foreign_checkpoint(training_args) -> Path | None:
    """The folder of --resume_from_checkpoint where it belongs to another run.

    Raises:
        UserError: training cannot resume from it.
    """
    asked = training_args.resume_from_checkpoint
    if asked is None or asked.lower() == "true":
        return None
    folder, run_dir = Path(asked), Path(training_args.output_dir)
    if not is_whole(folder):
        raise UserError(f"--resume_from_checkpoint {asked} is no complete checkpoint; name a folder checkpoint-<step>")
    if is_weights_only(folder):
        raise UserError(
            f"--resume_from_checkpoint {asked} lacks optimizer, scheduler or random state; to start from its weights, "
            f"use --model_name_or_path {asked}"
        )
    with one_line(f"--resume_from_checkpoint {asked} is damaged"):
        step = int(json.loads((folder / "trainer_state.json").read_text())["global_step"])
    if 0 < training_args.max_steps <= step:
        raise UserError(
            f"--resume_from_checkpoint {asked} is at step {step} already; raise --max_steps or --num_train_epochs"
        )
    return None if folder.resolve().parent == run_dir.resolve() else folder


def checkpoint_to_resume(training_args) -> str | None:
    """--resume_from_checkpoint where it belongs to this run; else the run's own newest, else the foreign one.

    Raises:
        UserError: `true`, but there is no checkpoint.
    """
    asked, run_dir = training_args.resume_from_checkpoint, training_args.output_dir
    own = newest_checkpoint(Path(run_dir))
    if asked is not None and asked.lower() == "true":
        if own is None:
            raise UserError(f"--resume_from_checkpoint {asked}: {run_dir} holds no checkpoint; leave the flag out")
        return own
    foreign = foreign_checkpoint(training_args)
    return (own or str(foreign)) if foreign else (asked or own)


def encoding_of(names: list[str]) -> dict:
    """{"type", "operation", "tokenizer"} from the records beside the shards of these prefixes; {} where there is none.

    Raises:
        UserError: shards were encoded in different ways, or one is not encoded to its end.
    """
    found: dict[str, dict] = {}
    for name in names:
        for file in sorted(Path(name).parent.glob(f"{Path(name).name}*.record.json")):
            if not (known := read_record(file)) or not re.fullmatch(r"\d*", file.name[len(Path(name).name) : -12]):
                continue
            prefix = str(file)[:-12]
            if not outputs_are_there(file):
                raise UserError(f"shard {prefix} is not encoded to its end; run the encoding again")
            about = {setting: known["settings"].get(setting) for setting in ("type", "operation")}
            found[prefix] = {**about, "tokenizer": known["inputs"].get("tokenizer")}
    first = next(iter(found), None)
    for prefix, about in found.items():
        if about != found[first]:
            raise UserError(
                f"shards {first} ({found[first]}) and {prefix} ({about}) do not fit each other; encode again"
            )
    return found[first] if found else {}


def save_final(trainer, record: Record, names: dict[str, str], results: dict, command: str) -> None:
    """Write the model, its card and the results to `<run>/model`, then the finished record.

    Args:
        names: base and training data as the user named them, for the card.
        results: steps, tokens, losses, encoding and run.
        command: see `scripts.training.finished.command_sha256`.
    """
    run_dir = record.file.parent
    staging, final = run_dir / ".model", run_dir / "model"
    if trainer.is_world_process_zero():
        shutil.rmtree(staging, ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
    try:
        trainer.save_model(str(staging), _internal_call=True)  # the stock call would push the whole run folder
    except SafetensorError as error:
        raise UserError(f"{final} was not written ({error}); make room on the disk, then start again") from error
    if not trainer.is_world_process_zero():
        return
    open_weights_to_readers(staging)
    (staging / "training_args.bin").unlink(missing_ok=True)  # a pickle; record.json holds the settings
    write_text(staging / "README.md", model_card(record, names, results))
    about = {"inputs": record.inputs, "settings": record.settings}
    write_json(staging / "train_results.json", {**results, **about})
    if trainer.args.push_to_hub:
        from huggingface_hub import upload_folder

        options = {"token": trainer.args.hub_token, "revision": trainer.args.hub_revision}
        upload_folder(repo_id=trainer.hub_model_id, folder_path=staging, **options)
    files = [final / file.relative_to(staging) for file in staging.rglob("*") if file.is_file()]
    if final.exists():  # killed before its record was written
        shutil.copytree(staging, final, dirs_exist_ok=True)
        shutil.rmtree(staging)
    else:
        os.replace(staging, final)
    facts = {name: value for name, value in results.items() if name != "run"}
    record.finish(files, {**results["run"], "command": command}, results=facts)


def model_card(record: Record, names: dict[str, str], results: dict) -> str:
    """Markdown with a YAML header: base, data hashes, encoding, tokens seen, losses and licence note.

    Args:
        record: of the run.
        names: base and train_file as the user named them.
        results: steps, tokens, losses, encoding and run.
    """
    base, rank, overrides = names["base"], record.settings["lora_r"], record.settings["config_overrides"]
    losses = [f"{results[key]:.4f}" if key in results else "not measured" for key in ("initial_loss", "final_loss")]
    data = "\n".join(f"- `{name}`: sha256 `{digest}`" for name, digest in record.inputs.items())
    encoding = ", ".join(f"{name} `{value}`" for name, value in results["encoding"].items()) or "not recorded"
    title, origin = f"{base}, continually pre-trained on", f"base_model: {base}\n"
    if overrides is not None:
        title, origin = f"{base} ({overrides or 'unchanged'}), trained from scratch on", ""
    return f"""---
{origin}library_name: {"peft" if rank else "transformers"}
tags: [code, continual-pre-training, cert]
---
# {title} `{names["train_file"]}`

- trained: {f"LoRA, rank {rank}" if rank else "all weights"}; {results["steps"]} steps, {results["tokens"]} tokens
- held-out loss: {losses[0]} before, {losses[1]} after
- encoding: {encoding}
- licence: the base model's terms hold; the corpus folder's `corpus_stats.json` lists the licences of the training documents

Inputs:
{data}

```json
{json.dumps(results["run"], indent=2)}
```
"""
