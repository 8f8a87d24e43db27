"""Resolving and loading base models, sketchers and generators: a local folder, a LoRA adapter, or a hub id.

Weights are read from safetensors only and `trust_remote_code` stays off. Adapters (peft) are merged into their base at load
time, an adapter on an adapter too, so that the rest of the code sees one plain causal LM.
"""

import hashlib
import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from nl2code.errors import UserError, first_line, one_line
from nl2code.hashes import sha256_file
from nl2code.quiet import quiet_loading

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

MODELS_DIR = Path(__file__).resolve().parent.parent / "models"
TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt"),
    *("added_tokens.json", "tokenizer.model", "chat_template.jinja"),
)
MODEL_FILES = ("config.json", "generation_config.json", "adapter_config.json")
PLACES = ("base_model_name_or_path", "_name_or_path")  # where a model came from, no part of what it computes


class ModelError(UserError):
    """A model or tokenizer that cannot be found or read; the message is one line that names the value and the fix."""


def find_folder(name: str, *files: str) -> Path | None:
    """The folder meant by `name` (a path, or a name under models/ or the project) that holds one of `files`, else None."""
    return next((folder for folder in _folders(name) if any((folder / file).is_file() for file in files)), None)


def _folders(name: str) -> tuple[Path, ...]:
    return Path(name), MODELS_DIR / name, MODELS_DIR.parent / name


def has_weights(folder: Path) -> bool:
    """True where `folder` holds a whole model or adapter: its config and at least one non-empty safetensors file."""
    if not (folder / "config.json").is_file() and not (folder / "adapter_config.json").is_file():
        return False
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return any(file.stat().st_size for file in folder.glob("*.safetensors"))
    try:
        return all((folder / name).is_file() for name in json.loads(index.read_text())["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def resolve_model(name: str, adapter: str | None = None) -> str:
    """Turn what a user writes into a path or hub id that `from_pretrained` takes.

    Args:
        name: a folder, the name of a folder under models/, or a hub id `owner/name`.
        adapter: folder of the adapter that names this base; the name may be relative to it.

    Raises:
        ModelError: nothing is there, or a folder is there without weights.
    """
    for folder in (*_folders(name), *([Path(adapter, name)] if adapter else [])):
        if folder.is_dir():
            if has_weights(folder):
                return str(folder)
            if (folder / "adapter_model.bin").is_file():
                raise ModelError(f"{folder} holds a pickled adapter, which is not read; save it as safetensors")
            if [*folder.glob("pytorch_model*.bin")]:
                raise ModelError(
                    f"model folder {folder} holds .bin weights only; make a safetensors copy with `python -m "
                    f"scripts.fetch_model --source {folder} -o models/{folder.resolve().name}-safetensors` and name that"
                )
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
    """How an adapter records its base: a folder relative to the project where it lies in it, else absolute; or a hub id."""
    folder = Path(resolve_model(name)).absolute()
    if not folder.is_dir():
        return name
    return str(folder.relative_to(MODELS_DIR.parent) if folder.is_relative_to(MODELS_DIR.parent) else folder)


def base_of(path: str) -> str | None:
    """The base model that an adapter folder names, resolved; None for a whole model.

    Raises:
        ModelError: the adapter names no base, or one that is not there.
    """
    file = Path(path) / "adapter_config.json"
    if not file.is_file():
        return None
    try:
        name = json.loads(file.read_text(encoding="utf-8"))["base_model_name_or_path"]
        return resolve_model(name, path)
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{file} names no base model; set base_model_name_or_path to the base's folder") from error
    except ModelError as error:
        raise ModelError(
            f"adapter {path} needs its base; correct base_model_name_or_path in {file}: {error}"
        ) from error


def adapter_chain(name: str) -> list[str]:
    """A model as path or hub id; for an adapter its whole base first, then the adapters in the order of training.

    Raises:
        ModelError: see `resolve_model`, `base_of`; also adapters that are based on each other.
    """
    chain = [resolve_model(name)]
    while base := base_of(chain[0]):
        if any(Path(base).resolve() == Path(known).resolve() for known in chain):
            raise ModelError(f"adapter {chain[0]} is based on itself; correct base_model_name_or_path in its config")
        chain.insert(0, base)
    return chain


@quiet_loading()
def load_model(name: str, dtype: str = "float32", device: str = "cpu") -> "PreTrainedModel":
    """Load a causal LM in evaluation mode; adapters are merged into their base.

    Args:
        name: see `resolve_model`.
        dtype: float32, bfloat16 or float16.
        device: a torch device string.

    Raises:
        ModelError: see `adapter_chain`; also weights are damaged or do not fit, a hub or a device cannot be used.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    base, *adapters = adapter_chain(name)
    file = Path(base) / "generation_config.json"
    with one_line(f"{file} is damaged; copy or fetch it again"):  # transformers does without it, and its end tokens
        if file.is_file():
            json.loads(file.read_bytes()).keys()
    options = {"use_safetensors": True, "trust_remote_code": False, "output_loading_info": True}
    try:
        model, loaded = AutoModelForCausalLM.from_pretrained(base, dtype=getattr(torch, dtype), **options)
        if missing := sorted(loaded["missing_keys"]):  # these would be random
            raise ModelError(
                f"the weights of model {base!r} lack {len(missing)} tensors of its config.json, {missing[0]} among them; "
                "copy or fetch both from one place"
            )
        if getattr(model, "_hf_peft_config_loaded", False):
            raise ValueError(f"{base} is an adapter; copy it to a folder")
        for adapter in adapters:
            from peft import PeftModel

            warnings.filterwarnings("error", "Found missing adapter keys")  # those would change nothing; until the end
            model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    except SafetensorError as error:
        raise ModelError(
            f"the weights of model {name!r} are damaged or half copied ({first_line(error)}); copy or fetch them again"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, UserWarning) as error:
        raise ModelError(
            f"cannot load model {name!r} ({first_line(error)}); offline, or with .bin weights only, make a safetensors "
            "copy once with `python -m scripts.fetch_model --source ID -o models/NAME` and name that"
        ) from error
    try:
        return model.to(device).eval()
    except (AssertionError, RuntimeError) as error:  # torch without CUDA; no such GPU, or a full one
        raise ModelError(f"cannot use --device {device}: {first_line(error)}; use cpu, or another GPU") from error


def weights_sha256(name: str) -> str:
    """One hash over weights and configuration of a local model and of an adapter's bases; `hub:<id>` for a hub model."""
    digest = hashlib.sha256()
    for part in adapter_chain(name):
        folder = Path(part)
        if part == name and not folder.is_dir():
            return f"hub:{name}"
        digest.update(b"" if folder.is_dir() else f"hub:{part}".encode())
        for file in sorted(folder.glob("*.safetensors")):
            digest.update(bytes.fromhex(sha256_file(file)))
        for file in (folder / name for name in MODEL_FILES):
            if file.is_file():
                digest.update(f"{file.name} {_without_places(file)}".encode())
    return digest.hexdigest()


def _without_places(file: Path) -> str:
    text = file.read_text(encoding="utf-8", errors="replace")
    try:
        kept = {key: value for key, value in json.loads(text).items() if key not in PLACES}
        if isinstance(kept.get("target_modules"), list):
            kept["target_modules"].sort()  # peft writes a set, in an order that changes from process to process
        return json.dumps(kept, sort_keys=True)
    except (ValueError, AttributeError):
        return text


def resolve_tokenizer(name: str) -> str:
    """A folder with tokenizer files, or a hub id; no weights are needed. An adapter without files has those of its base.

    Args:
        name: as for `resolve_model`; a folder needs a tokenizer.json alone.

    Raises:
        ModelError: see `resolve_model`.
    """
    folder = find_folder(name, "tokenizer.json", "tokenizer.model", "vocab.json")
    if folder:
        return str(folder)
    try:
        path = resolve_model(name)
        base = base_of(path)
    except ModelError as error:
        raise ModelError(f"no tokenizer {name!r} (`python -m scripts.train_tokenizer` makes one): {error}") from error
    return resolve_tokenizer(base) if base else path


def tokenizer_sha256(name: str) -> str:
    """One hash over the files of a tokenizer (TOKENIZER_FILES); `hub:<id>` for one on a hub."""
    folder = Path(resolve_tokenizer(name))
    if not folder.is_dir():
        return f"hub:{name}"
    files = [folder / name for name in sorted(TOKENIZER_FILES) if (folder / name).is_file()]
    lines = [f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n" for file in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def load_tokenizer(name: str) -> "PreTrainedTokenizerFast":
    """A fast tokenizer with a pad token (eos where it has none of its own).

    Raises:
        ModelError: there is none, or none with a tokenizer.json.
    """
    from transformers import AutoTokenizer

    path = resolve_tokenizer(name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
        if len(tokenizer.get_vocab()) <= len(tokenizer.all_special_tokens):  # what transformers makes without files
            raise ValueError("it has no tokenizer files")
    except Exception as error:  # the tokenizers library raises nothing more special
        raise ModelError(f"no tokenizer for model {name!r} ({first_line(error)}); copy its files beside it") from error
    if not tokenizer.is_fast:
        raise ModelError(f"model {name!r} has no fast tokenizer (tokenizer.json); convert it first")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def same_tokenizer(first: str, second: str) -> bool:
    """Whether two tokenizers encode alike: equal files, or equal once loaded (saving a tokenizer may rewrite its files)."""
    if tokenizer_sha256(first) == tokenizer_sha256(second):
        return True
    one, other = (load_tokenizer(name) for name in (first, second))
    return document_ends(one) == document_ends(other) and _rules(one) == _rules(other)


def _rules(tokenizer: "PreTrainedTokenizerFast") -> dict:
    rules = json.loads(tokenizer.backend_tokenizer.to_str())
    return {key: value for key, value in rules.items() if key not in ("padding", "truncation")}


def document_ends(tokenizer: "PreTrainedTokenizerFast") -> tuple[int | None, int | None]:
    """Token ids in front of and behind every document: (bos, else eos; eos). None where the tokenizer has neither."""
    eos = tokenizer.eos_token_id
    return (eos if tokenizer.bos_token_id is None else tokenizer.bos_token_id), eos


def reading_text(description: str) -> "Tokenizer":
    """A `tokenizers.Tokenizer` from the text of a tokenizer.json, which reads special tokens in a text as plain text.

    One reader for training and sampling: code that spells `<|endoftext|>` does not end its document. Truncation and
    padding that the file asks for are off.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(description)
    tokenizer.encode_special_tokens = True
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def id_space(tokenizer: "PreTrainedTokenizerFast") -> int:
    """One more than the highest token id. `len(tokenizer)` is less where ids have gaps."""
    return max(tokenizer.get_vocab().values(), default=-1) + 1
