"""Packing of documents into blocks of fixed length: whole blocks first, then best-fit-decreasing on what is left.

A document of s tokens fills s // B blocks by itself; its tail of s % B tokens shares a block with other tails. Nothing is
cut but at those places, and every token is in exactly one block.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Blocks:
    """Segments of documents, ordered by block; block b is made of segments `starts[b] .. starts[b + 1] - 1`.

    Attributes:
        document: int64 (S,), index into the sizes that were packed.
        first: int64 (S,), the segment's first token within its document.
        length: int64 (S,), tokens.
        starts: int64 (number of blocks + 1,).
    """

    document: np.ndarray
    first: np.ndarray
    length: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1


def pack(sizes: np.ndarray, block_size: int) -> Blocks:
    """Lay documents out in blocks.

    Args:
        sizes: int (N,), tokens per document, 0 allowed.
        block_size: tokens per block, at least 1.

    >>> blocks = pack(np.array([5, 2, 1]), 4)
    >>> list(zip(blocks.document.tolist(), blocks.first.tolist(), blocks.length.tolist())), blocks.starts.tolist()
    ([(0, 0, 4), (1, 0, 2), (0, 4, 1), (2, 0, 1)], [0, 1, 4])
    """
    sizes = np.asarray(sizes, np.int64)
    whole = sizes // block_size
    document = np.repeat(np.arange(len(sizes)), whole)
    within = np.arange(len(document)) - np.repeat(np.cumsum(whole) - whole, whole)

    tails = np.flatnonzero(sizes % block_size)
    tail_sizes = sizes[tails] % block_size
    bins, offsets = best_fit_decreasing(tail_sizes, block_size)
    order = np.lexsort((offsets, bins))
    tails, tail_sizes, bins = tails[order], tail_sizes[order], bins[order]

    new_bin = np.flatnonzero(np.diff(bins, prepend=-1))
    starts = np.concatenate([np.arange(len(document)), len(document) + new_bin, [len(document) + len(tails)]])
    return Blocks(
        document=np.concatenate([document, tails]),
        first=np.concatenate([within * block_size, whole[tails] * block_size]),
        length=np.concatenate([np.full(len(document), block_size), tail_sizes]),
        starts=starts,
    )


def best_fit_decreasing(sizes: np.ndarray, capacity: int) -> tuple[np.ndarray, np.ndarray]:
    """Bin and offset, each int64 (N,), of every item: largest items first, each into the fullest bin that takes it.

    Items of one size are placed together: once a bin is the fullest that takes one of them, it stays so until it is too
    full for the next. The loop is therefore over (size, free space) pairs and not over items.

    Args:
        sizes: int (N,), each in 1 .. capacity.
        capacity: size of a bin.
    """
    bins = np.empty(len(sizes), np.int64)
    offsets = np.empty(len(sizes), np.int64)
    stock: list[list[np.ndarray]] = [[] for _ in range(capacity + 1)]  # open bins by free space
    available = np.zeros(capacity + 1, np.int64)
    order = np.argsort(-sizes, kind="stable")
    boundaries = np.flatnonzero(np.diff(sizes[order], prepend=-1))
    opened = 0
    for group in np.split(order, boundaries[1:]) if len(order) else []:
        size = int(sizes[group[0]])
        while len(group):
            fitting = available[size:] > 0
            free = size + int(fitting.argmax()) if fitting.any() else capacity
            each = free // size
            wanted = -(-len(group) // each)
            if fitting.any():
                taken = np.concatenate(stock[free])
                stock[free] = [taken[wanted:]]
                available[free] = max(0, len(taken) - wanted)
                taken = taken[:wanted]
            else:
                taken = np.arange(opened, opened + wanted)
                opened += wanted
            placed, group = group[: len(taken) * each], group[len(taken) * each :]
            position = np.arange(len(placed))
            bins[placed] = taken[position // each]
            offsets[placed] = capacity - free + position % each * size
            # All taken bins are full to `each` items but perhaps the last.
            in_last = len(placed) - (len(taken) - 1) * each
            for part, items in ((taken[:-1], each), (taken[-1:], in_last)):
                left = free - items * size
                stock[left].append(part)
                available[left] += len(part)
    return bins, offsets
