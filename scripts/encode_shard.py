"""One shard of a corpus to token documents: corpus lines in, `.bin`, `.idx`, `_features.npy` out, every loss counted.

Formats: a corpus line is {"content": str, "stars": int, "feature": {"ut_score": float, "func_score": float}}, only
`content` is required; a document is [bos] + tokens + [eos]; features are float32 (N, 3): log10(stars + 1), ut_score,
func_score, row i for document i. The three files appear under their names once all is written, the index last.
"""

import gzip
import hashlib
import io
import json
import math
import os
import random
import zlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from nl2code.truncation import first_block
from scripts.ast_utils import generator_document, sketcher_document
from scripts.continuations import continuation_documents

NORMAL, SKETCHER, GENERATOR = TYPES = ("normal", "sketcher", "generator")
MAX_EXAMPLES = 5
BATCH_CHARACTERS = 1 << 20  # of text that goes to the tokenizer at once
MAX_CHARACTERS = 10_000_000  # of a document: no source file is longer, and its syntax tree would take gigabytes


class BadLine(Exception):
    """A corpus line that yields no document; the message is the reason, without details of the line."""


@dataclass(frozen=True)
class Settings:
    """What decides the documents of a shard, besides its input.

    Attributes:
        type: normal, sketcher or generator.
        continuation_ratio: share of the documents that come in continuation form as well; 0 for normal.
        seed: of that draw.
        limit: number of documents at most, None for all.
        operation: of the sketches (see `scripts.ast_utils`).
        tokenizer_file: a `tokenizer.json`.
        bos, eos: token ids around each document.
        vocab_size: decides the dtype.
    """

    type: str
    continuation_ratio: float
    seed: int
    limit: int | None
    operation: str
    tokenizer_file: str
    bos: int
    eos: int
    vocab_size: int


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


def documents(path: Path, settings: Settings, counts: Counts) -> Iterator[tuple[str, tuple[float, float, float]]]:
    """(text, features) of each document of a shard, in order; a continuation follows its whole."""
    for line in read_lines(path, counts):
        try:
            content, features = parse_line(line)
            texts = render(content, settings, counts)
        except BadLine as error:
            counts.leave_out(str(error))
            continue
        for text in texts:
            yield text, features
        if counts.whole == settings.limit:
            return


def render(content: str, settings: Settings, counts: Counts) -> list[str]:
    """The documents of one corpus line: the whole file, and for a share of the files a continuation beside it.

    Raises:
        BadLine: it does not parse (not asked for type normal).
    """
    if settings.type == NORMAL:
        counts.whole += 1
        return [content]
    whole = sketcher_document if settings.type == SKETCHER else generator_document
    try:
        texts = [whole(content, settings.operation)]
    except SyntaxError:
        raise BadLine("does not parse") from None
    rng = random.Random(hashlib.sha256(f"{settings.seed}\0{content}".encode()).digest())
    if rng.random() < settings.continuation_ratio:
        pair = continuation_documents(content, rng, first_block, settings.operation)
        if pair:
            texts.append(pair[0] if settings.type == SKETCHER else pair[1])
            counts.continuations += 1
        else:
            counts.no_continuation += 1
    counts.whole += 1
    return texts


def _batches(items: Iterator[tuple[str, tuple]]) -> Iterator[list[tuple[str, tuple]]]:
    """Lists of items of about BATCH_CHARACTERS of text."""
    batch, size = [], 0
    for item in items:
        batch.append(item)
        size += len(item[0])
        if size >= BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


@lru_cache(maxsize=1)  # a worker encodes many shards
def load_fast_tokenizer(file: str):
    """The tokenizer of a `tokenizer.json`, set to read special tokens in text as text: code cannot end its document."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(file)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    return tokenizer


def encode_shard(path: Path, prefix: Path, settings: Settings) -> dict:
    """Encode one corpus file to `<prefix>.bin`, `.idx` and `_features.npy`.

    Returns:
        `Counts.as_dict()`.
    """
    from nl2code.indexed_dataset import MMapIndexedDatasetBuilder, best_fitting_int_dtype

    tokenizer = load_fast_tokenizer(settings.tokenizer_file)
    counts = Counts(str(path))
    partial = {suffix: partial_path(prefix, suffix) for suffix in (".bin", "_features.npy", ".idx")}
    try:
        dtype = best_fitting_int_dtype(settings.vocab_size)
        builder = MMapIndexedDatasetBuilder(partial[".bin"], dtype)
        features: list[tuple[float, float, float]] = []
        for batch in _batches(documents(path, settings, counts)):
            encodings = tokenizer.encode_batch_fast([text for text, _ in batch], add_special_tokens=False)
            for encoding, (_, row) in zip(encodings, batch, strict=True):
                ids = encoding.ids
                builder.add_item(np.frombuffer(array("I", [settings.bos, *ids, settings.eos]), np.uint32))
                features.append(row)
                counts.tokens += len(ids) + 2
        counts.documents = len(features)
        with open(partial["_features.npy"], "wb") as stream:
            np.save(stream, np.array(features, np.float32).reshape(-1, 3))  # (N, 3)
        builder.finalize(partial[".idx"])
        index = Path(f"{prefix}.idx")
        index.unlink(missing_ok=True)  # never an old index beside new tokens
        for suffix, file in partial.items():
            os.replace(file, f"{prefix}{suffix}")
    finally:
        for file in partial.values():
            file.unlink(missing_ok=True)
    return counts.as_dict()


def partial_path(prefix: Path, suffix: str) -> Path:
    """Where a file of a shard is written before it gets its name."""
    return prefix.with_name(f".{prefix.name}{suffix}.{os.getpid()}.partial")
