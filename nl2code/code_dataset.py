"""Encoded code as training blocks: shards, resampling by document weight, packing; seeded by (seed, epoch) alone."""

import errno
import resource
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate, chain
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset

from nl2code.dynamic_block_dataset import Blocks, pack
from nl2code.errors import UserError
from nl2code.indexed_dataset import MMapIndexedDataset, read_features, read_targets
from nl2code.shards import find_shards

IGNORED_LABEL = -100  # positions that the loss of transformers' models skips


def open_shards(prefixes: list[str]) -> list[MMapIndexedDataset]:
    """Open all shards. Raises the soft limit of open files by one per shard, up to the hard limit.

    Raises:
        UserError: the hard limit is too low.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY:
        raised = soft + len(prefixes)
        raised = raised if hard == resource.RLIM_INFINITY else min(raised, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
    try:
        return [MMapIndexedDataset(prefix) for prefix in prefixes]
    except OSError as error:
        if error.errno != errno.EMFILE:
            raise
        raise UserError(
            f"{len(prefixes)} shards need {len(prefixes)} open files, but this process may open {hard} in all; raise that "
            "limit (ulimit -Hn), or join shards with MMapIndexedDatasetBuilder.merge_file_"
        ) from error


def resampling_weights(features: np.ndarray, spec: str) -> np.ndarray:
    """Document weights, float64 (N,), from features float32 (N, 3) = log10(stars + 1), ut_score, func_score.

    `spec` is `a_b_c`: weight = (a + clip(f0, 0, 5) / 5) * clip(1 - f1 + b, 0, 1) * clip(f2, c, 1).

    >>> resampling_weights(np.array([[5, 0, 1], [0, 1, 0.2]]), "1.0_0.5_1.0").tolist()
    [2.0, 0.5]

    Raises:
        UserError: a spec of another form, or a number outside 0 .. 1000.
    """
    try:
        a, b, c = (float(part) for part in spec.split("_"))
    except ValueError:
        a = b = c = -1.0
    if not all(0 <= number <= 1000 for number in (a, b, c)):
        raise UserError(
            f"--resampling_weights {spec!r} is not of the form a_b_c, three numbers from 0 to 1000 such as 1.0_0.5_1.0"
        )
    stars, tests, functions = np.asarray(features, np.float64).T
    return (a + stars.clip(0, 5) / 5) * (1 - tests + b).clip(0, 1) * functions.clip(c, 1)


def load_resampling_weights(shards: list[MMapIndexedDataset], spec: str) -> np.ndarray:
    """Weights of all documents of all shards, read from each shard's `_features.npy`.

    Raises:
        UserError: see `read_features`; the shard is named.
        FileNotFoundError: a shard without features.
    """
    return np.concatenate([resampling_weights(read_features(shard.prefix, len(shard)), spec) for shard in shards])


def load_targets(shards: list[MMapIndexedDataset]) -> list[np.ndarray]:
    """The targets of each shard, one bit per token.

    Raises:
        UserError: a shard without targets, or with others' targets.
    """
    try:
        return [read_targets(shard.prefix, int(shard.sizes.sum(dtype=np.int64))) for shard in shards]
    except FileNotFoundError as error:
        raise UserError(
            f"--loss_on targets needs {error.filename}; encode the corpus again, or use --loss_on all"
        ) from None


@dataclass(frozen=True)
class Epoch:
    """The blocks of one epoch.

    Attributes:
        selection: int32 (D,), documents of this epoch in the order of packing.
        blocks: the selection, packed.
        order: int32 (len,), blocks in the order of training.
    """

    selection: np.ndarray
    blocks: Blocks
    order: np.ndarray

    def __len__(self) -> int:
        return len(self.order)

    @property
    def tokens(self) -> int:
        return int(self.blocks.sizes.sum(dtype=np.int64))


class CodeBlockDataset(Dataset):
    """Blocks of `block_size` tokens; with resampling weights, each epoch selects other documents.

    `dataset[3]` is block 3 of epoch 0, `dataset[2, 3]` block 3 of epoch 2. In an epoch a document of weight w occurs
    floor(w) times, and once more with probability w - floor(w). The orders of documents and of blocks are drawn from
    (seed, epoch), so that all processes agree.

    Args:
        prefix: prefix of the shards, such as data/Pandas/sketcher_bin/smollm2-135m_quick/train.
        block_size: tokens per block.
        pad_token_id: fills blocks that packing left short; padding has no label.
        seed: seed of selection and order.
        resampling_weights: `a_b_c`, or None for each document once.
        max_tokens: use only as many blocks as hold this many tokens (for evaluation).
        pack_reset: add `position_ids` that restart at each document, and no label for a document's first token.
        loss_on: `all` tokens, or `targets`: those that a model writes at generation time, so that prompts have no label.

    Raises:
        UserError, OSError: see `find_shards`, `open_shards`, `load_resampling_weights`, `load_targets`; also without any
            token.
    """

    def __init__(
        self,
        prefix: str | Path,
        block_size: int,
        *,
        pad_token_id: int,
        seed: int = 42,
        resampling_weights: str | None = None,
        max_tokens: int | None = None,
        pack_reset: bool = False,
        loss_on: str = "all",
    ):
        self.shards = open_shards(find_shards(prefix))
        self.sizes = np.concatenate([shard.sizes for shard in self.shards])
        self.first_of_shard = list(accumulate(map(len, self.shards), initial=0))
        self.weights = load_resampling_weights(self.shards, resampling_weights) if resampling_weights else None
        self.targets = load_targets(self.shards) if loss_on == "targets" else None
        self.block_size, self.pad_token_id, self.seed, self.max_tokens = block_size, pad_token_id, seed, max_tokens
        self.pack_reset = pack_reset
        self._epochs: dict[int, Epoch] = {}
        if not len(self):
            if self.weights is not None and self.sizes.any():
                raise UserError(
                    f"--resampling_weights {resampling_weights} select no document of {prefix}: the highest weight is "
                    f"{self.weights.max():.3g}; raise the first number, such as 1.0_0.5_1.0"
                )
            raise UserError(f"{prefix}: {len(self.shards)} shards hold no token; see encode_stats.json beside them")

    @property
    def num_documents(self) -> int:
        return len(self.sizes)

    def epoch(self, number: int) -> Epoch:
        """Select, shuffle and pack the documents of an epoch; two epochs are cached, because a step may span two."""
        if number not in self._epochs:
            while len(self._epochs) > 1:
                del self._epochs[next(iter(self._epochs))]
            self._epochs[number] = self._lay_out(number)
        return self._epochs[number]

    def _lay_out(self, number: int) -> Epoch:
        rng = np.random.default_rng([self.seed, number])
        selection = np.arange(self.num_documents, dtype=np.int32)
        if self.weights is not None:
            copies = np.floor(self.weights + rng.random(self.num_documents)).astype(np.int32)
            selection = np.repeat(selection, copies)
        rng.shuffle(selection)
        blocks = pack(self.sizes[selection], self.block_size)
        order = np.arange(len(blocks), dtype=np.int32)
        rng.shuffle(order)
        if self.max_tokens is not None:
            order = order[: -(-self.max_tokens // self.block_size)]
        return Epoch(selection, blocks, order)

    def __len__(self) -> int:
        """Blocks of epoch 0; resampled epochs differ a little."""
        return len(self.epoch(0))

    def token_range(self) -> tuple[int, int]:
        """The lowest and the highest token id of all shards. Reads them whole."""
        low = high = 0
        for part in chain.from_iterable(shard.parts() for shard in self.shards):
            low, high = min(low, int(part.min())), max(high, int(part.max()))
        return low, high

    def predicted_tokens(self) -> int:
        """Tokens of epoch 0 that have a loss. Reads them all."""
        return sum(int((self[index]["labels"][1:] != IGNORED_LABEL).sum()) for index in range(len(self)))

    def segments(self, epoch: int, index: int) -> list[tuple[int, int, int, int]]:
        """(shard, document within it, first token, tokens) of every piece of a block."""
        layout = self.epoch(epoch)
        found = []
        for packed, first, length in layout.blocks.segments(int(layout.order[index])):
            document = int(layout.selection[packed])
            shard = bisect_right(self.first_of_shard, document) - 1
            found.append((shard, document - self.first_of_shard[shard], first, length))
        return found

    def documents(self, epoch: int, index: int) -> list[str]:
        """The documents of a block, such as `data/Pandas/sketcher_bin/smollm2-135m_quick/train1 document 17`."""
        pieces = self.segments(epoch, index)
        return [f"{self.shards[shard].prefix} document {document}" for shard, document, *_ in pieces]

    def __getitem__(self, key: int | tuple[int, int]) -> dict[str, np.ndarray]:
        """One block: input_ids, attention_mask, labels (with pack_reset position_ids too), each int64 (block_size,).

        Arrays, because making one tensor per batch (`transformers.default_data_collator`) is faster than one per block.
        """
        epoch, index = key if isinstance(key, tuple) else (0, key)
        ids = np.empty(self.block_size, np.int64)
        given = np.zeros(self.block_size, bool)
        starts, end = [], 0
        for shard, document, first, length in self.segments(epoch, index):
            ids[end : end + length] = self.shards[shard].get(document, first, length)
            if self.targets:
                given[end : end + length] = ~self._written(self.targets, shard, document, first, length)
            starts.append(end)
            end += length
        labels, mask = ids.copy(), np.empty(self.block_size, np.int64)
        labels[given] = IGNORED_LABEL
        mask[:end] = 1
        if end < self.block_size:
            ids[end:], labels[end:], mask[end:] = self.pad_token_id, IGNORED_LABEL, 0
        block = {"input_ids": ids, "attention_mask": mask, "labels": labels}
        if self.pack_reset:
            labels[starts] = IGNORED_LABEL
            pieces = np.diff([*starts, end, self.block_size])  # the padding is a piece of its own
            block["position_ids"] = np.concatenate([np.arange(length) for length in pieces])
        return block

    def _written(self, targets: list[np.ndarray], shard: int, document: int, first: int, length: int) -> np.ndarray:
        """Whether a model writes each token of a part of a document, bool (length,)."""
        start = int(self.shards[shard].offsets[document]) // self.shards[shard].dtype.itemsize + first
        packed = targets[shard][start // 8 : (start + length + 7) // 8]
        return np.unpackbits(packed, count=start % 8 + length)[start % 8 :].view(bool)
