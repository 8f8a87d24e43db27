"""Checks of the shells' settings: values, misspelt names, models, disk space. Standard library only."""

import json
import re
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path

from nl2code.errors import UserError
from scripts.shell.preset_lines import ROOT, preset_file

SOURCES = json.loads((ROOT / "scripts/sources.json").read_text(encoding="utf-8"))
DEFAULT_BASE = "smollm2-135m"
TEMPLATES = ROOT / "configs" / "exercises"
BENCHMARKS = ("Pandas", "Numpy", "PandasDev", "NumpyDev", "HumanEval", "PandasEval", "NumpyEval")
# Name of a variable or a flag that is refused -> what to do instead.
RENAMED = dict(re.findall(r"(?m)^(\S+) \| (.+)", (ROOT / "configs/renamed.txt").read_text(encoding="utf-8")))
# Variables of other programs whose names are those of a flag, or one or two letters away from a setting's.
WELL_KNOWN = {"PYTHON", "TMP", "TERM", "TMOUT", "LIB", "LIBC", "STEP", "LIMITS", "TEMPDIR", "JAVA_DIR", "META_DIR"}


def wrong(check: str, value: str) -> str:
    """What is wrong with a value, as the end of a sentence that begins with NAME=value; empty where nothing is."""
    kind, _, rest = check.partition(" ")
    fine, problem = True, ""
    if kind == "whole":
        low, high = map(int, rest.split())
        fine = re.fullmatch("[0-9]{1,15}", value) and low <= int(value) <= high
        problem = f"is not a whole number from {low} to {high}; try {low}, or leave it unset"
    elif kind in ("number", "numbers"):
        low, high = map(float, rest.split())
        shape = r"([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?"
        parts = value.split(",") if kind == "numbers" else [value]
        fine = all(re.fullmatch(shape, part) and low <= float(part) <= high for part in parts)
        problem = f"is not a number from {low:g} to {high:g}" + ", or several with commas between" * (kind == "numbers")
    elif kind == "of":
        fine, problem = value in rest.split(), f"is not allowed; use one of: {rest}"
    elif kind == "like":
        pattern, _, shape = rest.partition(" ")
        fine, problem = re.fullmatch(pattern, value), f"is not {shape}"
    elif kind == "path":
        fine, problem = Path(value).is_file(), f"is no file; give a {rest}, or leave it unset"
    elif kind == "preset":
        names = sorted((file.stem for file in (ROOT / rest).glob("*.yaml")), reverse=True)
        fine, problem = preset_file(rest, value), f"is not allowed; use one of: {' '.join(names)}, or a .yaml file"
        if Path(value).stem in ("train", "valid"):  # as a part of a corpus
            fine, problem = False, "would name the folder of its corpus train or valid; rename the file"
    elif kind == "benchmark":
        fine = value in BENCHMARKS or (Path(value).is_file() and value.endswith((".jsonl", ".jsonl.gz")))
        problem = f"is not allowed; use one of: {' '.join(BENCHMARKS)} (or an existing .jsonl or .jsonl.gz file)"
    elif kind == "program":
        fine, problem = shutil.which(value), "is no program; give a Python, such as python3.11 or its path"
    elif kind == "sources":
        known = {entry[key] for entry in SOURCES for key in ("name", "group")}
        parts = [] if Path(value).expanduser().exists() else [part.strip() for part in value.split(",")]
        parts = [part for part in parts if not part.startswith(("installed:", "dataset:"))]
        unknown = [part for part in parts if part and part not in known and not Path(part).expanduser().exists()]
        fine, problem = not unknown, f"names {' '.join(unknown)}: no folder, archive, or name of scripts/sources.json"
    elif kind in ("model", "tokenizer"):  # a folder with a tokenizer.json alone is enough to encode
        places = (Path(value), ROOT / "models" / value) if kind == "tokenizer" else ()
        fine = any((place / "tokenizer.json").is_file() for place in places)
        served = "cert" in rest.split() and re.fullmatch(r"openai:\S+", value)
        fine = fine or served or value in rest.split() or not (problem := wrong_model(value, rest))
    return "" if fine else problem


def wrong_model(value: str, words: str = "") -> str:
    """The same of a model: a folder with weights, its name under models/, the default base (fetched), or a hub id."""
    for folder in (Path(value), ROOT / "models" / value):
        if not folder.is_dir():
            continue
        configured = any((folder / name).is_file() for name in ("config.json", "adapter_config.json"))
        if configured and any(folder.glob("*.safetensors")):
            return ""
        if any(folder.glob("pytorch_model*.bin")):
            copy = f"models/{folder.resolve().name}-safetensors"
            command = f"python -m scripts.fetch_model --source {shlex.quote(str(folder))} -o {shlex.quote(copy)}"
            return (
                f"has pickled weights (pytorch_model.bin), which are not read; run `{command}` and give {copy} instead"
            )
        if (folder / "model" / "config.json").is_file() or (folder / "model" / "adapter_config.json").is_file():
            return f"is the folder of a training run; give its model, {folder / 'model'}"
        return f"({folder}) holds no config.json with *.safetensors weights; put them there or remove the folder"
    if value == DEFAULT_BASE or re.fullmatch(r"[A-Za-z0-9][\w.-]*/[\w.-]+", value):
        return ""
    others = ", ".join(words.split()) or f"{DEFAULT_BASE} (fetched)"
    return f"is not there; give {others}, a folder with weights, its name under models/, or a hub id OWNER/NAME"


def near(name: str, known: set[str]) -> str:
    """The nearest known name, one letter away (two, where it has seven or more); swapped neighbours count as one letter."""
    found = []
    for other in known:
        most = 2 if len(other) >= 7 else 1 if len(other) >= 4 else 0
        if abs(len(other) - len(name)) <= most and (letters := distance(name, other)) <= most:
            found.append((letters, other))
    return min(found, default=(0, ""))[1]


def distance(a: str, b: str) -> int:
    """Edit distance (optimal string alignment)."""
    rows = [list(range(len(b) + 1))]
    for i, x in enumerate(a, 1):
        rows.append([i])
        for j, y in enumerate(b, 1):
            steps = [rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (x != y)]
            if i > 1 and j > 1 and (x, a[i - 2]) == (b[j - 2], y):
                steps.append(rows[i - 2][j - 2] + 1)
            rows[i].append(min(steps))
    return rows[-1][-1]


def templates_file(domain: str, named: str | Path | None) -> Path:
    """The template file of a domain's exercises, unless another is named."""
    return Path(named or TEMPLATES / f"{domain}.yaml")


def need_templates(file: Path) -> None:
    """Raise UserError where the template file of the exercises is not there."""
    if not file.is_file():
        preset = "with `exercise_templates: FILE` in the section corpus of a preset"
        advice = (
            f"write it (docs/exercises.md), or name another {preset} (--exercise_templates of scripts.prepare_corpus)"
        )
        raise UserError(f"{file} is not there; {advice}")


def refuse_misspelt(environment: dict[str, str], names: set[str], flags: dict[str, str]) -> None:
    """Refuse variables that look like settings.

    Args:
        environment: name -> value; empty values count as unset.
        names: of all settings.
        flags: a flag in capitals, without dashes -> the setting that becomes this flag.

    Raises:
        UserError: a variable of the original's shells, one named after a flag, or one that is nearly a setting's name.
    """
    renamed = {flag: f"use {setting}" for flag, setting in flags.items()} | RENAMED
    for name in environment.keys() - names - WELL_KNOWN:
        if environment[name] and name in renamed:
            raise UserError(f"{name} is no setting; {renamed[name]}, or unset it (env -u {name} ...)")
        if re.fullmatch("[A-Z][A-Z0-9_]*", name) and environment[name] and (other := near(name, names)):
            raise UserError(f"{name} is no setting; did you mean {other}? Correct it, or unset it (env -u {name} ...)")


def flag_advice(flag: str, known: set[str]) -> str:
    """What to do about a flag that run_cert.py does not have."""
    guess = f"did you mean {near(flag, known)}?" if near(flag, known) else "see python run_cert.py --help"
    return RENAMED.get("--" + flag[2:].replace("-", "_"), guess)


@cache
def has_gpu() -> bool:
    return bool(shutil.which("nvidia-smi")) and not subprocess.run(["nvidia-smi", "-L"], capture_output=True).returncode


@cache
def need_disk(mebibytes: int, folder: str) -> None:
    """Raise UserError where less is free on the file system on which `folder` lies or will lie."""
    place = next(parent for parent in (Path(folder).absolute(), *Path(folder).absolute().parents) if parent.is_dir())
    free = shutil.disk_usage(place).free >> 20
    if free < mebibytes:
        raise UserError(f"{place} has {free} MiB free, {mebibytes} MiB are needed; free some, or use a larger disk")
