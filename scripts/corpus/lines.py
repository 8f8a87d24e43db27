"""Corpus lines: reading files of them, plain or compressed, and checking each; every loss is counted with its place.

A line is {"content": str, "repo_name": str, "path": str, "license": str, "stars": number, "feature": {"ut_score": number,
"func_score": number}}; only `content` is required. Negative stars count as 0.
"""

import gzip
import io
import json
import math
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from nl2code.errors import UserError
from scripts.corpus.ledger import Ledger

MAX_CHARACTERS = 10_000_000  # of a document: no source file is longer, and its syntax tree would take gigabytes
NO_OBJECT = "no JSON object"
_CORPUS_FILE = re.compile(r".+\.(jsonl?|json.*\.(gz|zst))", re.DOTALL | re.IGNORECASE)


class BadLine(Exception):
    """A corpus line that yields no document; the message is the reason, without details of the line."""


def corpus_files(folder: Path) -> list[Path]:
    """Corpus files in a folder and below it (see `files_below`)."""
    return [file for file in files_below(folder) if _CORPUS_FILE.fullmatch(file.name)]


def files_below(folder: Path) -> list[Path]:
    """Files in a folder and below it, links followed, hidden ones left out; in the order of their paths.

    Raises:
        UserError: a folder is there and cannot be read.
    """

    def fail(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            raise UserError(f"cannot read folder {error.filename}: {error.strerror}; change its mode, or move it away")

    found, seen = [], set()
    for place, folders, files in os.walk(folder, onerror=fail, followlinks=True):
        if os.path.realpath(place) in seen:  # a link to a folder that was read before
            files, folders[:] = [], []
        seen.add(os.path.realpath(place))
        folders[:] = sorted(name for name in folders if name[0] != ".")
        found += [Path(place, name) for name in files if name[0] != "."]
    return sorted(found)


def files_of(paths: list[Path]) -> list[Path]:
    """The files, and the corpus files of folders, each once. Raises OSError where one is missing, when it is read."""
    return list(dict.fromkeys(file for path in paths for file in (corpus_files(path) if path.is_dir() else [path])))


def open_corpus(path: Path) -> BinaryIO:
    """A binary stream of a plain, `.gz` or `.zst` file."""
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rb")
    if path.suffix.lower() == ".zst":
        import pyarrow  # it reads frames one after another and notices a missing end

        return io.BufferedReader(pyarrow.input_stream(str(path), compression="zstd"), 1 << 13)
    return open(path, "rb")


def read_lines(path: Path, ledger: Ledger) -> Iterator[bytes]:
    """Lines of a file, each counted as seen; they end at `\\n` alone. Damaged compression is counted as one more line."""
    with open_corpus(path) as stream:
        while True:
            try:
                line = stream.readline()
            except (EOFError, zlib.error, OSError) as error:
                if getattr(error, "errno", None):  # of the disk, not of the content
                    raise
                ledger.see()
                ledger.reject(f"file ends early, damaged compression ({type(error).__name__})")
                return
            if not line:
                return
            ledger.see()
            yield line


def parse_object(line: bytes) -> dict:
    """The JSON object of a line. Raises BadLine."""
    if not line.strip():
        raise BadLine("blank line")
    try:
        row = json.loads(line.decode().removeprefix("\ufeff"))
    except UnicodeDecodeError:
        raise BadLine("not UTF-8") from None
    except (ValueError, RecursionError):
        raise BadLine("broken JSON") from None
    if not isinstance(row, dict):
        raise BadLine(NO_OBJECT)
    return row


def read_objects(path: Path, ledger: Ledger) -> Iterator[dict | str]:
    """The JSON object of each line of a file (see `read_lines`); of a line that has none, the reason."""
    for line in read_lines(path, ledger):
        try:
            yield parse_object(line)
        except BadLine as error:
            yield str(error)


def parse_line(line: bytes) -> tuple[str, tuple[float, float, float]]:
    """(content, (log10(stars + 1), ut_score, func_score)) of a corpus line.

    Raises:
        BadLine: no document in it.
    """
    row = parse_object(line)
    content = row.get("content")
    if not isinstance(content, str):
        raise BadLine("no content" if content is None else "content is no string")
    if not content.strip():
        raise BadLine("empty content")
    if len(content) > MAX_CHARACTERS:
        raise BadLine(f"content of more than {MAX_CHARACTERS:,} characters")
    try:
        content.encode()
    except UnicodeEncodeError:
        raise BadLine("lone surrogate") from None
    feature = row.get("feature")
    feature = {} if feature is None else feature
    if not isinstance(feature, dict):
        raise BadLine("feature is no object")
    stars = max(0.0, _number(row, "stars", 0.0, lowest=-1e30))
    return content, (math.log10(stars + 1), _number(feature, "ut_score", 1.0), _number(feature, "func_score", 1.0))


def _number(row: dict, key: str, default: float, lowest: float = 0.0) -> float:
    """A number that float32 can hold; `default` where it is missing or null."""
    value = row.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not lowest <= value <= 1e30:
        raise BadLine(f"{key} is no number >= 0")
    return float(value)
