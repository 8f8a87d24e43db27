"""Corpus lines: reading files of them, plain or compressed, and checking each; every loss is counted with its place.

A line is {"content": str, "repo_name": str, "path": str, "license": str, "stars": number, "feature": {"ut_score": number,
"func_score": number}}; only `content` is required.
"""

import gzip
import io
import json
import math
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

MAX_EXAMPLES = 5
MAX_CHARACTERS = 10_000_000  # of a document: no source file is longer, and its syntax tree would take gigabytes


class BadLine(Exception):
    """A corpus line that yields no document; the message is the reason, without details of the line."""


@dataclass
class Counts:
    """What happened to the lines of a shard: lines = whole + left out; documents = whole + continuations."""

    file: str
    lines: int = 0
    whole: int = 0
    continuations: int = 0
    no_continuation: int = 0  # drawn for it, without a place to cut
    documents: int = 0
    tokens: int = 0
    left_out: Counter = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def leave_out(self, reason: str) -> None:
        """Count a line that yields nothing, with its place."""
        self.left_out[reason] += 1
        examples = self.examples.setdefault(reason, [])
        if len(examples) < MAX_EXAMPLES:
            examples.append(f"{self.file}:{self.lines}")

    def as_dict(self) -> dict:
        """JSON form; reasons in alphabetical order."""
        row = {key: value for key, value in vars(self).items() if key not in ("left_out", "examples")}
        row["left_out"] = {
            reason: {"count": self.left_out[reason], "examples": self.examples[reason]}
            for reason in sorted(self.left_out)
        }
        return row


def open_corpus(path: Path):
    """A binary stream of a plain, `.gz` or `.zst` file."""
    if path.suffix == ".gz":
        return gzip.open(path, "rb")
    if path.suffix == ".zst":
        try:
            import zstandard
        except ImportError as error:
            raise OSError(f"{path} needs zstandard: pip install zstandard, or compress it as .gz") from error
        return io.BufferedReader(_ZstdStream(path, zstandard.ZstdDecompressor().decompressobj), 1 << 20)
    return open(path, "rb")


class _ZstdStream(io.RawIOBase):
    """Decompressed bytes of a file of zstd frames; unlike the library's own reader it notices a missing end."""

    def __init__(self, path: Path, new_frame: Callable):
        self._file = open(path, "rb")  # noqa: SIM115 - closed by close
        self._new_frame = new_frame
        self._frame = None
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        while not self._ready:
            rest = self._frame.unused_data if self._frame and self._frame.eof else b""
            chunk = rest or self._file.read(1 << 17)
            if not chunk:
                if self._frame and not self._frame.eof:
                    raise EOFError
                return 0
            if self._frame is None or self._frame.eof:
                self._frame = self._new_frame()
            self._ready = memoryview(self._frame.decompress(chunk))
        count = min(len(buffer), len(self._ready))
        buffer[:count], self._ready = self._ready[:count], self._ready[count:]
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def read_lines(path: Path, counts: Counts) -> Iterator[bytes]:
    """Lines of a file; damaged compression ends it, which is counted as one more line."""
    with open_corpus(path) as stream:
        while True:
            try:
                line = stream.readline()
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                damage = error
            except Exception as error:  # zstandard has its own error class, and may be absent
                if type(error).__name__ != "ZstdError":
                    raise
                damage = error
            else:
                if not line:
                    return
                counts.lines += 1
                yield line
                continue
            counts.lines += 1
            counts.leave_out(f"file ends early, damaged compression ({type(damage).__name__})")
            return


def parse_line(line: bytes) -> tuple[str, tuple[float, float, float]]:
    """Content and features of a corpus line.

    Raises:
        BadLine: no document in it.
    """
    if not line.strip():
        raise BadLine("blank line")
    try:
        row = json.loads(line.decode().removeprefix("\ufeff"))
    except UnicodeDecodeError:
        raise BadLine("not UTF-8") from None
    except (ValueError, RecursionError):
        raise BadLine("broken JSON") from None
    if not isinstance(row, dict):
        raise BadLine("no JSON object")
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
    stars = _number(row, "stars", 0.0)
    return content, (math.log10(stars + 1), _number(feature, "ut_score", 1.0), _number(feature, "func_score", 1.0))


def _number(row: dict, key: str, default: float) -> float:
    """A number >= 0 that float32 can hold; `default` where it is missing or null."""
    value = row.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e30:
        raise BadLine(f"{key} is no number >= 0")
    return float(value)
