"""The model that a training run starts from: a base, a base with LoRA adapters, or a new one; and do data fit it."""

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from nl2code import models
from nl2code.errors import UserError, first_line, one_line
from nl2code.quiet import quiet_loading
from scripts.records import read_record

if TYPE_CHECKING:
    from nl2code.code_dataset import CodeBlockDataset


@quiet_loading()
def starting_model(name: str, *, lora_r: int = 0, lora_alpha: int = 0, checkpointing: bool = False):
    """Load a base model for training; with a rank, its weights are frozen and adapters on all linear layers are trained.

    Args:
        name: see `nl2code.models.resolve_model`.
        lora_r: rank, 0 for none.
        lora_alpha: scale, 0 for 2 x rank.
        checkpointing: activations will be recomputed.
    """
    model = models.load_model(name)
    make_savable(model)
    if not lora_r:
        return model
    from peft import LoraConfig, get_peft_model

    alpha = lora_alpha or 2 * lora_r
    config = LoraConfig(task_type="CAUSAL_LM", r=lora_r, lora_alpha=alpha, target_modules="all-linear")
    model = get_peft_model(model, config)
    model.peft_config["default"].base_model_name_or_path = models.portable_name(name)
    if checkpointing:
        model.enable_input_require_grads()
    return model


def make_savable(model) -> None:
    """Replace a generation_config that transformers loads but refuses to save: its token ids stay."""
    from transformers import GenerationConfig

    try:
        model.generation_config.validate(strict=True)
    except ValueError as error:
        print(f"note: the base's generation_config.json is invalid, its token ids are kept: {first_line(error)}")
        known = model.generation_config.to_dict()
        model.generation_config = GenerationConfig(**{k: v for k, v in known.items() if k.endswith("_token_id")})


def new_model(name: str, overrides: str, tokenizer):
    """A randomly initialised causal LM: the shape of `name`, changed, with a vocabulary that fits the tokenizer.

    Args:
        name: a folder with a config.json (or its name under models/), a model type such as llama, or a hub id.
        overrides: `key=value,key=value`; values are JSON or plain words.
        tokenizer: sets vocab_size and the special tokens.

    Raises:
        UserError: no such shape, or a key that it does not have.
    """
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.configuration_utils import PreTrainedConfig
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    folder, changes = models.find_folder(name, "config.json"), _parse(overrides)
    if folder is None and name in CONFIG_MAPPING_NAMES:
        settings = {"model_type": name}
    else:
        try:
            settings = PreTrainedConfig.get_config_dict(str(folder or name))[0]
        except OSError as error:
            raise models.ModelError(
                f"no config.json for {name!r}; give a folder that has one, or a type such as llama"
            ) from error
    settings |= changes
    settings |= {"vocab_size": models.id_space(tokenizer), "bos_token_id": tokenizer.bos_token_id}
    settings |= {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": None}
    with one_line(f"--config_overrides {overrides} make no model of {name}"):
        known = AutoConfig.for_model(settings["model_type"])
        unknown = [key for key in changes if not hasattr(known, key)]
        if unknown:
            raise models.ModelError(f"--config_overrides: {settings['model_type']} has no {', '.join(unknown)}")
        return AutoModelForCausalLM.from_config(AutoConfig.for_model(**settings), dtype="float32")


def _parse(overrides: str) -> dict:
    """{"a": [1, 2], "b": "gelu"} of `a=[1, 2],b=gelu`."""
    found = {}
    for part in filter(None, re.split(r",(?=\s*\w+=)", overrides.strip(", "))):
        key, equals, value = part.partition("=")
        if not equals:
            raise models.ModelError(f"--config_overrides: {part!r} is not of the form key=value")
        try:
            found[key.strip()] = json.loads(value)
        except ValueError as error:
            if "," in value:
                raise models.ModelError(
                    f"--config_overrides: {value!r} of {key} is no JSON value, nor one word"
                ) from error
            found[key.strip()] = value.strip()
    return found


def starting_weights_sha256(name: str, overrides: str | None) -> str:
    """What the initial weights depend on, as one hash: the base's files, or a new model's configuration."""
    if overrides is None:
        return models.weights_sha256(name)
    folder = models.find_folder(name, "config.json")
    shape = (folder / "config.json").read_text() if folder else name
    return "new:" + hashlib.sha256(f"{shape}\n{overrides}".encode()).hexdigest()


def settle_padding(tokenizer, model) -> int:
    """The token that fills short blocks: pad, else eos, else 0; one that the model has.

    A pad token that the model lacks is taken from the tokenizer, else the saved model, which gets it, cannot be loaded.
    """
    rows = model.get_input_embeddings().num_embeddings
    found = (tokenizer.pad_token_id, models.document_ends(tokenizer)[1])
    kept = next((token for token in found if token is not None and token < rows), None)
    if tokenizer.pad_token_id != kept:
        tokenizer.pad_token = None if kept is None else tokenizer.eos_token
    return kept or 0


def check_fit(model, tokenizer_name: str, datasets: "list[CodeBlockDataset]") -> None:
    """Compare shards, tokenizer and model with each other before any training.

    The tokenizer of a shard is known by its record, else by the tokenizer in `model/` beside it; else only its highest token
    can be compared.

    Raises:
        UserError: blocks longer than the model's positions, shards of another tokenizer, or tokens that it does not have.
    """
    positions = getattr(model.config, "max_position_embeddings", None)
    block_size, rows = datasets[0].block_size, model.get_input_embeddings().num_embeddings
    if positions and block_size > positions:
        raise UserError(
            f"--block_size {block_size} exceeds the {positions} positions of the model; use {positions} or less"
        )
    prefixes, unlike = [shard.prefix for dataset in datasets for shard in dataset.shards], {}
    for prefix in prefixes:
        recorded = (read_record(Path(f"{prefix}.record.json")) or {"inputs": {}})["inputs"].get("tokenizer")
        if recorded != models.tokenizer_sha256(tokenizer_name):
            unlike[Path(prefix).parent / "model", recorded] = prefix
    for (beside, recorded), prefix in unlike.items():
        is_there = (beside / "tokenizer.json").is_file()
        if (recorded and not is_there) or (is_there and not models.same_tokenizer(str(beside), tokenizer_name)):
            raise UserError(
                f"shard {prefix} was encoded with another tokenizer than that of {tokenizer_name}; encode the corpus again "
                "with this base, or name the tokenizer's folder with --tokenizer_name"
            )
    for dataset in datasets:
        low, high = dataset.token_range()
        if low < 0 or high >= rows:
            raise UserError(
                f"{dataset.shards[0].prefix}: tokens from {low} to {high}, but the model has {rows} (0 to {rows - 1}); "
                "encode the corpus again with this base"
            )
