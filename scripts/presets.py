"""Preset files (configs/*/*.yaml): the settings of several programs, a section each, read as command-line flags.

    corpus: {kinds: mined}          scripts/prepare_corpus.py
    encoding: {seed: 42}            scripts/encode_domain.py
    training: {max_steps: 15}       run_cert.py
    sampling: {num_samples: 10}     eval_cert.py and eval_cert_unified.py
    two_stages: {temperature2: 0.2} eval_cert_unified.py

A program takes the file first and flags after it; the flags win. A file without sections belongs to one program whole.
"""

import argparse
import json
from pathlib import Path

from nl2code.errors import UserError

SECTIONS = ("corpus", "encoding", "training", "sampling", "two_stages")
ENDINGS = (".yaml", ".yml", ".json")


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """The description as it is, and the default of each flag that has one and does not tell it."""

    def _get_help_string(self, action: argparse.Action) -> str:
        told = action.default is None or action.nargs == 0 or "(default: " in action.help
        return action.help if told else super()._get_help_string(action)


def typed_flags(argv: list[str]) -> list[str]:
    """The arguments without the preset file in front of them."""
    return argv[1:] if argv and argv[0].endswith(ENDINGS) else argv


def with_preset(argv: list[str], *sections: str) -> list[str]:
    """Flags: where the first argument is a preset file, those of its sections, then the rest of `argv`.

    Raises:
        UserError: see `preset_flags`.
    """
    typed = typed_flags(argv)
    return typed if typed is argv else preset_flags(Path(argv[0]), *sections) + typed


def parse_with_preset(parser: argparse.ArgumentParser, argv: list[str], *sections: str) -> argparse.Namespace:
    """The settings of a program, and as `typed` the names of those that flags after the preset file set.

    Raises:
        UserError: see `preset_flags`.
    """
    args = parser.parse_args(with_preset(argv, *sections))
    args.typed = typed_names(parser, args, typed_flags(argv))
    return args


def typed_names(parser: argparse.ArgumentParser, args: argparse.Namespace, argv: list[str] | None) -> set[str]:
    """Names of the settings that flags set; `args` is what the parser makes of them. None: those of the command line."""
    unset = argparse.Namespace(**dict.fromkeys(vars(args)))
    for action in parser._actions:
        action.required = False  # a preset file may hold it
    return {name for name, value in vars(parser.parse_args(argv, unset)).items() if value is not None}


def preset_flags(file: Path, *sections: str) -> list[str]:
    """The flags of some sections of a preset file. JSON is YAML; true is `true`; a null is left out.

    Raises:
        UserError: no such file, no YAML, no mapping, an unknown section.
    """
    import yaml

    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{file} cannot be read as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(found, dict) or not found:
        raise UserError(f"{file} holds no settings; write lines such as `max_steps: 15`")
    if not any(isinstance(value, dict) and key in SECTIONS for key, value in found.items()):
        return _flags(found)
    unknown = [str(key) for key in found if key not in SECTIONS]
    if unknown:
        raise UserError(f"{file}: unknown section {unknown[0]!r}; use {', '.join(SECTIONS)}")
    parts = [found.get(section) or {} for section in sections]
    wrong = [section for section, part in zip(sections, parts, strict=True) if not isinstance(part, dict)]
    if wrong:
        raise UserError(f"{file}: section {wrong[0]!r} holds no settings; write lines such as `max_steps: 15`")
    return [flag for part in parts for flag in _flags(part)]


def _flags(settings: dict) -> list[str]:
    flags = []
    for key, value in settings.items():
        if value is None:
            continue
        values = value if isinstance(value, list) else [value]
        flags += [f"--{key}", *(part if isinstance(part, str) else json.dumps(part) for part in values)]
    return flags
