"""One shard of a corpus to token documents: corpus lines in; `.bin`, `.idx` and `_features.npy` out; losses counted.

A document is [bos] + tokens + [eos]. Features are float32 (N, 3): log10(stars + 1), ut_score, func_score; row i belongs
to document i. The three files get their names once all are written, the index last.
"""

import hashlib
import os
import random
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from nl2code.indexed_dataset import MMapIndexedDatasetBuilder, best_fitting_int_dtype
from nl2code.sampling.truncation import first_block
from scripts.corpus.ledger import Ledger
from scripts.corpus.lines import BadLine, parse_line, read_lines
from scripts.sketches.continuations import continuation_documents
from scripts.sketches.documents import generator_document, sketcher_document

NORMAL, SKETCHER, GENERATOR = TYPES = ("normal", "sketcher", "generator")
SHARD_FILES = (".bin", "_features.npy", ".idx")
BATCH_CHARACTERS = 1 << 20  # of text that goes to the tokenizer at once
Features = tuple[float, float, float]


@dataclass(frozen=True)
class DocumentSettings:
    """Which documents a corpus gives.

    Attributes:
        type: normal, sketcher or generator.
        operation: of the sketches (see `scripts.ast_utils`).
        continuation_ratio: share of the files that also give a continuation document; 0 for normal.
        seed: decides which files these are, and where each is cut.
        limit: maximum number of files per shard, None for all.
    """

    type: str
    operation: str
    continuation_ratio: float
    seed: int
    limit: int | None


@dataclass(frozen=True)
class TokenizerFile:
    """A `tokenizer.json`, the token ids around each document, and one more than the highest id, which sets the dtype."""

    file: str
    bos: int
    eos: int
    id_space: int


@dataclass
class Counts(Ledger):
    """Ledger of a shard's lines: seen = whole + rejected; documents = whole + continuations."""

    whole: int = 0
    continuations: int = 0
    no_continuation: int = 0  # chosen for a continuation, but no valid cut point
    documents: int = 0
    tokens: int = 0

    def as_dict(self) -> dict:
        """JSON form."""
        numbers = ("whole", "continuations", "no_continuation", "documents", "tokens")
        row = {"file": self.file, "lines": self.seen, **{name: getattr(self, name) for name in numbers}}
        return {**row, "left_out": self.left_out()}


def documents(path: Path, settings: DocumentSettings, counts: Counts) -> Iterator[tuple[str, Features]]:
    """(text, features) of each document of a shard, in order; a continuation follows its whole."""
    for line in read_lines(path, counts):
        try:
            content, features = parse_line(line)
            texts = render(content, settings, counts)
        except BadLine as error:
            counts.reject(str(error))
            continue
        for text in texts:
            yield text, features
        if counts.whole == settings.limit:
            return


def render(content: str, settings: DocumentSettings, counts: Counts) -> list[str]:
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


def _batches(items: Iterator[tuple[str, Features]]) -> Iterator[list[tuple[str, Features]]]:
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
    """The tokenizer of a `tokenizer.json`; special tokens in a text are read as text, so code cannot end a document."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(file)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    return tokenizer


def encode_shard(path: Path, prefix: Path, settings: DocumentSettings, ends: TokenizerFile) -> dict:
    """Encode one corpus file to `<prefix>.bin`, `.idx` and `_features.npy`.

    Returns:
        `Counts.as_dict()`.

    Raises:
        IndexedDatasetError: a token id that the dtype cannot hold.
    """
    tokenizer, counts = load_fast_tokenizer(ends.file), Counts(str(path))
    with TemporaryDirectory(prefix=f".{prefix.name}-", suffix=".partial", dir=prefix.parent) as folder:
        new = Path(folder, prefix.name)
        builder = MMapIndexedDatasetBuilder(f"{new}.bin", best_fitting_int_dtype(ends.id_space))
        features: list[Features] = []
        for batch in _batches(documents(path, settings, counts)):
            encodings = tokenizer.encode_batch_fast([text for text, _ in batch], add_special_tokens=False)
            for encoding, (_, row) in zip(encodings, batch, strict=True):
                ids = encoding.ids
                builder.add_item(np.frombuffer(array("I", [ends.bos, *ids, ends.eos]), np.uint32))
                features.append(row)
                counts.tokens += len(ids) + 2
        counts.documents = len(features)
        np.save(f"{new}_features.npy", np.array(features, np.float32).reshape(-1, 3))  # (N, 3)
        builder.finalize(f"{new}.idx")
        Path(f"{prefix}.idx").unlink(missing_ok=True)  # never an old index beside new tokens
        for suffix in SHARD_FILES:
            os.replace(f"{new}{suffix}", f"{prefix}{suffix}")
    return counts.as_dict()
