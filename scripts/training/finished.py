"""What run_cert.py can answer without torch, which takes seconds to load: its help, and that a run is finished.

The record of a finished run holds, in `run`, a hash of the command that made it. The same command on the same inputs has
nothing to do. Any other command is compared by its settings (scripts/training/run_folder.py).
"""

import argparse
import hashlib
import importlib.metadata
import json
import os
from pathlib import Path

from nl2code.hashes import sha256_file
from scripts.file_utils import PROJECT_ROOT, versions
from scripts.records import outputs_are_there, read_record
from scripts.shell.checks import has_gpu
from scripts.training.run_folder import FORMAT, run_inputs

HELP = PROJECT_ROOT / "configs/training/help.txt"  # made by: python -m scripts.settings --training-help
LAUNCHER = ("ACCELERATE_", "FSDP_", "WORLD_SIZE", "CUDA_VISIBLE_DEVICES")
REQUIRED, OPTIONAL = ("model_name_or_path", "train_file"), ("validation_file", "tokenizer_name", "config_overrides")


def known_help() -> str | None:
    """The help of run_cert.py; None where another version of transformers, whose flags are part of it, is installed."""
    version, _, text = HELP.read_text(encoding="utf-8").partition("\n")
    return text.rstrip("\n") if version == f"transformers {importlib.metadata.version('transformers')}" else None


def command_sha256(flags: list[str]) -> str:
    """A hash of what decides a run besides its inputs: flags, files that they name, launcher, GPU, versions of libraries."""
    launcher = {name: value for name, value in sorted(os.environ.items()) if name.startswith(LAUNCHER)}
    launcher.pop("ACCELERATE_MIXED_PRECISION", None)  # set by the settings of a run, whatever it was
    values = [*flags, *(flag.partition("=")[2] for flag in flags), *launcher.values()]
    files = {value: sha256_file(value) for value in values if os.path.isfile(value)}
    return hashlib.sha256(json.dumps([flags, launcher, files, has_gpu(), versions()]).encode()).hexdigest()


def values_of(flags: list[str], *names: str) -> dict[str, str | None]:
    """The last value of each of some flags, in either spelling; None without one, or where the real parser will complain."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for name in names:
        parser.add_argument(f"--{name}", f"--{name.replace('_', '-')}")
    try:
        return vars(parser.parse_known_args(flags)[0])
    except argparse.ArgumentError:
        return dict.fromkeys(names)


def finished_model(flags: list[str]) -> Path | None:
    """The model of a finished run of the same command; None where that needs a closer look.

    Args:
        flags: of run_cert.py, those of a preset included.

    Raises:
        UserError, OSError: an input of that run is missing.
    """
    given = values_of(flags, "output_dir", *REQUIRED, *OPTIONAL)
    if not all(given[name] for name in ("output_dir", *REQUIRED)):
        return None
    file = Path(given["output_dir"]).expanduser() / "record.json"
    known = read_record(file)
    if known is None or known.get("run", {}).get("command") != command_sha256(flags):
        return None
    inputs = run_inputs(*(given[name] for name in (*REQUIRED, *OPTIONAL)))
    same = known.get("format") == FORMAT and known["inputs"] == inputs and outputs_are_there(file)
    return file.parent / "model" if same else None
