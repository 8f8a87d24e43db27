"""One shard of a corpus to token documents: corpus lines in, the files of a shard out, losses counted.

A document is [bos] + tokens + [eos]. Features are float32 (N, 3): log10(stars + 1), ut_score, func_score; row i belongs
to document i. Targets are one bit per token (`numpy.packbits`): whether the model writes it at generation time, or gets it
as its prompt. The files get their names once all are written, the index last.
"""

import hashlib
import json
import os
import random
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from nl2code.indexed_dataset import make_builder
from nl2code.models import reading_text
from nl2code.sampling.truncation import first_block
from nl2code.shards import SHARD_FILES
from scripts.corpus.ledger import Ledger
from scripts.corpus.lines import BadLine, parse_line, read_lines
from scripts.sketches.continuations import continuation
from scripts.sketches.documents import Pieces, generator_pieces, sketcher_document

NORMAL, SKETCHER, GENERATOR = TYPES = ("normal", "sketcher", "generator")
BATCH_CHARACTERS = 1 << 20  # of text that goes to the tokenizer at once
Features = tuple[float, float, float]


@dataclass(frozen=True)
class DocumentSettings:
    """Which documents a corpus gives.

    Attributes:
        type: normal, sketcher or generator.
        operation: of the sketches (see `scripts.ast_utils`).
        continuation_ratio: continuation documents per file, on average; 0 for normal.
        whole_documents: whether a file also gives its whole document.
        seed: decides how many each file gives, and where each is cut.
        limit: maximum number of files per shard, None for all.
    """

    type: str
    operation: str
    continuation_ratio: float
    whole_documents: bool
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
    no_continuation: int = 0  # asked for, but there was no valid cut point, or none that is new
    documents: int = 0
    tokens: int = 0

    def as_dict(self) -> dict:
        """JSON form."""
        numbers = ("whole", "continuations", "no_continuation", "documents", "tokens")
        row = {"file": self.file, "lines": self.seen, **{name: getattr(self, name) for name in numbers}}
        return {**row, "left_out": self.left_out()}


def documents(path: Path, settings: DocumentSettings, counts: Counts) -> Iterator[tuple[Pieces, Features]]:
    """(pieces, features) of each document of a shard, in order; continuations follow their whole."""
    for line in read_lines(path, counts):
        try:
            content, features = parse_line(line)
            found = render(content, settings, counts)
        except BadLine as error:
            counts.reject(str(error))
            continue
        for pieces in found:
            yield pieces, features
        if counts.whole == settings.limit:
            return


def render(content: str, settings: DocumentSettings, counts: Counts) -> list[Pieces]:
    """The documents of one corpus line: the whole file, and the continuations that are drawn for it.

    Raises:
        BadLine: it does not parse (not asked for type normal).
    """
    if settings.type == NORMAL:
        counts.whole += 1
        return [[(content, True)]]
    sketcher = settings.type == SKETCHER
    try:
        if sketcher:
            whole = [(sketcher_document(content, settings.operation), True)]
        else:
            whole = generator_pieces(content, settings.operation)
    except SyntaxError:
        raise BadLine("does not parse") from None
    found = [whole] if settings.whole_documents else []
    rng = random.Random(hashlib.sha256(f"{settings.seed}\0{content}".encode()).digest())
    wanted = int(settings.continuation_ratio + rng.random())
    drawn = {continuation(content, rng, first_block, settings.operation): None for _ in range(wanted)}
    drawn.pop(None, None)
    found += [each.sketcher_pieces() if sketcher else each.generator_pieces() for each in drawn]
    counts.continuations += len(drawn)
    counts.no_continuation += wanted - len(drawn)
    counts.whole += 1
    return found


def _batches(items: Iterator[tuple[Pieces, Features]]) -> Iterator[list[tuple[str, Pieces, Features]]]:
    """Lists of (text, pieces, features) of about BATCH_CHARACTERS of text."""
    batch, size = [], 0
    for pieces, features in items:
        batch.append(("".join(text for text, _ in pieces), pieces, features))
        size += len(batch[-1][0])
        if size >= BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _targets(ids: np.ndarray, pieces: Pieces, text: str, file: str) -> np.ndarray:
    """Whether the model writes each token of a document, bool (tokens + 2,): bos is given, eos is written.

    A token that spans two pieces counts as part of the second.

    Args:
        ids: of the tokens, (tokens,), without bos and eos.
        pieces: of `text`.
        file: of the tokenizer. It is asked for the places of its tokens, which is slower, where their bytes do not tell.
    """
    found = np.ones(len(ids) + 2, bool)
    found[0] = False
    if len(pieces) > 1:
        lengths, sizes = [len(piece.encode()) for piece, _ in pieces], token_sizes(file)
        last = np.empty(0, np.int64) if sizes is None else sizes[ids].cumsum() - 1  # each token's last byte
        if not len(last) or last[-1] + 1 != sum(lengths):
            offsets = load_fast_tokenizer(file).encode(text, add_special_tokens=False).offsets
            lengths, last = [len(piece) for piece, _ in pieces], np.array([end for _, end in offsets], np.int64) - 1
        written = np.array([is_target for _, is_target in pieces])
        found[1:-1] = written[np.searchsorted(np.cumsum(lengths), last, "right")]
    return found


@lru_cache(maxsize=1)
def token_sizes(file: str) -> np.ndarray | None:
    """Bytes of each token of a byte-level `tokenizer.json`, int64 (ids,); None for another kind."""
    tokenizer = load_fast_tokenizer(file)
    if "ByteLevel" not in json.dumps(json.loads(tokenizer.to_str())["decoder"]):
        return None
    vocabulary, added = tokenizer.get_vocab(), tokenizer.get_added_tokens_decoder()
    found = np.zeros(max(vocabulary.values()) + 1, np.int64)
    for text, index in vocabulary.items():  # a character for each byte; added tokens are plain text
        found[index] = len(text.encode()) if index in added else len(text)
    return found


@lru_cache(maxsize=1)  # a worker encodes many shards
def load_fast_tokenizer(file: str):
    """The tokenizer of a `tokenizer.json`, see `reading_text`."""
    return reading_text(Path(file).read_text(encoding="utf-8"))


def encode_shard(path: Path, prefix: Path, settings: DocumentSettings, ends: TokenizerFile) -> dict:
    """Encode one corpus file to `<prefix>.bin`, `.idx`, `_features.npy` and `_targets.npy`.

    Returns:
        `Counts.as_dict()`.

    Raises:
        IndexedDatasetError: a token id that the dtype cannot hold.
    """
    tokenizer, counts = load_fast_tokenizer(ends.file), Counts(str(path))
    with TemporaryDirectory(prefix=f".{prefix.name}-", suffix=".partial", dir=prefix.parent) as folder:
        new = Path(folder, prefix.name)
        builder = make_builder(f"{new}.bin", ends.id_space)
        features: list[Features] = []
        targets = [np.empty(0, bool)]
        for batch in _batches(documents(path, settings, counts)):
            encodings = tokenizer.encode_batch_fast([text for text, *_ in batch], add_special_tokens=False)
            for encoding, (text, pieces, row) in zip(encodings, batch, strict=True):
                tokens = np.frombuffer(array("I", [ends.bos, *encoding.ids, ends.eos]), np.uint32)
                builder.add_item(tokens)
                features.append(row)
                targets.append(_targets(tokens[1:-1], pieces, text, ends.file))
                counts.tokens += len(tokens)
        counts.documents = len(features)
        np.save(f"{new}_features.npy", np.array(features, np.float32).reshape(-1, 3))  # (N, 3)
        np.save(f"{new}_targets.npy", np.packbits(np.concatenate(targets)))
        builder.finalize(f"{new}.idx")
        Path(f"{prefix}.idx").unlink(missing_ok=True)  # never an old index beside new tokens
        for suffix in SHARD_FILES:
            os.replace(f"{new}{suffix}", f"{prefix}{suffix}")
    return counts.as_dict()
