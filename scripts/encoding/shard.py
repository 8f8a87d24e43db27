"""One shard of a corpus to token documents: corpus lines in, `.bin`, `.idx`, `_features.npy` out, every loss counted.

Formats: a corpus line is {"content": str, "stars": int, "feature": {"ut_score": float, "func_score": float}}, only
`content` is required; a document is [bos] + tokens + [eos]; features are float32 (N, 3): log10(stars + 1), ut_score,
func_score, row i for document i. The three files appear under their names once all is written, the index last.
"""

import hashlib
import os
import random
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from nl2code.sampling.truncation import first_block
from scripts.corpus.lines import BadLine, Counts, parse_line, read_lines
from scripts.sketches.continuations import continuation_documents
from scripts.sketches.documents import generator_document, sketcher_document

NORMAL, SKETCHER, GENERATOR = TYPES = ("normal", "sketcher", "generator")
BATCH_CHARACTERS = 1 << 20  # of text that goes to the tokenizer at once


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
