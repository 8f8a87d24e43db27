"""Flags of scripts/prepare_corpus.py that would change nothing beside the others; they are refused by name."""

import argparse
from pathlib import Path

from nl2code.errors import UserError
from scripts.corpus.dataset_rows import PREFIX
from scripts.corpus.exercises import NAME

OF_SOURCES = ("code", "mined", "functions")  # kinds whose documents come from the sources
NEEDS = {  # flag -> kinds of which it needs one
    NAME: (NAME,),
    "exercise_templates": (NAME,),
    "min_calls": ("code",),
    "run_snippets": ("mined",),
    **dict.fromkeys(("sources", "max_share", "any_licence", "dataset_rows", "rank"), OF_SOURCES),
}
OFF = {"sources": "", "min_calls": 0, "max_share": 1, "any_licence": False, "run_snippets": False, "rank": None}
WITH_OWN_CORPUS = {"domain", "output", "workers", "seed"}  # the shells give the seed to all stages


def refuse_idle(args: argparse.Namespace, kinds: list[str]) -> None:
    """Refuse a flag that the user typed and that the kinds leave without effect; a preset file may hold such a line.

    Args:
        args: those of the command; `args.typed` are the names of the flags behind the preset file.

    Raises:
        UserError: naming the flag, its value and what it needs.
    """
    for name, needed in NEEDS.items():
        value = getattr(args, name)
        if name not in args.typed or value == OFF.get(name):
            continue
        if not set(needed) & set(kinds):
            advice = f"add {' or '.join(needed)} to --kinds {','.join(kinds)}, or leave --{name} out"
            raise UserError(f"--{name} {value} changes nothing without documents of that kind; {advice}")
        if name == "dataset_rows" and PREFIX not in args.sources:
            raise UserError(f"--{name} {value} changes nothing without a source {PREFIX}...; leave it out")


def refuse_with_own_corpus(args: argparse.Namespace, output: Path) -> None:
    """Refuse a typed flag that would have to change a corpus of the user's own. Raises UserError."""
    for name in sorted(args.typed - WITH_OWN_CORPUS):
        raise UserError(f"--{name} changes nothing: {output} is your own corpus, used as it is; leave it out")
