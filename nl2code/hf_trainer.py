"""The stock `transformers.Trainer`, plus what it cannot do: see `CertTrainer`."""

import contextlib
import itertools
import shutil
import time
from pathlib import Path

import torch
from accelerate.utils import DistributedType
from safetensors import SafetensorError
from torch.utils.data import DataLoader
from transformers import Trainer, default_data_collator

from nl2code.batch_schedule import StepBatches, batch_schedule
from nl2code.checkpoints import CheckpointError, is_whole
from nl2code.flops import training_flops_per_token
from nl2code.pack_reset import document_mask, require_pack_reset


class NonFiniteLossError(RuntimeError):
    """The training loss became NaN or infinite."""


class CertTrainer(Trainer):
    """Trainer for `CodeBlockDataset`, with batches that may grow, epochs that are resampled, and bad losses refused.

    One batch of its loader is a whole optimizer step; `training_step` cuts it into micro-batches. So neither the stock
    Trainer's fixed accumulation nor its fixed length of an epoch matters, and where a run stands is its step alone.

    Args:
        gradient_accumulation_strategy: see `batch_schedule`.
    """

    def __init__(self, *args, gradient_accumulation_strategy: str | None = None, **kwargs):
        super().__init__(*args, data_collator=default_data_collator, **kwargs)
        options, data = self.args, self.train_dataset
        if not self.model_accepts_loss_kwargs:
            raise ValueError(f"{type(self.model).__name__} cannot have its loss divided by the tokens of a whole batch")
        for name in ("eval_strategy", "save_strategy", "logging_strategy"):
            if getattr(options, name) == "epoch":
                raise ValueError(f"--{name} epoch: resampled epochs have no fixed number of steps; use steps")
        if data.pack_reset:
            require_pack_reset(self.model)
        self.schedule = batch_schedule(
            options.train_batch_size * options.world_size,
            options.gradient_accumulation_steps,
            data.block_size,
            gradient_accumulation_strategy,
        )
        options.gradient_accumulation_steps = 1
        if options.max_steps <= 0:
            whole = int(options.num_train_epochs)
            blocks = sum(len(data.epoch(number)) for number in range(whole))
            blocks += int((options.num_train_epochs - whole) * len(data.epoch(whole)))
            options.max_steps = self.schedule.steps_for(blocks)
        self.batches = StepBatches(data, self.schedule, options.max_steps, options.process_index, options.world_size)
        self._flops_per_token = training_flops_per_token(self.model, data.block_size)
        self._logged: tuple[float, int, float] | None = None  # time, tokens, operations at the last line of the log

    def get_train_dataloader(self) -> DataLoader:
        """One item per optimizer step, with this process's blocks in it."""
        return DataLoader(
            self.train_dataset,
            batch_sampler=self.batches,
            collate_fn=self.data_collator,
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory,
            prefetch_factor=self.args.dataloader_prefetch_factor,
            generator=torch.Generator(),  # its own, so that starting a loader draws nothing from the training's
        )

    def training_step(self, model, inputs, num_items_in_batch=None) -> torch.Tensor:
        """Forward and backward passes of one optimizer step; the loss is a mean over its tokens on all processes.

        Raises:
            NonFiniteLossError: naming step, documents and the fix; checkpoints written so far are kept.
        """
        if self._logged is None:
            self._logged = time.perf_counter(), self.state.num_input_tokens_seen, self.state.total_flos
        size, rows = self._train_batch_size, len(inputs["input_ids"])
        total = torch.zeros((), device=self.args.device)
        for first in range(0, rows, size):
            last = first + size >= rows
            self.accelerator.gradient_state._set_sync_gradients(last)
            together = last or self.accelerator.distributed_type == DistributedType.DEEPSPEED
            with contextlib.nullcontext() if together else self.accelerator.no_sync(model):
                part = {name: tensor[first : first + size] for name, tensor in inputs.items()}
                loss = super().training_step(model, part, num_items_in_batch)
            if not torch.isfinite(loss):
                self._refuse(loss.item(), slice(first, first + size))
            total += loss
        return total

    def _refuse(self, loss: float, rows: slice) -> None:
        batch = next(itertools.islice(self.batches, self.state.global_step, None))[rows]
        documents = [name for block in batch for name in self.train_dataset.documents(*block)]
        raise NonFiniteLossError(
            f"loss is {loss} at step {self.state.global_step + 1} on {'; '.join(documents)}; lower --learning_rate (now "
            f"{self.args.learning_rate}) or train in float32/bfloat16, then start the same command again"
        )

    def compute_loss(self, model, inputs, *args, **kwargs):
        """The stock loss; where positions begin anew (`pack_reset`), attention does too."""
        if "position_ids" in inputs:
            inputs = {**inputs, "attention_mask": document_mask(inputs["position_ids"])}
        return super().compute_loss(model, inputs, *args, **kwargs)

    def floating_point_ops(self, inputs) -> int:
        return self._flops_per_token * inputs["input_ids"].numel()

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the speed since the last training line (saving and evaluation included) and the epochs of data seen."""
        if "loss" in logs and self._logged is not None:
            now = time.perf_counter(), self.state.num_input_tokens_seen, self.state.total_flos
            seconds, tokens, operations = (new - old for new, old in zip(now, self._logged, strict=True))
            logs["tokens_per_second"] = round(tokens / seconds, 1)
            logs["flops_per_second"] = round(operations / seconds)
            logs["blocks_per_step"] = self.schedule.blocks(self.state.global_step - 1)
            self._logged = now
        self.state.epoch = self.schedule.blocks_before(self.state.global_step) / len(self.train_dataset)
        super().log(logs, start_time)

    def get_total_train_batch_size(self, args) -> int:
        """Blocks per step, on average."""
        return round(self.schedule.blocks_before(args.max_steps) / args.max_steps)

    def _save_rng_state(self, output_dir: str) -> None:
        """The last file but the Trainer's state, which thereby says that every process has written its part."""
        super()._save_rng_state(output_dir)
        self.accelerator.wait_for_everyone()

    def _save_checkpoint(self, model, trial) -> None:
        """Write a checkpoint; the stock Trainer removes older ones only after that.

        Raises:
            CheckpointError: it could not be written, and what there was of it is removed.
        """
        try:
            super()._save_checkpoint(model, trial)
        except (OSError, RuntimeError, SafetensorError) as error:
            folder = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
            if self.args.should_save and not is_whole(folder):
                shutil.rmtree(folder, ignore_errors=True)
            raise CheckpointError(
                f"{folder} was not written ({error}); older checkpoints are kept: make room on the disk, then start the "
                "same command again"
            ) from error
