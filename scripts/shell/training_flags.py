"""Further arguments of run_training_cert.sh, which go to run_cert.py: checked before any environment is there."""

import importlib.metadata
import os
import re
import subprocess
import sys

from nl2code.errors import UserError
from scripts.shell.checks import flag_advice
from scripts.shell.preset_lines import ROOT

PLACES = {"--output_dir": "RUN_NAME", "--model_name_or_path": "BASE_MODEL"}
PLACES |= {"--train_file": "DATA_DIR", "--validation_file": "DATA_DIR"}


def training_arguments(arguments: list[str], given: dict[str, str], settings: dict[str, str]) -> list[str]:
    """Flags for run_cert.py, checked by name; N_GPUS NODE_SIZE of the original become NPROC.

    Args:
        arguments: those behind the command's name.
        given: name -> value, what the user set; gets NPROC.
        settings: flag -> the setting that stands for it.

    Raises:
        UserError: an unknown flag, or one of `settings`; arguments that are no flags.
    """
    if arguments and all(re.fullmatch("[0-9]+", argument) for argument in arguments):
        if arguments[1:] not in ([], ["1"]):
            how = "configs/accelerate/ddp.yaml says how several machines are started"
            raise UserError(f"N_GPUS NODE_SIZE = {' '.join(arguments)}: {how}; on one, give NPROC={arguments[0]}")
        if given.setdefault("NPROC", arguments[0]) != arguments[0]:
            raise UserError(f"NPROC={given['NPROC']} and N_GPUS = {arguments[0]} name the same; leave one out")
        return []
    known = training_flags((ROOT / "configs/training/help.txt").read_text(encoding="utf-8"))
    for position, argument in enumerate(arguments):
        flag = argument.partition("=")[0]
        if setting := (PLACES | settings).get("--" + flag[2:].replace("-", "_")):
            raise UserError(f"{flag} is set by this command; use the setting {setting}, or run run_cert.py itself")
        if flag.startswith("--") and flag not in known:
            raise UserError(f"run_cert.py has no flag {flag}; {flag_advice(flag, known)}")
        if position == 0 and not flag.startswith("--"):
            raise UserError(f"unknown argument {argument}; give flags of run_cert.py, or settings, see --help")
    return list(arguments)


def training_help() -> str:
    """The version of transformers, and the help of run_cert.py as it builds it with that version."""
    code = "import run_cert; from scripts.training.run import parse; parse(['--help'], run_cert.__doc__)"
    command = [sys.executable, "-c", code]
    environment = {**os.environ, "COLUMNS": "120"}
    told = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    return f"transformers {importlib.metadata.version('transformers')}\n{told.rstrip()}"


def training_flags(text: str) -> set[str]:
    """The flags that a help text explains."""
    heads = [line.strip().partition("  ")[0] for line in text.split("\n") if line.startswith("  -")]
    return {flag for head in heads for flag in re.findall(r"--[\w-]+", head)}
