"""The folder of a corpus: shards and statistics, whole or not at all (see scripts/prepare_corpus.py)."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from scripts.file_utils import exclusive, sha256_file, write_jsonl

SHARD_CHARACTERS = 8_000_000  # about 2.5 million tokens; what one worker encodes, and what a killed one does again
STATS = "corpus_stats.json"


class CorpusError(Exception):
    """A setting or a result that is no good; the message is one line with the fix."""


def is_up_to_date(output: Path, mark: str) -> dict | None:
    """The statistics of a finished corpus with this fingerprint whose shards are all there, else None."""
    try:
        stats = json.loads((output / STATS).read_text(encoding="utf-8"))
        shards = [shard for part in stats["output"].values() for shard in part["shards"]]
        there = all((output / shard["file"]).stat().st_size == shard["bytes"] for shard in shards)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return stats if there and stats.get("fingerprint") == mark else None


def write_parts(folder: Path, parts: dict[str, list[dict]]) -> dict:
    """Write the shards, at least one a part; return for each part its documents, characters and shards."""
    written = {}
    for part, rows in parts.items():
        shards = []
        sizes = [len(row["content"]) for row in rows]
        starts, held = [0], 0
        for index, size in enumerate(sizes):
            if held >= SHARD_CHARACTERS:
                starts.append(index)
                held = 0
            held += size
        for number, (start, end) in enumerate(pairwise([*starts, len(rows)])):
            name = f"{part}/part-{number:05d}.jsonl.gz"
            count = write_jsonl(folder / name, rows[start:end])
            path = folder / name
            shards.append({"file": name, "documents": count, "bytes": path.stat().st_size, "sha256": sha256_file(path)})
        written[part] = {"documents": len(rows), "characters": sum(sizes), "shards": shards}
    return written


@contextmanager
def staging(output: Path) -> Iterator[Path]:
    """A folder beside `output` that takes its place once the block ends without error; one process at a time."""
    output.parent.mkdir(parents=True, exist_ok=True)
    new, old = (output.parent / f".{output.name}.{state}" for state in ("new", "old"))
    busy = f"another process is making {output}; wait for it or choose another -o"
    with exclusive(output.parent / f".{output.name}.lock", CorpusError(busy)):
        if old.exists() and not output.exists():
            os.rename(old, output)  # killed between the two renames below
        for leftover in (new, old):
            shutil.rmtree(leftover, ignore_errors=True)
        foreign = set(os.listdir(output)) - {"train", "valid", STATS} if output.exists() else set()
        if foreign or (output.exists() and os.listdir(output) and not (output / STATS).exists()):
            raise CorpusError(
                f"{output} holds files that this command did not make; move them away or choose another -o"
            )
        new.mkdir()
        try:
            yield new
            if output.exists():
                os.rename(output, old)
            os.rename(new, output)
            shutil.rmtree(old, ignore_errors=True)
        finally:
            shutil.rmtree(new, ignore_errors=True)
