"""Encoded code as training blocks: shards, resampling by document weight, packing; seeded by (seed, epoch) alone."""

import re
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import TrainerCallback

from nl2code.dynamic_block_dataset import pack
from nl2code.indexed_dataset import MMapIndexedDataset, index_file_path

IGNORED_LABEL = -100  # what the loss of transformers' models leaves out


def find_shards(prefix: str | Path) -> list[str]:
    """Prefixes of the shards `train`, `train1`, `train2`, ... of a dataset, in order.

    Raises:
        FileNotFoundError: there is no shard, or a number is missing between two shards.
    """
    prefix = Path(prefix)
    pattern = re.compile(re.escape(prefix.name) + r"(\d*)\.idx")
    numbers = sorted(
        int(match[1] or 0)
        for file in prefix.parent.glob(f"{prefix.name}*.idx")
        if (match := pattern.fullmatch(file.name))
    )
    if not numbers:
        raise FileNotFoundError(f"no {index_file_path(prefix)}; encode the corpus first (scripts/run_encode_domain.sh)")
    missing = sorted(set(range(numbers[-1] + 1)) - set(numbers))
    if missing:
        raise FileNotFoundError(
            f"shard {prefix}{missing[0] or ''} is missing below {prefix}{numbers[-1]}; encode again"
        )
    return [f"{prefix}{number or ''}" for number in numbers]


def resampling_weights(features: np.ndarray, spec: str) -> np.ndarray:
    """Document weights, float64 (N,), from features float32 (N, 3) = log10(stars + 1), ut_score, func_score.

    `spec` is `a_b_c`: weight = (a + clip(f0, 0, 5) / 5) * clip(1 - f1 + b, 0, 1) * clip(f2, c, 1).

    >>> resampling_weights(np.array([[5, 0, 1], [0, 1, 0.2]]), "1.0_0.5_1.0").tolist()
    [2.0, 0.5]

    Raises:
        ValueError: a spec of another form.
    """
    try:
        a, b, c = (float(part) for part in spec.split("_"))
    except ValueError:
        raise ValueError(f"resampling weights {spec!r} are not of the form a_b_c, such as 1.0_0.5_1.0") from None
    stars, tests, functions = np.asarray(features, np.float64).T
    return (a + stars.clip(0, 5) / 5) * (1 - tests + b).clip(0, 1) * functions.clip(c, 1)


def load_resampling_weights(shards: list[str], spec: str) -> np.ndarray:
    """Weights of all documents of all shards, read from each shard's `_features.npy`.

    Raises:
        ValueError: features of the wrong shape; the shard is named.
        FileNotFoundError: a shard without features.
    """
    weights = []
    for shard in shards:
        features = np.load(f"{shard}_features.npy", allow_pickle=False)
        documents = len(MMapIndexedDataset(shard))
        if features.shape != (documents, 3):
            raise ValueError(f"{shard}_features.npy has shape {features.shape}, not ({documents}, 3); encode it again")
        weights.append(resampling_weights(features, spec))
    return np.concatenate(weights)


class CodeBlockDataset(Dataset):
    """Blocks of `block_size` tokens; with resampling weights, another selection of documents each epoch.

    In an epoch a document of weight w occurs floor(w) times, and once more with probability w - floor(w). The order of
    documents within the packing and of blocks is drawn from (seed, epoch), alike on every process.

    Args:
        prefix: of the shards, such as data/Pandas/sketcher_bin/train.
        block_size: tokens per block.
        pad_token_id: fills a block that packing left short; those places have no label.
        seed: of selection and order.
        resampling_weights: `a_b_c`, or None for each document once.
        max_tokens: keep only as many blocks as hold this many tokens (for evaluation).

    Raises:
        FileNotFoundError, ValueError: see `find_shards`, `load_resampling_weights`; also where no token is there.
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
    ):
        shards = find_shards(prefix)
        self.shards = [MMapIndexedDataset(shard) for shard in shards]
        self.sizes = np.concatenate([shard.sizes for shard in self.shards]).astype(np.int64)
        self.first_of_shard = np.cumsum([0, *map(len, self.shards)])
        self.weights = load_resampling_weights(shards, resampling_weights) if resampling_weights else None
        self.block_size, self.pad_token_id, self.seed, self.max_tokens = block_size, pad_token_id, seed, max_tokens
        self.set_epoch(0)
        if not len(self):
            raise ValueError(f"{prefix}: {len(shards)} shards hold no token; look at encode_stats.json beside them")

    @property
    def num_documents(self) -> int:
        return len(self.sizes)

    @property
    def tokens_per_epoch(self) -> int:
        """Tokens of this epoch's selection."""
        return int(self.blocks.length.sum())

    def set_epoch(self, epoch: int) -> None:
        """Select, shuffle and pack the documents of an epoch."""
        rng = np.random.default_rng([self.seed, epoch])
        copies = np.ones(self.num_documents, np.int64)
        if self.weights is not None:
            copies = np.floor(self.weights + rng.random(self.num_documents)).astype(np.int64)
        self.selection = rng.permutation(np.repeat(np.arange(self.num_documents), copies))
        self.blocks = pack(self.sizes[self.selection], self.block_size)
        self.order = rng.permutation(len(self.blocks))
        if self.max_tokens is not None:
            self.order = self.order[: -(-self.max_tokens // self.block_size)]

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        """One block: input_ids, attention_mask, labels, each int64 (block_size,)."""
        block = self.order[index]
        ids = np.full(self.block_size, self.pad_token_id, np.int64)
        end = 0
        for segment in range(self.blocks.starts[block], self.blocks.starts[block + 1]):
            document = self.selection[self.blocks.document[segment]]
            shard = int(np.searchsorted(self.first_of_shard, document, "right")) - 1
            length = int(self.blocks.length[segment])
            ids[end : end + length] = self.shards[shard].get(
                document - self.first_of_shard[shard], int(self.blocks.first[segment]), length
            )
            end += length
        input_ids = torch.from_numpy(ids)
        mask = torch.zeros_like(input_ids)
        mask[:end] = 1
        return {
            "input_ids": input_ids,
            "attention_mask": mask,
            "labels": input_ids.masked_fill(mask == 0, IGNORED_LABEL),
        }


class EpochCallback(TrainerCallback):
    """Tells the dataset which epoch begins, also when a run is taken up in the middle of one."""

    def __init__(self, dataset: CodeBlockDataset):
        self.dataset = dataset

    def on_epoch_begin(self, args, state, control, **kwargs):
        self.dataset.set_epoch(int(state.epoch or 0))
