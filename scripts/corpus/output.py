"""The folder of a corpus: shards, statistics and record; what lies there that this project did not make."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

from nl2code.errors import UserError
from nl2code.hashes import sha256_file
from scripts.corpus.lines import corpus_files
from scripts.file_utils import exclusive, replacing_folder, write_jsonl
from scripts.records import read_record

SHARD_CHARACTERS = 8_000_000  # about 2.5 million tokens; what one worker encodes, and what a killed one does again
STATS, RECORD = "corpus_stats.json", "record.json"
PARTS = ("train", "valid")


def own_corpus(folder: Path) -> str:
    """Where a folder holds corpus files but no record of this project: what it holds; else empty."""
    if read_record(folder / RECORD):
        return ""
    files = {part: corpus_files(folder / part) for part in PARTS}
    return ", ".join(f"{part} {len(found)} files" for part, found in files.items()) if any(files.values()) else ""


@contextmanager
def making(output: Path) -> Iterator[Path]:
    """`replacing_folder` for one process at a time. Raises UserError where another one is at work."""
    with locked(output), replacing_folder(output) as folder:
        yield folder


@contextmanager
def locked(output: Path, rank: int | None = None) -> Iterator[Path]:
    """Hold the lock of a folder that is made; processes with a rank hold it together.

    Yields:
        The folder beside it for parts of it, which need not be there.

    Raises:
        UserError: another process is at work, or has this rank.
    """
    place = Path(os.path.realpath(output))
    work = place.with_name(f".{place.name}.parts")
    (place.parent if rank is None else work).mkdir(parents=True, exist_ok=True)
    busy = UserError(f"another process is making {output}; wait for it or choose another -o")
    with ExitStack() as held:
        held.enter_context(exclusive(place.with_name(f".{place.name}.lock"), busy, shared=rank is not None))
        if rank is not None:
            held.enter_context(exclusive(work / f"{rank}.lock", busy))
        yield work


def refuse_foreign_files(folder: Path, record: str = RECORD) -> None:
    """Raise UserError where a folder holds a file that its record, a file of that name, does not list."""
    known = read_record(folder / record) or {}
    ours = {folder / name for name in known.get("outputs", ())} | ({folder / record} if known else set())
    others = (file for file in folder.rglob("*") if not file.is_dir() and file not in ours)
    foreign = sorted(str(file.relative_to(folder)) for file in others)
    if foreign or (folder.exists() and not folder.is_dir()):
        named = ", ".join(foreign[:3]) or "it is no folder"
        raise UserError(
            f"{folder} holds files that this command did not make ({named}); move them away or choose another -o"
        )


def read_stats(folder: Path) -> dict:
    """The statistics of a finished corpus."""
    return json.loads((folder / STATS).read_text(encoding="utf-8"))


def write_parts(
    folder: Path,
    parts: dict[str, list],
    size_of: Callable[..., int] = lambda row: len(row["content"]),
    row_of: Callable[..., dict] = lambda row: row,
) -> dict:
    """Write the shards, at least one per part; return for each part its documents, characters and shards.

    Args:
        folder: of the corpus.
        parts: the documents of each part.
        size_of: the characters of a document.
        row_of: the corpus line of a document; of one at a time.
    """
    written = {}
    for part, rows in parts.items():
        shards = []
        sizes = list(map(size_of, rows))
        starts, held = [0], 0
        for index, size in enumerate(sizes):
            if held >= SHARD_CHARACTERS:
                starts.append(index)
                held = 0
            held += size
        for number, (start, end) in enumerate(pairwise([*starts, len(rows)])):
            path = folder / part / f"part-{number:05d}.jsonl.gz"
            count, name = write_jsonl(path, map(row_of, rows[start:end])), f"{part}/{path.name}"
            shards.append({"file": name, "documents": count, "bytes": path.stat().st_size, "sha256": sha256_file(path)})
        written[part] = {"documents": len(rows), "characters": sum(sizes), "shards": shards}
    return written
