"""Packing of documents into blocks of B tokens: whole blocks, then best-fit-decreasing bin packing of the tails.

A document of s tokens fills s // B blocks by itself; its tail of s % B tokens shares a block with other tails. Documents
are cut nowhere else, and every token is in exactly one block. Only tails are stored; whole blocks are computed.
"""

from collections import deque
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Blocks:
    """Where each block's tokens come from: first the whole blocks in document order, then the blocks of tails.

    Attributes:
        block_size: tokens per block.
        sizes: int (N,), tokens per document, as packed.
        whole_before: int64 (N + 1,), whole blocks of the documents before each one.
        tails: int32 (T,), documents that have a tail, ordered by block and place within it.
        tail_starts: int32 (number of tail blocks + 1,), into `tails`.
    """

    block_size: int
    sizes: np.ndarray
    whole_before: np.ndarray
    tails: np.ndarray
    tail_starts: np.ndarray

    @cached_property
    def whole(self) -> int:
        """Whole blocks of all documents."""
        return int(self.whole_before[-1])

    def __len__(self) -> int:
        return self.whole + len(self.tail_starts) - 1

    def segments(self, block: int) -> list[tuple[int, int, int]]:
        """(document, first token within it, tokens) of every piece of a block, in order.

        Raises:
            IndexError: there is no such block.
        """
        if not 0 <= block < len(self):
            raise IndexError(f"block {block} of {len(self)}")
        tail_block = block - self.whole
        if tail_block < 0:
            document = int(self.whole_before.searchsorted(block, "right")) - 1
            return [(document, (block - int(self.whole_before[document])) * self.block_size, self.block_size)]
        documents = self.tails[self.tail_starts[tail_block] : self.tail_starts[tail_block + 1]].tolist()
        sizes = [(document, int(self.sizes[document])) for document in documents]
        return [(document, size - size % self.block_size, size % self.block_size) for document, size in sizes]


def pack(sizes: np.ndarray, block_size: int) -> Blocks:
    """Lay documents out in blocks.

    Args:
        sizes: int (N,), tokens per document, 0 allowed; kept, not copied.
        block_size: tokens per block, at least 1.

    >>> blocks = pack(np.array([5, 2, 1]), 4)
    >>> [blocks.segments(block) for block in range(len(blocks))]
    [[(0, 0, 4)], [(1, 0, 2), (0, 4, 1), (2, 0, 1)]]
    """
    whole_before = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes // block_size, out=whole_before[1:])
    tails, tail_starts = best_fit_decreasing(sizes % block_size, block_size)
    return Blocks(block_size, sizes, whole_before, tails, tail_starts)


def best_fit_decreasing(sizes: np.ndarray, capacity: int) -> tuple[np.ndarray, np.ndarray]:
    """Best-fit decreasing: largest items first, each into the fullest bin with room; ties: the first to reach this fill.

    Items of one size are placed together: the fullest bin with room for one of them stays the fullest until it has no room
    for the next. So the loop runs over pairs of (size, free space), not over items.

    Args:
        sizes: int (N,), each in 0 .. capacity; items of size 0 go nowhere.
        capacity: size of a bin.

    Returns:
        Items, int32, bin after bin in the order of placement; and the start of each bin in them, int32 (bins + 1,).
    """
    # Decreasing sizes as small unsigned keys, which NumPy sorts by radix.
    keys = (capacity - sizes).astype(np.min_scalar_type(capacity))
    ends = np.cumsum(np.bincount(keys, minlength=capacity + 1))
    items = np.argsort(keys, kind="stable")[: ends[capacity - 1]].astype(np.int32)
    del keys

    bins = np.empty(len(items), np.int32)  # by place in `items`
    ranks = np.empty(len(items), np.min_scalar_type(capacity))  # place within its bin
    held = np.zeros(len(items), ranks.dtype)  # items by bin; there are no more bins than items
    stock = _OpenBins(capacity)
    opened = 0
    for key in np.flatnonzero(np.diff(ends[:capacity], prepend=0)).tolist():
        size, place, end = capacity - key, int(ends[key - 1]) if key else 0, int(ends[key])
        while place < end:
            free = stock.fullest(size)
            each = free // size
            wanted = -(-(end - place) // each)
            if free == capacity:
                chosen = np.arange(opened, opened + wanted, dtype=np.int32)
                opened += wanted
            else:
                chosen = stock.take(free, wanted)
            placed = min(end - place, len(chosen) * each)
            here = slice(place, place + placed)
            bins[here] = np.repeat(chosen, each)[:placed]
            ranks[here] = (held[chosen][:, None] + np.arange(each, dtype=held.dtype)).ravel()[:placed]
            place += placed
            # Each chosen bin takes `each` items; the last may take fewer.
            in_last = placed - (len(chosen) - 1) * each
            held[chosen[:-1]] += each
            held[chosen[-1]] += in_last
            stock.put(free - each * size, chosen[:-1])
            stock.put(free - in_last * size, chosen[-1:])

    starts = np.zeros(opened + 1, np.int32)
    np.cumsum(held[:opened], out=starts[1:])
    del held
    by_bin = np.empty_like(items)
    by_bin[starts[bins] + ranks] = items
    return by_bin, starts


class _OpenBins:
    """Open bins in a first-in, first-out queue per free space."""

    def __init__(self, capacity: int):
        self._queues: list[deque[np.ndarray]] = [deque() for _ in range(capacity + 1)]
        self._some = np.zeros(capacity + 1, bool)
        self._some[capacity] = True  # a new bin can always be opened

    def fullest(self, size: int) -> int:
        """The least free space, at least `size`, of any open bin; `capacity` if a new bin is needed."""
        return size + int(self._some[size:].argmax())

    def put(self, free: int, bins: np.ndarray) -> None:
        if len(bins) and free:
            self._queues[free].append(bins)
            self._some[free] = True

    def take(self, free: int, wanted: int) -> np.ndarray:
        """At most `wanted` bins of this free space."""
        queue, parts = self._queues[free], []
        while queue and wanted:
            part = queue.popleft()
            if len(part) > wanted:
                queue.appendleft(part[wanted:])
            parts.append(part[:wanted])
            wanted -= len(parts[-1])
        self._some[free] = bool(queue)
        return np.concatenate(parts)
