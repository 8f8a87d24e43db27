"""The `.bin/.idx` format (MMIDIDX, version 1): token documents back to back, memory-mapped; readable by fairseq.

    python -m nl2code.indexed_dataset check data/Pandas/sketcher_bin/smollm2-135m_quick/train

Layout of `.idx`, little endian, no padding:

    9 bytes   magic  b"MMIDIDX\\0\\0"
    <Q        version, 1
    <B        dtype code: 1 u8, 2 i8, 3 i16, 4 i32, 5 i64, 6 f64, 7 f64, 8 u16, 9 u32, 10 u64
    <Q        count N of documents
    N x int32 sizes, in tokens
    N x int64 offsets of the documents in `.bin`, in bytes

`.bin` holds the tokens alone, back to back: each offset is the sum of the sizes before it, in bytes. Megatron writes the
same magic in front of another layout, which is recognised and refused.
"""

import argparse
import os
import shutil
import struct
import sys
import weakref
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from nl2code.errors import UserError, exit_status, one_line

MAGIC = b"MMIDIDX\x00\x00"
HEADER = struct.Struct("<9sQBQ")  # magic, version, dtype code, number of documents: 26 bytes
VERSION = 1
DTYPES = {1: "u1", 2: "i1", 3: "<i2", 4: "<i4", 5: "<i8", 6: "<f8", 7: "<f8", 8: "<u2", 9: "<u4", 10: "<u8"}
CODES = {np.dtype(text): code for code, text in reversed(DTYPES.items())}


class IndexedDatasetError(UserError, ValueError):
    """A pair of files that is no valid MMIDIDX dataset, or a token that its dtype cannot hold; the message says which."""


def data_file_path(prefix: str | Path) -> str:
    """The file of tokens of a dataset."""
    return f"{prefix}.bin"


def index_file_path(prefix: str | Path) -> str:
    """The file of sizes and offsets of a dataset."""
    return f"{prefix}.idx"


def best_fitting_int_dtype(vocab_size: int | None) -> type[np.integer]:
    """uint16 below 65,500 tokens of vocabulary, int32 otherwise or where it is unknown."""
    return np.uint16 if vocab_size is not None and vocab_size < 65_500 else np.int32


class MMapIndexedDataset:
    """Documents of one shard: a map-style dataset; picklable, for DataLoader workers.

    A document is read by one system call, which is faster than the page faults of a memory map where its pages are not in
    memory yet.

    Attributes:
        sizes: int32 (N,), tokens per document.
        offsets: int64 (N,), where each document begins in the `.bin` file, in bytes.
        dtype: the stored dtype.

    Raises:
        IndexedDatasetError: the pair is truncated, mismatched, damaged or of another format.
        FileNotFoundError: one of the two files is missing.
    """

    def __init__(self, prefix: str | Path):
        self.prefix = str(prefix)
        path, bin_path = index_file_path(prefix), data_file_path(prefix)
        with open(path, "rb") as stream:
            count, self.dtype = _read_header(stream)
            self.sizes = np.fromfile(stream, "<i4", count)
            self.offsets = np.fromfile(stream, "<i8", count)
        self._file = os.open(bin_path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)
        num_bytes = os.fstat(self._file).st_size
        needed = int(self.sizes.sum(dtype=np.int64)) * self.dtype.itemsize
        if num_bytes != needed:
            raise IndexedDatasetError(
                f"{bin_path} has {num_bytes} bytes, but its index needs {needed}; encode this shard again"
            )
        if self.sizes.min(initial=0) < 0 or not np.array_equal(self.offsets, _offsets(self.sizes, self.dtype)):
            raise IndexedDatasetError(f"{path}: sizes or offsets are damaged; encode this shard again")

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, index: int) -> np.ndarray:
        """Document `index`: the stored dtype, (size,), read-only."""
        return self.get(index)

    def get(self, index: int, start: int = 0, length: int | None = None) -> np.ndarray:
        """Tokens start .. start + length - 1 of a document, or all from start on: the stored dtype, read-only.

        Raises:
            IndexError: the document is shorter.
            IndexedDatasetError: the file became shorter after it was opened.
        """
        size = int(self.sizes[index])
        length = size - start if length is None else length
        if not 0 <= start <= start + length <= size:
            raise IndexError(f"tokens {start}..{start + length} of document {index}, which has {size}")
        wanted = length * self.dtype.itemsize
        data = os.pread(self._file, wanted, int(self.offsets[index]) + start * self.dtype.itemsize)
        if len(data) < wanted:
            raise IndexedDatasetError(
                f"{data_file_path(self.prefix)} ends within document {index}: it changed while it was read; run again"
            )
        return np.frombuffer(data, self.dtype)

    def parts(self) -> Iterator[np.ndarray]:
        """All tokens in order, about four million at a time. Raises IndexedDatasetError where one is no integer."""
        path = data_file_path(self.prefix)
        with open(path, "rb") as stream:
            while len(part := np.fromfile(stream, self.dtype, 1 << 22)):
                if part.dtype.kind == "f" and len(odd := part[part != np.floor(part)]):  # or NaN
                    raise IndexedDatasetError(f"{path} holds token {odd[0]}; ids are integers; encode again")
                yield part

    def __reduce__(self):
        return type(self), (self.prefix,)


def _read_header(stream: BinaryIO) -> tuple[int, np.dtype]:
    """Number of documents and dtype of an index. Raises IndexedDatasetError where the file is none."""
    path, header, num_bytes = stream.name, stream.read(HEADER.size), os.fstat(stream.fileno()).st_size
    if len(header) < HEADER.size or not header.startswith(MAGIC):
        raise IndexedDatasetError(f"{path} is not an MMIDIDX index ({num_bytes} bytes); encode this shard again")
    _, version, code, count = HEADER.unpack(header)
    if version != VERSION or code not in DTYPES:
        raise IndexedDatasetError(
            f"{path}: version {version}, dtype code {code} cannot be read; encode this shard again"
        )
    expected = HEADER.size + 12 * count
    if num_bytes != expected:
        # Megatron's header has a second count (8 bytes); behind the offsets lie document indices, 8 bytes each.
        is_megatron = num_bytes >= expected + 16
        kind = "a Megatron index; encode it again with this project" if is_megatron else "truncated or damaged"
        raise IndexedDatasetError(f"{path} has {num_bytes} bytes, but {count} documents need {expected}: {kind}")
    return count, np.dtype(DTYPES[code])


class MMapIndexedDatasetBuilder:
    """Writer of one shard: `add_item` each document, then `finalize`. The index comes last, so half a shard has none."""

    def __init__(self, out_file: str | Path, dtype: type[np.integer] = np.int32):
        self.dtype = np.dtype(dtype)
        if self.dtype not in CODES:
            raise ValueError(f"dtype {self.dtype} has no code; use one of {', '.join(map(str, CODES))}")
        self._stream = open(out_file, "wb")  # noqa: SIM115 - closed by finalize
        self._sizes: list[int] = []

    def add_item(self, tokens: Iterable[int] | np.ndarray) -> None:
        """Append one document.

        Raises:
            IndexedDatasetError: a token that the dtype cannot hold.
        """
        array = np.asarray(tokens)
        stored = array.astype(self.dtype)
        if not np.array_equal(stored, array):
            raise IndexedDatasetError(f"token {array[stored != array][0]} does not fit {self.dtype}")
        self._stream.write(stored.tobytes())
        self._sizes.append(len(stored))

    def merge_file_(self, prefix: str | Path) -> None:
        """Append all documents of another shard of the same dtype."""
        other = MMapIndexedDataset(prefix)
        if other.dtype != self.dtype:
            raise IndexedDatasetError(
                f"{prefix} holds {other.dtype}, this dataset {self.dtype}; encode one of them again"
            )
        with open(data_file_path(prefix), "rb") as stream:
            shutil.copyfileobj(stream, self._stream, 1 << 20)
        self._sizes.extend(other.sizes.tolist())

    def finalize(self, index_file: str | Path) -> None:
        """Close the data file and write its index."""
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        sizes = np.array(self._sizes, "<i4")
        with open(index_file, "wb") as stream:
            stream.write(HEADER.pack(MAGIC, VERSION, CODES[self.dtype], len(sizes)))
            stream.write(sizes.tobytes())
            stream.write(_offsets(sizes, self.dtype).tobytes())


def _offsets(sizes: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Byte offsets, int64 (N,), of documents that lie back to back."""
    ends = np.cumsum(sizes, dtype="<i8") * dtype.itemsize
    return np.concatenate([np.zeros(1, "<i8"), ends[:-1]])[: len(sizes)]


def make_builder(out_file: str | Path, vocab_size: int | None = None) -> MMapIndexedDatasetBuilder:
    """A builder whose dtype fits the vocabulary."""
    return MMapIndexedDatasetBuilder(out_file, best_fitting_int_dtype(vocab_size))


def read_features(prefix: str, documents: int) -> np.ndarray:
    """The features of a shard's documents, numbers (documents, 3). Raises FileNotFoundError, IndexedDatasetError."""
    file = f"{prefix}_features.npy"
    with one_line(f"{file} cannot be read; encode this shard again"):
        features = np.load(file, allow_pickle=False)
    shape, dtype = getattr(features, "shape", None), getattr(features, "dtype", np.dtype(object))
    if shape != (documents, 3):
        raise IndexedDatasetError(f"{file} has shape {shape}, not ({documents}, 3); encode this shard again")
    if dtype.kind not in "fiu" or not np.isfinite(features).all():
        raise IndexedDatasetError(f"{file} holds values that are no finite numbers; encode this shard again")
    return features


def read_targets(prefix: str, tokens: int) -> np.ndarray:
    """The targets of a shard, one bit per token, packed, as a memory map. Raises FileNotFoundError, IndexedDatasetError."""
    file = f"{prefix}_targets.npy"
    with one_line(f"{file} cannot be read; encode this shard again"):
        targets = np.load(file, mmap_mode="r" if tokens else None, allow_pickle=False)
    if getattr(targets, "dtype", None) != np.uint8 or targets.shape != (-(-tokens // 8),):
        raise IndexedDatasetError(f"{file} is not one bit for each of {tokens} tokens; encode this shard again")
    return targets


def check(prefix: str) -> str:
    """Read a whole shard; return a line about it.

    Raises:
        IndexedDatasetError: see `MMapIndexedDataset` and `read_features`; a token that is no whole number, below 0, or
            outside the vocabulary of the tokenizer in `model/` beside the shard.
        FileNotFoundError: one of the two files is missing.
    """
    dataset = MMapIndexedDataset(prefix)
    if os.path.exists(f"{prefix}_features.npy"):
        read_features(prefix, len(dataset))
    if os.path.exists(f"{prefix}_targets.npy"):
        read_targets(prefix, int(dataset.sizes.sum(dtype=np.int64)))
    lowest, highest, limit, tokens = 0, -1, None, 0
    for part in dataset.parts():
        lowest, highest, tokens = min(lowest, part.min()), max(highest, part.max()), tokens + len(part)
    if (Path(prefix).parent / "model" / "tokenizer.json").is_file():
        from nl2code.models import id_space, load_tokenizer

        limit = id_space(load_tokenizer(str(Path(prefix).parent / "model")))
    if lowest < 0 or (limit is not None and highest >= limit):
        wrong, known = (lowest, "0 or more") if lowest < 0 else (highest, f"below {limit}, the vocabulary of model/")
        raise IndexedDatasetError(f"{data_file_path(prefix)} holds token {wrong}; ids are {known}; encode again")
    return f"{prefix}: {len(dataset)} documents, {tokens} tokens, {dataset.dtype}, highest id {highest}"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["check"], help="check: read each shard whole, with its features")
    parser.add_argument("prefix", nargs="+", help="path without .bin/.idx")
    args = parser.parse_args(argv)

    def tell(prefix: str) -> None:
        print(check(prefix))

    return max(exit_status(partial(tell, prefix)) for prefix in args.prefix)


if __name__ == "__main__":
    sys.exit(main())
