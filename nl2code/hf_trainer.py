"""`CertTrainer`: the `transformers.Trainer` with resampled epochs, growing batches and exact resumption."""

import contextlib
import functools
import itertools
import shutil
import time
from pathlib import Path

import torch
from accelerate.utils import DistributedType
from safetensors import SafetensorError
from torch.utils.data import DataLoader, Dataset
from transformers import Trainer, default_data_collator
from transformers.trainer_pt_utils import LabelSmoother

from nl2code.batch_schedule import StepBatches, batch_schedule
from nl2code.checkpoints import is_whole, remove_old
from nl2code.code_dataset import IGNORED_LABEL
from nl2code.errors import UserError, one_line
from nl2code.flops import training_flops_per_token
from nl2code.pack_reset import document_mask, require_pack_reset
from nl2code.vocabulary_loss import use_chunked_loss

# Constants of a parameter group -> the flags that set them. Its other entries may change in training.
FLAGS = {
    "initial_lr": "learning_rate",
    "weight_decay": "weight_decay",
    "betas": "adam_beta1 and adam_beta2",
    "eps": "adam_epsilon",
}


class CertTrainer(Trainer):
    """Trainer for `CodeBlockDataset`: batches may grow, epochs are resampled, a loss that is not finite ends the run.

    One batch of the data loader is a whole optimizer step; `training_step` splits it into micro-batches. So the step alone
    says where a run stands: the stock Trainer's fixed accumulation and fixed epoch length play no part.

    Args:
        gradient_accumulation_strategy: see `batch_schedule`.

    Raises:
        UserError: a model or a strategy that does not fit.
    """

    def __init__(self, *args, gradient_accumulation_strategy: str | None = None, **kwargs):
        super().__init__(*args, data_collator=default_data_collator, **kwargs)
        options, data = self.args, self.train_dataset
        if not self.model_accepts_loss_kwargs:
            raise UserError(
                f"{type(self.model).__name__} cannot divide its loss by the tokens of a whole batch; choose another base"
            )
        if data.pack_reset:
            require_pack_reset(self.model)
        elif options.torch_compile and options.device.type == "cpu":
            # Compiled, plain attention is faster than the fused kernel, whose backward pass is slow on CPUs: docs/LOG.md.
            self.accelerator.unwrap_model(self.model).set_attn_implementation("eager")
        # Not where logits are asked for, gradients are scaled (fp16), the output layer's weights lie elsewhere, or the model
        # is copied to several GPUs of one process, whose copies would all call this one.
        deepspeed = self.accelerator.distributed_type == DistributedType.DEEPSPEED
        whole_logits = options.label_smoothing_factor or options.fp16 or deepspeed or options.n_gpu > 1
        self.has_chunked_loss = not whole_logits and use_chunked_loss(self.model)
        if options.label_smoothing_factor:
            # The stock Trainer shifts labels if it knows the name of the model's class; torch.compile and FSDP 2 change it.
            self.label_smoother = functools.partial(LabelSmoother(options.label_smoothing_factor), shift_labels=True)
        self.schedule = batch_schedule(
            options.train_batch_size * options.world_size,
            options.gradient_accumulation_steps,
            data.block_size,
            gradient_accumulation_strategy,
        )
        self._checkpoint_limit = options.save_total_limit
        # The stock Trainer then neither accumulates nor removes checkpoints (it would take checkpoint-4-keep for one).
        options.gradient_accumulation_steps, options.save_total_limit = 1, None
        if options.max_steps <= 0:
            whole = int(options.num_train_epochs)
            blocks = sum(len(data.epoch(number)) for number in range(whole))
            blocks += int((options.num_train_epochs - whole) * len(data.epoch(whole)))
            options.max_steps = max(1, self.schedule.steps_for(blocks))
        self.batches = StepBatches(data, self.schedule, options.max_steps, options.process_index, options.world_size)
        self._blocks_per_epoch = len(data)  # laying out epoch 0 again would take the place of the current one
        self._eval_tokens = max(1, self.eval_dataset.predicted_tokens()) if self.eval_dataset else 0
        self._flops_per_token = training_flops_per_token(self.model, data.block_size)
        self._logged: tuple[float, int, float] | None = None  # time, tokens, FLOP at the last log line

    def get_train_dataloader(self) -> DataLoader:
        """One item per optimizer step, with this process's blocks in it."""
        return self._loader(self.train_dataset, batch_sampler=self.batches)

    def _loader(self, dataset: Dataset, **how) -> DataLoader:
        return DataLoader(
            dataset,
            collate_fn=self.data_collator,
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory,
            prefetch_factor=self.args.dataloader_prefetch_factor,
            persistent_workers=self.args.dataloader_persistent_workers,
            multiprocessing_context=self.args.dataloader_multiprocessing_context,
            generator=torch.Generator(),  # its own: starting a loader must not change the global random state
            **how,
        )

    def training_step(self, model, inputs, num_items_in_batch=None) -> torch.Tensor:
        """Forward and backward passes of one optimizer step; the loss is a mean over its tokens on all processes.

        Raises:
            UserError: the loss is not finite, or the device has no memory for a micro-batch.
        """
        if self._logged is None:
            self._logged = time.perf_counter(), self.state.num_input_tokens_seen, self.state.total_flos
        num_items_in_batch = num_items_in_batch.clamp(min=1)  # a step of prompts alone has no label: its loss is 0
        size, rows = self._train_batch_size, len(inputs["input_ids"])
        total = torch.zeros((), device=self.args.device)
        for first in range(0, rows, size):
            last = first + size >= rows
            self.accelerator.gradient_state._set_sync_gradients(last)
            together = last or self.accelerator.distributed_type == DistributedType.DEEPSPEED
            with contextlib.nullcontext() if together else self.accelerator.no_sync(model):
                part = {name: tensor[first : first + size] for name, tensor in inputs.items()}
                try:
                    loss = super().training_step(model, part, num_items_in_batch)
                except torch.OutOfMemoryError as error:
                    raise UserError(
                        f"no memory on {self.args.device} for {size} blocks of {self.train_dataset.block_size} tokens; "
                        "lower --per_device_train_batch_size and raise --gradient_accumulation_steps, or use "
                        "--activation_checkpointing true"
                    ) from error
            if not torch.isfinite(loss):
                self._refuse(loss.item(), slice(first, first + size))
            total += loss
        return total

    def _refuse(self, loss: float, rows: slice) -> None:
        batch = next(itertools.islice(self.batches, self.state.global_step, None))[rows]
        documents = [name for block in batch for name in self.train_dataset.documents(*block)]
        raise UserError(
            f"loss is {loss} at step {self.state.global_step + 1} on {'; '.join(documents)}; lower --learning_rate (now "
            f"{self.args.learning_rate}) or use --precision fp32 or bf16, in another --output_dir (in the shells: RUN_NAME)"
        )

    def compute_loss(self, model, inputs, *args, **kwargs):
        """The stock loss; where positions restart (`pack_reset`), attention does too."""
        return super().compute_loss(model, _masked(inputs), *args, **kwargs)

    def get_eval_dataloader(self, eval_dataset=None) -> DataLoader:
        """The validation blocks of this process, as many on each."""
        rows = _Share(self.eval_dataset, self.args.process_index, self.args.world_size)
        return self._loader(rows, batch_size=self.args.eval_batch_size)

    def prediction_step(self, model, inputs, prediction_loss_only, ignore_keys=None):
        """(loss, None, None), scaled so that the stock mean over batches is the mean over all predicted tokens.

        The stock Trainer averages the means of batches, so its loss depends on the batch size where blocks are padded.
        """
        per_process = -(-len(self.eval_dataset) // self.args.world_size)
        batches = -(-per_process // self.args.eval_batch_size) * self.args.world_size
        with torch.no_grad(), self.compute_loss_context_manager():
            inputs = {**_masked(self._prepare_inputs(inputs)), "num_items_in_batch": self._eval_tokens / batches}
            return model(**inputs)["loss"].sum(), None, None

    def _prepare_for_training(self, *args):
        with one_line("these settings do not fit the optimizer, scheduler or checkpoint"):
            return super()._prepare_for_training(*args)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        """The stock Trainer takes learning rate, weight decay, betas and epsilon from the checkpoint; those asked for count.

        Raises:
            UserError: the checkpoint, then of another run, has others.
        """
        if checkpoint is None:
            return
        asked = [_constants(group) for group in self.optimizer.param_groups]
        super()._load_optimizer_and_scheduler(checkpoint)
        for before, group in zip(asked, self.optimizer.param_groups, strict=True):
            for flag, found in _constants(group).items():
                if found != before.get(flag):
                    raise UserError(
                        f"{flag}: {found} in checkpoint {checkpoint}, you asked for {before.get(flag)}; ask for the same, "
                        f"or start from its weights: --model_name_or_path {checkpoint}"
                    )

    def _load_from_checkpoint(self, checkpoint: str, model=None) -> None:
        with one_line(f"checkpoint {checkpoint} does not fit this model, or is damaged (then delete it)"):
            super()._load_from_checkpoint(checkpoint, model)

    def _issue_warnings_after_load(self, load_result) -> None:
        """Weights of another model, which the stock Trainer skips with a warning. Missing ones may be tied to others."""
        if load_result.unexpected_keys:
            raise UserError(f"the checkpoint does not fit this model: it holds {load_result.unexpected_keys[0]}")

    def _init_training_state(self, max_steps, *args):
        """The stock Trainer keeps the checkpoint's save_steps, eval_steps and logging_steps; those asked for count.

        It also keeps the path of the best checkpoint, which a run folder that was moved does not have.
        """
        found = super()._init_training_state(max_steps, *args)
        self.state.compute_steps(self.args, max_steps)
        best = Path(self.args.output_dir) / f"checkpoint-{self.state.best_global_step}"
        if best.is_dir():
            self.state.best_model_checkpoint = str(best)
        return found

    def floating_point_ops(self, inputs) -> int:
        return self._flops_per_token * inputs["input_ids"].numel()

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add speed since the last training line (including saving and evaluation) and epochs of data seen."""
        if "loss" in logs and self._logged is not None:
            now = time.perf_counter(), self.state.num_input_tokens_seen, self.state.total_flos
            seconds, tokens, operations = (new - old for new, old in zip(now, self._logged, strict=True))
            logs["tokens_per_second"] = round(tokens / seconds, 1)
            logs["flops_per_second"] = round(operations / seconds)
            logs["blocks_per_step"] = self.schedule.blocks(self.state.global_step - 1)
            self._logged = now
        self.state.epoch = self.schedule.blocks_before(self.state.global_step) / self._blocks_per_epoch
        super().log(logs, start_time)

    def get_total_train_batch_size(self, args) -> int:
        """Blocks per step, on average."""
        return round(self.schedule.blocks_before(args.max_steps) / args.max_steps)

    def _save_rng_state(self, output_dir: str) -> None:
        """Written before the Trainer's state, whose file therefore means that all processes have saved their part."""
        super()._save_rng_state(output_dir)
        self.accelerator.wait_for_everyone()

    def _save_checkpoint(self, model, trial) -> None:
        """Write a checkpoint, then remove older ones beyond --save_total_limit.

        Raises:
            UserError: it could not be written; its incomplete folder is removed.
        """
        folder = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        if self.args.should_save:  # where one is written again, it is incomplete until the end
            (folder / "trainer_state.json").unlink(missing_ok=True)
        try:
            super()._save_checkpoint(model, trial)
        except (OSError, RuntimeError, SafetensorError) as error:
            if self.args.should_save and not is_whole(folder):
                shutil.rmtree(folder, ignore_errors=True)
            raise UserError(
                f"{folder} was not written ({error}); older checkpoints are kept: make room on the disk, then start the "
                "same command again"
            ) from error
        if self.args.should_save:
            best = self.state.best_model_checkpoint
            remove_old(folder.parent, self._checkpoint_limit, [folder, Path(best or folder)])


class _Share(Dataset):
    """Every `processes`-th block from `process` on. Where blocks run out, the last one is repeated without labels."""

    def __init__(self, blocks: Dataset, process: int, processes: int):
        self.blocks, self.process, self.processes = blocks, process, processes

    def __len__(self) -> int:
        return -(-len(self.blocks) // self.processes)

    def __getitem__(self, row: int) -> dict:
        index = self.process + row * self.processes
        block = self.blocks[min(index, len(self.blocks) - 1)]
        if index >= len(self.blocks):
            block["labels"][:] = IGNORED_LABEL
        return block


def _constants(group: dict) -> dict:
    """Flag -> its value in a parameter group; FSDP 2 makes lists of tuples."""
    found = {flag: group[name] for name, flag in FLAGS.items() if name in group}
    return {flag: tuple(value) if isinstance(value, list) else value for flag, value in found.items()}


def _masked(inputs: dict) -> dict:
    """The inputs of a model, with a mask that separates documents where positions restart."""
    if "position_ids" not in inputs:
        return inputs
    return {**inputs, "attention_mask": document_mask(inputs["position_ids"])}
