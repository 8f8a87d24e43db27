"""Which shards a run of scripts/encode_domain.py makes, and which of them are there already."""

import argparse
import hashlib
import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from nl2code.models import MODELS_DIR, resolve_model
from scripts.file_utils import PROJECT_ROOT, sha256_file, write_json

SPLITS = ("train", "valid")
ENDINGS = tuple(kind + packed for kind in (".jsonl", ".json") for packed in ("", ".gz", ".zst"))
CODE = [
    f"scripts/{name}.py"
    for name in (
        "ast_utils",
        "continuations",
        "placeholders",
        "python_lexer",
        "user_names",
        "encode_shard",
        "encode_domain",
    )
]
CODE += ["nl2code/sampling/truncation.py", "nl2code/indexed_dataset.py"]
SHARD_FILES = (".bin", "_features.npy", ".idx")
DONE = "_done.json"


class EncodeError(Exception):
    """A run that cannot start or go on; the message is one line with the fix."""


@dataclass(frozen=True)
class Shard:
    """One input file and where its documents go."""

    source: Path
    prefix: Path
    fingerprint: str

    @property
    def done_file(self) -> Path:
        return Path(f"{self.prefix}{DONE}")

    def is_done(self) -> bool:
        """Whether this very input is encoded with these very settings."""
        try:
            done = json.loads(self.done_file.read_text())
            sizes = {suffix: os.path.getsize(f"{self.prefix}{suffix}") for suffix in SHARD_FILES}
            return done["fingerprint"] == self.fingerprint and done["bytes"] == sizes
        except (OSError, ValueError, KeyError):
            return False

    def mark_done(self, counts: dict) -> None:
        """Record the counts, the shard's last file."""
        sizes = {suffix: os.path.getsize(f"{self.prefix}{suffix}") for suffix in SHARD_FILES}
        write_json(self.done_file, {"fingerprint": self.fingerprint, "bytes": sizes, "counts": counts})


def tokenizer_source(name: str) -> tuple[str, str]:
    """(path or hub id, hash of the tokenizer's files) of a base model; encoding needs no weights."""
    for folder in (Path(name), MODELS_DIR / name):
        if (folder / "tokenizer.json").is_file():
            break
    else:
        folder = Path(resolve_model(name))
        if not folder.is_dir():
            return name, f"hub:{name}"
    names = {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt"}
    names |= {"added_tokens.json", "tokenizer.model"}
    digest = hashlib.sha256()
    for file in sorted(folder / n for n in names):
        if file.is_file():
            digest.update(f"{file.name} {sha256_file(file)}\n".encode())
    return str(folder), digest.hexdigest()


def find_inputs(folder: Path, split: str) -> list[Path]:
    """Corpus files of a split, by name."""
    files = [f for f in (folder / split).glob("*") if f.name.endswith(ENDINGS) and not f.name.startswith(".")]
    return sorted(file for file in files if file.is_file())


def plan(args: argparse.Namespace, tokenizer_hash: str) -> list[Shard]:
    """All shards of the run.

    Raises:
        EncodeError: no input.
    """
    wanted = SPLITS if args.split == "all" else (args.split,)
    found = {split: find_inputs(args.input, split) for split in wanted}
    if not any(found.values()):
        folders = " or ".join(str(args.input / split) for split in wanted)
        raise EncodeError(f"no {'/'.join(ENDINGS)} file in {folders}; make a corpus first (scripts.prepare_corpus)")
    for split in (split for split in wanted if not found[split]):
        print(f"encode: note: no file in {args.input / split}, nothing to encode for {split}")
    decisive = {
        "type": args.type,
        "operation": args.operation,
        "continuation_ratio": args.continuation_ratio,
        "seed": args.seed,
        "isdebug": args.isdebug,
        "tokenizer": tokenizer_hash,
        "code": [sha256_file(PROJECT_ROOT / file) for file in CODE],
        "python": sys.version_info[:2],  # decides what parses
    }
    shards = []
    for split in wanted:
        for index, source in enumerate(found[split]):
            facts = json.dumps({"input": sha256_file(source), **decisive}, sort_keys=True)
            prefix = args.output / f"{split}{index or ''}"
            shards.append(Shard(source, prefix, hashlib.sha256(facts.encode()).hexdigest()))
    return shards


def discard_outdated(output: Path, shards: list[Shard], split: str) -> None:
    """Remove what a killed run left half-written, and shards (of this split) that the present input does not give."""
    for leftover in output.glob(".*.partial"):
        leftover.unlink(missing_ok=True)
    for leftover in output.glob(".share-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    current = {shard.prefix.name for shard in shards if shard.is_done()}
    for index in output.glob("*.idx"):
        name = index.stem
        if name.rstrip("0123456789") in (SPLITS if split == "all" else (split,)) and name not in current:
            for suffix in (DONE, ".idx", *SHARD_FILES):
                (output / f"{name}{suffix}").unlink(missing_ok=True)
