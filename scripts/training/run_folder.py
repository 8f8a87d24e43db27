"""The folder of a training run: which settings it belongs to, and the finished model in it."""

import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path

from nl2code.code_dataset import find_shards
from nl2code.indexed_dataset import data_file_path
from scripts.file_utils import sha256_file, write_json
from scripts.training.model_card import model_card
from scripts.training.starting_model import starting_weights_sha256


class SettingsError(Exception):
    """A run that cannot start; the message is one line."""


def describe(model_args, data_args, training_args) -> dict:
    """What decides the weights that come out: inputs by hash, settings by value. Compared when a run is taken up again."""
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
        "base": starting_weights_sha256(model_args.model_name_or_path, model_args.config_overrides),
        "train_data": {Path(p).name: sha256_file(data_file_path(p)) for p in find_shards(data_args.train_file)},
        "model_args": asdict(model_args),
        "data_args": asdict(data_args),
        "training_args": settings,
        "processes": training_args.world_size,
    }


def open_run(run_dir: Path, description: dict) -> bool:
    """Claim `run_dir` for these settings; True where the finished model is there already.

    Raises:
        SettingsError: the folder holds a model or checkpoints of other settings.
    """
    record = run_dir / "run.json"
    finished = (run_dir / "model").is_dir()
    description = json.loads(json.dumps(description))  # as it is read back
    known = json.loads(record.read_text()) if record.is_file() else {}
    changed = [key for key in description if description[key] != known.get(key)]
    if changed and known and (finished or any(run_dir.glob("checkpoint-*"))):
        raise SettingsError(
            f"{run_dir} holds a run with other {', '.join(changed)}; "
            "choose another --output_dir (RUN_NAME) or delete that one"
        )
    if changed:
        run_dir.mkdir(parents=True, exist_ok=True)
        write_json(record, description)
    return finished


def save_final(trainer, run_dir: Path, description: dict, results: dict) -> None:
    """Write the model, its card and the results to `run_dir/model`, whole or not at all."""
    staging = run_dir / ".model"
    if trainer.is_world_process_zero():
        shutil.rmtree(staging, ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
    trainer.save_model(str(staging), _internal_call=True)  # does not push; the Trainer would push the run's folder
    if trainer.is_world_process_zero():
        (staging / "training_args.bin").unlink(missing_ok=True)  # a pickle; run.json holds the settings
        (staging / "README.md").write_text(model_card(description, results))
        write_json(staging / "train_results.json", {**results, "settings": description})
        if trainer.args.push_to_hub:
            from huggingface_hub import upload_folder

            upload_folder(repo_id=trainer.hub_model_id, folder_path=staging, token=trainer.args.hub_token)
        os.replace(staging, run_dir / "model")
