"""Resolving and loading a base model, sketcher or generator: a local folder, a LoRA adapter, or a hub id.

Weights are read from safetensors only and `trust_remote_code` stays off. An adapter folder (peft) is merged into its
base at load time, so that the rest of the code sees one plain causal LM.
"""

import hashlib
import json
from pathlib import Path

from nl2code.errors import UserError

MODELS_DIR = Path(__file__).resolve().parent.parent / "models"
TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt"),
    *("added_tokens.json", "tokenizer.model"),
)


class ModelError(UserError):
    """A model or tokenizer that cannot be found or read; the message is one line that names the value and the fix."""


def has_weights(folder: Path) -> bool:
    """True where `folder` holds a whole model or adapter: its config and at least one non-empty safetensors file."""
    folder = Path(folder)
    if not (folder / "config.json").is_file() and not (folder / "adapter_config.json").is_file():
        return False
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        needed = set(json.loads(index.read_text())["weight_map"].values())
        return all((folder / name).is_file() for name in needed)
    return any(file.stat().st_size for file in folder.glob("*.safetensors"))


def resolve_model(name: str) -> str:
    """Turn what a user writes into a path or hub id that `from_pretrained` takes.

    Args:
        name: a folder, the name of a folder under models/, or a hub id `owner/name`.

    Raises:
        ModelError: nothing is there, or a folder is there without weights.
    """
    for folder in (Path(name), MODELS_DIR / name, MODELS_DIR.parent / name):
        if folder.is_dir():
            if has_weights(folder):
                return str(folder)
            raise ModelError(
                f"model folder {folder} holds no complete safetensors weights (config.json and *.safetensors); "
                "copy them there, or delete the folder and run `python -m scripts.fetch_model`"
            )
    owner, _, repository = name.partition("/")
    if owner and repository and "/" not in repository and not name.startswith((".", "~")):
        return name
    raise ModelError(
        f"no model {name!r}: give (1) the default base, made by `python -m scripts.fetch_model`; (2) a folder with "
        f"config.json, tokenizer and *.safetensors, or its name under {MODELS_DIR}; (3) a hub id such as "
        "Daoguang/PyCodeGPT, where a hub can be reached"
    )


def portable_name(name: str) -> str:
    """What an adapter remembers of its base: `models/NAME` for a folder under models/, else the name as given."""
    return f"{MODELS_DIR.name}/{name}" if not Path(name).is_dir() and (MODELS_DIR / name).is_dir() else name


def base_of(path: str) -> str | None:
    """The base model that an adapter folder names, None for a whole model."""
    config = Path(path) / "adapter_config.json"
    return json.loads(config.read_text())["base_model_name_or_path"] if config.is_file() else None


def resolve_tokenizer(name: str) -> str:
    """A folder with tokenizer files, or a hub id; no weights are needed.

    Args:
        name: as for `resolve_model`; a folder needs a tokenizer.json alone.

    Raises:
        ModelError: see `resolve_model`.
    """
    for folder in (Path(name), MODELS_DIR / name):
        if (folder / "tokenizer.json").is_file():
            return str(folder)
    return resolve_model(name)


def tokenizer_sha256(name: str) -> str:
    """One hash over the files of a tokenizer (TOKENIZER_FILES); `hub:<id>` for one on a hub."""
    folder = Path(resolve_tokenizer(name))
    if not folder.is_dir():
        return f"hub:{name}"
    digest = hashlib.sha256()
    for file in sorted(folder / name for name in TOKENIZER_FILES):
        if file.is_file():
            digest.update(f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def load_tokenizer(name: str):
    """A fast tokenizer with a pad token (eos where it has none of its own).

    Raises:
        ModelError: there is none, or none with a tokenizer.json.
    """
    from transformers import AutoTokenizer

    path = resolve_tokenizer(name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise ModelError(f"no tokenizer for model {name!r} ({_first_line(error)}); copy its files beside it") from error
    if not tokenizer.is_fast:
        raise ModelError(f"model {name!r} has no fast tokenizer (tokenizer.json); convert it first")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def document_ends(tokenizer) -> tuple[int | None, int | None]:
    """Token ids in front of and behind every document: (bos, else eos; eos). None where the tokenizer has neither."""
    eos = tokenizer.eos_token_id
    return (eos if tokenizer.bos_token_id is None else tokenizer.bos_token_id), eos


def id_space(tokenizer) -> int:
    """One more than the highest token id. `len(tokenizer)` is less where ids have gaps."""
    return max(tokenizer.get_vocab().values(), default=-1) + 1


def load_model(name: str, dtype: str = "float32", device: str = "cpu"):
    """Load a causal LM in evaluation mode; an adapter is merged into its base.

    Args:
        name: see `resolve_model`.
        dtype: float32, bfloat16 or float16.
        device: a torch device string.

    Raises:
        ModelError: see `resolve_model`; also where the weights are not safetensors or a hub cannot be reached.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    path = resolve_model(name)
    base = base_of(path)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            resolve_model(base) if base else path,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            trust_remote_code=False,
        )
        if base:
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, path).merge_and_unload()
    except SafetensorError as error:
        raise ModelError(
            f"the weights of model {name!r} are damaged or half copied ({_first_line(error)}); copy or fetch them again"
        ) from error
    except (OSError, ValueError) as error:
        raise ModelError(
            f"cannot load model {name!r} ({_first_line(error)}); offline, or with .bin weights only, make a safetensors "
            "copy once with `python -m scripts.fetch_model --source ID -o models/NAME` and name that"
        ) from error
    return model.to(device).eval()


def weights_sha256(name: str) -> str:
    """One hash over every safetensors file of a local model (and of an adapter's base); the id itself for a hub model."""
    path = Path(resolve_model(name))
    if not path.is_dir():
        return f"hub:{name}"
    digest = hashlib.sha256()
    for file in sorted(path.glob("*.safetensors")):
        with open(file, "rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    base = base_of(str(path))
    if base:
        digest.update(weights_sha256(base).encode())
    return digest.hexdigest()


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
