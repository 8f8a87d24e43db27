"""The model that a training run starts from: a base with all its weights, with LoRA adapters, or a new one."""

import hashlib
import json
from pathlib import Path

from nl2code.models import MODELS_DIR, ModelError, load_model, load_tokenizer, portable_name, weights_sha256


def starting_model(name: str, *, lora_r: int = 0, lora_alpha: int = 0, checkpointing: bool = False):
    """Load a base model for training; with a rank, its weights stay fixed and adapters on all linear layers learn.

    Args:
        name: see `nl2code.models.resolve_model`.
        lora_r: rank, 0 for none.
        lora_alpha: scale, 0 for 2 x rank.
        checkpointing: activations will be recomputed.
    """
    model = load_model(name)
    if not lora_r:
        return model
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        task_type="CAUSAL_LM", r=lora_r, lora_alpha=lora_alpha or 2 * lora_r, target_modules="all-linear"
    )
    model = get_peft_model(model, config)
    model.peft_config["default"].base_model_name_or_path = portable_name(name)
    if checkpointing:
        model.enable_input_require_grads()
    return model


def new_model(name: str, overrides: str, tokenizer):
    """A randomly initialised causal LM: the shape of `name`, changed, with a vocabulary that fits the tokenizer.

    Args:
        name: a folder with a config.json (or its name under models/), a model type such as llama, or a hub id.
        overrides: `key=value,key=value`; values are JSON or plain words.
        tokenizer: sets vocab_size and the special tokens.

    Raises:
        ModelError: no such shape, or a key that it does not have.
    """
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.configuration_utils import PreTrainedConfig
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    folder = _config_folder(name)
    if folder is None and name in CONFIG_MAPPING_NAMES:
        settings = {"model_type": name}
    else:
        try:
            settings = PreTrainedConfig.get_config_dict(str(folder or name))[0]
        except OSError as error:
            raise ModelError(
                f"no config.json for model {name!r}; give a folder that has one, or a type such as llama"
            ) from error
    settings |= _parse(overrides)
    settings |= {"vocab_size": len(tokenizer), "bos_token_id": tokenizer.bos_token_id}
    settings |= {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": None}
    known = AutoConfig.for_model(settings["model_type"])
    unknown = [key for key in _parse(overrides) if not hasattr(known, key)]
    if unknown:
        raise ModelError(f"--config_overrides: {settings['model_type']} has no {', '.join(unknown)}")
    try:
        return AutoModelForCausalLM.from_config(AutoConfig.for_model(**settings))
    except (StrictDataclassError, TypeError, ValueError) as error:
        raise ModelError(f"--config_overrides {overrides} make no model: {' '.join(str(error).split())}") from error


def starting_weights_sha256(name: str, overrides: str | None) -> str:
    """What the weights at the start depend on, as one hash: the base's files, or a new model's configuration."""
    if overrides is None:
        return weights_sha256(name)
    folder = _config_folder(name)
    shape = (folder / "config.json").read_text() if folder else name
    return "new:" + hashlib.sha256(f"{shape}\n{overrides}".encode()).hexdigest()


def starting_tokenizer(name: str, tokenizer_name: str | None):
    """The tokenizer of the base, or of a folder that needs to hold no model."""
    if tokenizer_name is None:
        return load_tokenizer(name)
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(tokenizer_name, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"no tokenizer {tokenizer_name!r}; make one with `python -m scripts.train_tokenizer`"
        ) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _config_folder(name: str) -> Path | None:
    for folder in (Path(name), MODELS_DIR / name):
        if (folder / "config.json").is_file():
            return folder
    return None


def _parse(overrides: str) -> dict:
    """{"a": 1, "b": "gelu"} of `a=1,b=gelu`."""
    found = {}
    for part in filter(None, overrides.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise ModelError(f"--config_overrides: {part!r} is not of the form key=value")
        try:
            found[key.strip()] = json.loads(value)
        except ValueError:
            found[key.strip()] = value.strip()
    return found
