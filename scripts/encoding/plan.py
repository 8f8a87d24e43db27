"""Which shards a run of scripts/encode_domain.py makes, which of them are there already, and what may be removed.

A shard is `<prefix>.bin`, `.idx`, `_features.npy`, `_targets.npy` and its record, `<prefix>.record.json`
(scripts/records.py). All shards of a folder share settings and tokenizer; a folder of others is refused, and a shard
without a record is never touched.
"""

import argparse
import re
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from nl2code.errors import UserError
from nl2code.hashes import sha256_file
from nl2code.models import tokenizer_sha256
from nl2code.shards import SHARD_FILES
from scripts.corpus.lines import corpus_files
from scripts.encoding.shard import DocumentSettings
from scripts.file_utils import refuse_place
from scripts.records import ANOTHER_PLACE, Record, changes, read_record

STAGE, FORMAT = "encoding", 5  # raise it where equal inputs and settings give other shards
SPLITS = ("train", "valid")
ENDINGS = ".json, .jsonl, .json*.gz, .json*.zst"
_SHARD = re.compile(rf"({'|'.join(SPLITS)})(\d*)({'|'.join(map(re.escape, (*SHARD_FILES, '.record.json')))})")


@dataclass(frozen=True)
class Shard:
    """One corpus file, where its documents go, and the record beside them."""

    source: Path
    prefix: Path
    record: Record

    @property
    def files(self) -> list[Path]:
        """The files of the shard without its record."""
        return [Path(f"{self.prefix}{suffix}") for suffix in SHARD_FILES]

    def is_done(self) -> bool:
        """Whether this very file is encoded with these very settings."""
        return self.record.is_finished()


def plan(args: argparse.Namespace, settings: DocumentSettings) -> list[Shard]:
    """All shards of the run.

    Raises:
        UserError: no input, or the output folder holds something else.
    """
    wanted = SPLITS if args.split == "all" else (args.split,)
    refuse_place(args.output, [args.input / split for split in wanted])
    found = {split: corpus_files(args.input / split) for split in wanted}
    if not any(found.values()):
        folders = " or ".join(str(args.input / split) for split in wanted)
        raise UserError(f"no file ({ENDINGS}) in {folders}; make a corpus first (scripts.prepare_corpus)")
    inputs = {"tokenizer": tokenizer_sha256(args.model), "python": "{}.{}".format(*sys.version_info)}  # what parses
    shards = []
    for split in wanted:
        if not found[split]:
            print(f"encode: note: no file in {args.input / split}, nothing to encode for {split}")
        for index, source in enumerate(found[split]):
            prefix, read = args.output / f"{split}{index or ''}", {"corpus": sha256_file(source), **inputs}
            record = Record(Path(f"{prefix}.record.json"), STAGE, FORMAT, read, asdict(settings))
            shards.append(Shard(source, prefix, record))
    refuse_others(args.output, shards[0].record.asked)
    return shards


def records_in(output: Path) -> dict[str, dict]:
    """Name of each shard with a record of this program -> the record."""
    found = {file.name.removesuffix(".record.json"): read_record(file) for file in output.glob("*.record.json")}
    return {name: record for name, record in found.items() if record and record.get("stage") == STAGE}


def refuse_others(output: Path, asked: dict) -> None:
    """Refuse an output folder whose shards have other settings, another tokenizer, or no record of this program.

    Raises:
        UserError: one line with what differs.
    """
    advice = f"{ANOTHER_PLACE}, or delete the folder"
    # Listed before the records are read: other shares may be at work, and a record is there before its shard.
    files = sorted(output.iterdir()) if output.is_dir() else []
    ours = records_in(output)
    for known in ours.values():
        sides = [side["settings"] | {"tokenizer": side["inputs"].get("tokenizer")} for side in (known, asked)]
        if changed := changes(*sides):
            raise UserError(f"{output} was made with other settings: {'; '.join(changed)}; {advice}")
    for file in files:
        match = _SHARD.fullmatch(file.name)
        if match and match[1] + match[2] not in ours:
            raise UserError(f"{file} is no shard of this program (it has no valid record); {advice}")
    if (output / "model").exists() and not ours:
        raise UserError(f"{output / 'model'} was not made by this program; {advice}")


def remove_stale(output: Path, shards: list[Shard], split: str) -> bool:
    """Remove what a killed run left half-written, and recorded shards of this split whose corpus file is gone.

    Returns:
        Whether a shard was removed.
    """
    for leftover in output.glob(".*.partial"):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink(missing_ok=True)
    splits = SPLITS if split == "all" else (split,)
    names = {name for name in records_in(output) if name.rstrip("0123456789") in splits}
    stale = names - {shard.prefix.name for shard in shards}
    for name in stale:
        for suffix in (*reversed(SHARD_FILES), ".record.json"):
            Path(output, name + suffix).unlink(missing_ok=True)
    return bool(stale)
