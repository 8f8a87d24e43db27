"""The stock `transformers.Trainer`, plus what it cannot do: stop on a loss that is no number, and know whole checkpoints.

Resampling at each epoch is the dataset's (`CodeBlockDataset.set_epoch`, called by `EpochCallback`); the order of blocks is
the dataset's too, so batches are taken sequentially.
"""

import json
import shutil
from pathlib import Path

import torch
from transformers import Trainer
from transformers.utils import logging

from nl2code.code_dataset import EpochCallback

logger = logging.get_logger(__name__)


class NonFiniteLossError(RuntimeError):
    """The training loss became NaN or infinite."""


class CertTrainer(Trainer):
    """Trainer for `CodeBlockDataset`: blocks in the dataset's own seeded order, epochs resampled, bad losses refused."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.args.train_sampling_strategy == "random":
            self.args.train_sampling_strategy = "sequential"  # the dataset has shuffled already
        if hasattr(self.train_dataset, "set_epoch"):
            self.add_callback(EpochCallback(self.train_dataset))

    def training_step(self, *args, **kwargs) -> torch.Tensor:
        """One forward and backward pass.

        Raises:
            NonFiniteLossError: naming the step and the fix; checkpoints written so far are kept.
        """
        loss = super().training_step(*args, **kwargs)
        if not torch.isfinite(loss):
            raise NonFiniteLossError(
                f"loss is {loss.item()} at step {self.state.global_step + 1}; lower --learning_rate (now "
                f"{self.args.learning_rate}) or train in float32/bfloat16, then start the same command again"
            )
        return loss


def newest_checkpoint(run_dir: Path) -> str | None:
    """The newest whole checkpoint of a run, None where there is none; half-written ones are removed with a warning.

    A checkpoint is whole once its `trainer_state.json` parses: the Trainer writes that file last.
    """
    found = sorted(run_dir.glob("checkpoint-*"), key=lambda folder: int(folder.name.rpartition("-")[2]))
    while found:
        folder = found.pop()
        try:
            json.loads((folder / "trainer_state.json").read_text())
            return str(folder)
        except (OSError, ValueError):
            logger.warning(f"{folder} is half-written; removed, going on from the one before")
            shutil.rmtree(folder)
    return None
