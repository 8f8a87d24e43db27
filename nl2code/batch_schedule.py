"""Which blocks each optimizer step takes: the batch may grow with the steps, blocks follow in order across epochs.

Both are functions of the step alone, so a run resumed at step k takes the same blocks as an uninterrupted one, although
resampled epochs differ in length.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from torch.utils.data import Sampler

from nl2code.code_dataset import CodeBlockDataset
from nl2code.errors import UserError

TOKENS = {"": 1, "K": 1024, "M": 1024**2}  # as in the original
STEPS = {"": 1, "K": 1000, "M": 1000**2}


@dataclass(frozen=True)
class BatchSchedule:
    """Micro-batches per step, growing linearly.

    Attributes:
        unit: blocks of one micro-batch, all processes together.
        first: micro-batches of step 0.
        last: micro-batches from step `growth_steps` on.
        growth_steps: 0 for a constant batch.
    """

    unit: int
    first: int
    last: int
    growth_steps: int = 0

    def accumulation(self, step: int) -> int:
        """Micro-batches of a step."""
        if step >= self.growth_steps:
            return self.last
        return self.first + (self.last - self.first) * step // self.growth_steps

    def blocks(self, step: int) -> int:
        """Blocks of a step, all processes together."""
        return self.unit * self.accumulation(step)

    @cached_property
    def _growing(self) -> np.ndarray:
        """int64 (growth_steps + 1,), blocks before each step while the batch grows."""
        return np.cumsum([0, *map(self.blocks, range(self.growth_steps))])

    def blocks_before(self, step: int) -> int:
        """Blocks of all steps before `step`."""
        grown = min(step, self.growth_steps)
        return int(self._growing[grown]) + (step - grown) * self.unit * self.last

    def steps_for(self, blocks: int) -> int:
        """The least number of steps that take at least this many blocks."""
        steps = int(np.searchsorted(self._growing, blocks))
        if steps <= self.growth_steps:
            return steps
        rest = blocks - int(self._growing[-1])
        return self.growth_steps + -(-rest // (self.unit * self.last))


def batch_schedule(unit: int, accumulation: int, block_size: int, strategy: str | None = None) -> BatchSchedule:
    """The schedule of a run.

    Args:
        unit: blocks of one micro-batch, all processes together.
        accumulation: micro-batches of the first step.
        block_size: tokens per block.
        strategy: `TOKENS_STEPS`, such as 512K_150K: grow linearly over STEPS steps to TOKENS tokens per step, rounded down
            to whole micro-batches; upper or lower case. K is 1,024 for tokens (M 1,024 squared) and 1,000 for steps (M a
            million), as in the original. `const` or None: a constant batch. Padding counts as tokens here.

    >>> schedule = batch_schedule(8, 1, 1024, "512K_150K")
    >>> [schedule.accumulation(step) for step in (0, 75_000, 150_000, 200_000)]
    [1, 32, 64, 64]

    Raises:
        UserError: a strategy of another form, or one that would shrink the batch.
    """
    if not strategy or strategy.lower() == "const":
        return BatchSchedule(unit, accumulation, accumulation)
    match = re.fullmatch(r"(\d+)([KM]?)_(\d+)([KM]?)", strategy.upper(), re.ASCII)
    if not match:
        raise UserError(
            f"--gradient_accumulation_strategy {strategy!r} is not TOKENS_STEPS, such as 512K_150K, nor const"
        )
    tokens, steps = int(match[1]) * TOKENS[match[2]], int(match[3]) * STEPS[match[4]]
    last = tokens // (unit * block_size)
    if last < accumulation:
        raise UserError(
            f"--gradient_accumulation_strategy {strategy} ends at {tokens} tokens per step, below the initial "
            f"{unit * accumulation * block_size}; raise it, or lower the batch size or --gradient_accumulation_steps"
        )
    return BatchSchedule(unit, accumulation, last, steps)


class StepBatches(Sampler[list[tuple[int, int]]]):
    """One list of (epoch, block) per optimizer step: the share of one process.

    A step takes the next blocks of epoch 0, epoch 1, ..., across the end of an epoch where needed. Process r of P takes
    blocks r, r + P, r + 2P, ... of the step.
    """

    def __init__(self, dataset: CodeBlockDataset, schedule: BatchSchedule, steps: int, process: int, processes: int):
        self.dataset, self.schedule, self.steps = dataset, schedule, steps
        self.process, self.processes = process, processes

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        epoch, first = 0, 0
        for step in range(self.steps):
            taken: list[tuple[int, int]] = []
            wanted = self.schedule.blocks(step)
            while len(taken) < wanted:
                end = min(first + wanted - len(taken), len(self.dataset.epoch(epoch)))
                taken += [(epoch, index) for index in range(first, end)]
                first = end
                if first == len(self.dataset.epoch(epoch)):
                    epoch, first = epoch + 1, 0
            yield taken[self.process :: self.processes]
