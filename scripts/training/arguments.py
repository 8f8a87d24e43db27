"""Settings of a training run, as dataclasses that become the flags of run_cert.py.

A flag of `transformers.TrainingArguments` is honoured or refused by name; no accepted flag is ignored (REFUSED, NEEDS).
"""

import os
from dataclasses import dataclass, fields

import torch
from transformers import TrainingArguments
from transformers.hf_argparser import HfArg

from nl2code.errors import UserError
from nl2code.precision import best_precision, missing_to_compile
from scripts.training.run_folder import recorded_precision


@dataclass
class ModelArguments:
    """The model to start from."""

    model_name_or_path: str = HfArg(help="base model: a folder, the name of a folder under models/, or a hub id")
    tokenizer_name: str | None = HfArg(default=None, help="tokenizer: folder or hub id (default: the base model's)")
    config_overrides: str | None = HfArg(
        default=None,
        help="train a new model from scratch: its configuration with key=value,... replaced, or '' for no "
        "replacement; the base then needs a config.json only, or is a model type such as llama (default: train the base)",
    )
    lora_r: int = HfArg(default=0, help="rank of LoRA adapters on all linear layers; 0 trains all weights (default: 0)")
    lora_alpha: int = HfArg(default=0, help="scale of LoRA; 0 means 2 x rank (default: 0)")


@dataclass
class DataArguments:
    """The encoded data."""

    train_file: str = HfArg(
        help="prefix of the training shards, e.g. data/Pandas/sketcher_bin/smollm2-135m_quick/train"
    )
    validation_file: str | None = HfArg(default=None, help="prefix of the validation shards (default: no evaluation)")
    block_size: int = HfArg(default=1024, help="tokens per block (default: 1024)")
    resampling_weights: str | None = HfArg(
        default=None,
        help="a_b_c: weights of documents by stars, tests and functions, such as 1.0_0.5_1.0 (default: each document "
        "once per epoch)",
    )
    pack_reset: bool = HfArg(
        default=False, help="documents in one block do not attend to each other, positions restart (default: false)"
    )
    loss_on: str = HfArg(
        default="all",
        help="tokens that have a loss: all, or targets, which the model writes at generation time, so that a "
        "generator does not learn to write sketches (default: all)",
        metadata={"choices": ["all", "targets"]},
    )
    gradient_accumulation_strategy: str | None = HfArg(
        default=None,
        help="TOKENS_STEPS: grow the batch linearly over STEPS steps to TOKENS tokens per step; 512K_150K reaches "
        "512 x 1024 tokens at step 150,000 (K is 1024 for tokens, 1000 for steps) (default: const, a constant batch)",
    )
    max_eval_tokens: int | None = HfArg(
        default=None, help="evaluate on at most this many tokens, rounded up to whole blocks (default: all)"
    )


# Flags of TrainingArguments that would change nothing here, or break what this project promises: reason -> names.
REFUSED_FOR = {
    "the order of blocks depends on --seed alone": "train_sampling_strategy length_column_name dataloader_in_order",
    "equal settings must give equal batches; lower --per_device_train_batch_size instead": "auto_find_batch_size",
    "it would round the trained weights before they are saved": "fp16_full_eval bf16_full_eval",
    "a loss that is not finite ends the run": "logging_nan_inf_filter",
    "with --validation_file, a run is evaluated before its first step anyway": "eval_on_start",
    "evaluation computes the loss only, on all validation blocks": "prediction_loss_only eval_do_concat_batches "
    "eval_use_gather_object eval_accumulation_steps include_for_metrics batch_eval_metrics dataloader_drop_last",
    "its checkpoints lie inside a step; use --save_steps": "enable_jit_checkpoint",
    "a resumed run takes the blocks that an uninterrupted one takes": "ignore_data_skip",
    "this program deals blocks to the processes; use --fsdp or --deepspeed": "accelerator_config parallelism_config",
    "blocks have fixed columns": "remove_unused_columns label_names",
    "its loss is not known to be the mean over the tokens of a step": "use_liger_kernel liger_kernel_config",
    "completions are drawn by eval_cert.py": "do_predict",
}
REFUSED = {name: reason for reason, names in REFUSED_FOR.items() for name in names.split()}
# Flags that change nothing without another one: what they need -> (names, whether it is there).
NEEDED = {
    "--eval_strategy steps": (
        "eval_steps eval_delay metric_for_best_model greater_is_better",
        lambda args: args.eval_strategy != "no",
    ),
    "--dataloader_num_workers 1 or more": (
        "dataloader_persistent_workers dataloader_multiprocessing_context",
        lambda args: args.dataloader_num_workers > 0,
    ),
    "--push_to_hub true": (
        "hub_token hub_private_repo hub_model_id hub_strategy hub_always_push hub_revision",
        lambda args: args.push_to_hub,
    ),
    "--report_to trackio": (
        "project trackio_space_id trackio_bucket_id trackio_static_space_id",
        lambda args: {"trackio", "all"} & {*([args.report_to] if isinstance(args.report_to, str) else args.report_to)},
    ),
    "--activation_checkpointing true": (
        "activation_checkpointing_kwargs gradient_checkpointing_kwargs",
        lambda args: args.activation_checkpointing or args.gradient_checkpointing,
    ),
    "--fsdp": ("fsdp_config", lambda args: args.fsdp),
    "--optim galore_... or apollo_...": ("optim_target_modules", lambda args: args.optim[:6] in ("galore", "apollo")),
    "an optimizer with arguments of its own": (
        "optim_args",
        lambda args: args.optim not in ("adamw_torch", "adamw_torch_fused", "adafactor", "sgd", "adagrad"),
    ),
}
NEEDS = {name: (what, is_there) for what, (names, is_there) in NEEDED.items() for name in names.split()}
LOWEST = {
    **dict.fromkeys(("per_device_train_batch_size", "per_device_eval_batch_size", "gradient_accumulation_steps"), 1),
    **dict.fromkeys(("learning_rate", "weight_decay", "max_grad_norm", "seed", "data_seed", "lora_r", "lora_alpha"), 0),
    **{"block_size": 2, "max_eval_tokens": 1},
}
HIGHEST_SEED = 2**32 - 1  # of numpy's global generator
# Settings that cannot change the trained weights, so that a run may be resumed with others: places and names of outputs,
# logging, saving, pushing, the transport of blocks to the device. Model and data count by their content (inputs).
WITHOUT_EFFECT = set(
    """model_name_or_path tokenizer_name train_file validation_file resume_from_checkpoint output_dir run_name report_to
    project disable_tqdm debug skip_memory_metrics trackio_space_id trackio_bucket_id trackio_static_space_id log_level
    log_level_replica logging_strategy logging_steps logging_first_step log_on_each_node include_num_input_tokens_seen
    save_only_model save_on_each_node restore_callback_states_from_checkpoint local_rank ddp_timeout push_to_hub hub_token
    hub_private_repo hub_model_id hub_strategy hub_always_push hub_revision do_train do_eval precision prediction_loss_only
    torch_empty_cache_steps dataloader_num_workers dataloader_pin_memory dataloader_persistent_workers
    dataloader_prefetch_factor dataloader_multiprocessing_context""".split()  # noqa: SIM905
)
# These count only where an evaluation chooses the weights or the learning rate.
OF_EVALUATION = set(
    """eval_strategy eval_steps eval_delay eval_on_start per_device_eval_batch_size metric_for_best_model greater_is_better
    save_strategy save_steps save_total_limit""".split()  # noqa: SIM905
)


@dataclass
class RunArguments(TrainingArguments):
    """`transformers.TrainingArguments`, each honoured or refused, and --precision.

    Attributes:
        evaluate_only: --do_eval without --do_train: evaluate the model, train nothing.
    """

    precision: str | None = HfArg(
        default=None,
        help="arithmetic of training: fp32; bf16 or fp16 (mixed precision, float32 weights; fp16 needs a GPU); or "
        "auto: on a GPU bf16, else fp16; on a CPU bf16 where its matrix products are measured to be at least 1.5 times "
        "as fast, else fp32, as with several processes; a run that is resumed on a CPU keeps its choice (default: fp32, "
        "or what --fp16 or --bf16 says)",
        metadata={"choices": ["auto", "fp32", "fp16", "bf16"]},
    )

    def __post_init__(self):
        self.evaluate_only = self.do_eval and not self.do_train
        self._refuse()
        on_gpu = torch.cuda.is_available() and not self.use_cpu
        if self.precision is not None:
            # Measured anew, a resumed run near the threshold could get another arithmetic.
            known = None if on_gpu else recorded_precision(self.output_dir)
            chosen = (known or best_precision(on_gpu)) if self.precision == "auto" else self.precision
            self.fp16, self.bf16 = chosen == "fp16", chosen == "bf16"
        compiled = self.torch_compile or self.torch_compile_mode or self.torch_compile_backend
        if compiled and not on_gpu and (what := missing_to_compile()):
            print(f"torch_compile: {what} is not there, so the model runs as it is, slower")
            self.torch_compile, self.torch_compile_mode, self.torch_compile_backend = False, None, None
        # A launcher's configuration would decide instead, and no record would say so.
        os.environ["ACCELERATE_MIXED_PRECISION"] = "fp16" if self.fp16 else "bf16" if self.bf16 else "no"
        self.use_cpu |= self.bf16 and not torch.cuda.is_available()  # bf16 on a CPU has to be asked for
        super().__post_init__()
        if self.fp16 and self.device.type == "cpu":
            raise UserError("fp16 needs a GPU, none is used here; choose fp32, bf16 or auto")
        self.include_num_input_tokens_seen = "non_padding"

    def _refuse(self) -> None:
        """Raise UserError for the first flag that is given and could not be honoured."""
        if not self.output_dir:
            raise UserError("--output_dir is missing; name the folder of the run")
        given = [known.name for known in fields(TrainingArguments) if getattr(self, known.name) != _default(known)]
        for name in given:
            if name in REFUSED:
                raise UserError(f"--{name} is not supported: {REFUSED[name]}; leave it out")
            if name in NEEDS and not NEEDS[name][1](self):
                raise UserError(f"--{name} changes nothing without {NEEDS[name][0]}; leave it out")
            if name.endswith("_strategy") and getattr(self, name) == "epoch":
                raise UserError(f"--{name} epoch: resampled epochs have no fixed number of steps; use steps")
        if self.precision is not None and (self.fp16 or self.bf16):
            raise UserError("--precision and --fp16/--bf16 are two settings of one thing; give --precision only")
        if self.include_num_input_tokens_seen not in ("no", "non_padding", False):
            raise UserError("--include_num_input_tokens_seen counts non-padding tokens here; leave it out")
        if "num_train_epochs" in given and self.max_steps > 0:
            raise UserError(f"--num_train_epochs changes nothing with --max_steps {self.max_steps}; add --max_steps -1")
        if self.max_steps < 1 and (self.max_steps != -1 or self.num_train_epochs <= 0):
            raise UserError(f"--max_steps {self.max_steps}: use 1 or more, or -1 and --num_train_epochs above 0")
        without_warmup = ("constant", "reduce_lr_on_plateau", "greedy")
        if self.lr_scheduler_type in without_warmup and self.warmup_steps > 0:
            asked = f"--lr_scheduler_type {self.lr_scheduler_type}"
            raise UserError(f"{asked} ignores --warmup_steps; use constant_with_warmup, or --warmup_steps 0")
        if self.metric_for_best_model not in (None, "loss", "eval_loss"):
            raise UserError(f"--metric_for_best_model {self.metric_for_best_model} is not computed; use loss")


def _default(known):
    """The default of a dataclass field; TrainingArguments has no factories that build more than an empty list."""
    return known.default_factory() if callable(known.default_factory) else known.default


def check_together(model_args: ModelArguments, data_args: DataArguments, training_args: RunArguments) -> None:
    """Refuse values out of range, and flags of one group that need one of another.

    Raises:
        UserError: naming the flag, its value and the fix.
    """
    for name, lowest in LOWEST.items():
        for group in (model_args, data_args, training_args):
            value = getattr(group, name, None)
            if value is not None and not value >= lowest:
                raise UserError(f"--{name} {value} is below {lowest}; use {lowest} or more")
    if training_args.seed > HIGHEST_SEED:
        raise UserError(f"--seed {training_args.seed} is above {HIGHEST_SEED}; use {HIGHEST_SEED} or less")
    if model_args.lora_alpha and not model_args.lora_r:
        raise UserError(f"--lora_alpha {model_args.lora_alpha} changes nothing without --lora_r; leave it out")
    if model_args.lora_r and model_args.config_overrides is not None:
        raise UserError(
            "--config_overrides makes a new model, whose weights --lora_r would keep untrained; use --lora_r 0"
        )
    evaluations = {"eval_strategy": training_args.eval_strategy != "no", "do_eval": training_args.do_eval}
    for name, is_asked in evaluations.items():
        if is_asked and not data_args.validation_file:
            raise UserError(f"--{name} needs --validation_file, the prefix of the validation shards")
    if training_args.evaluate_only and training_args.resume_from_checkpoint:
        raise UserError("--do_eval alone evaluates --model_name_or_path; name the checkpoint there")


def settings_of(model_args: ModelArguments, data_args: DataArguments, training_args: RunArguments) -> dict:
    """What decides the trained weights besides the inputs, by value."""
    by_evaluation = training_args.lr_scheduler_type in ("reduce_lr_on_plateau", "greedy")
    by_evaluation = by_evaluation or training_args.load_best_model_at_end
    left_out = WITHOUT_EFFECT if by_evaluation else WITHOUT_EFFECT | OF_EVALUATION
    found = {**vars(model_args), **vars(data_args), **training_args.to_dict()}
    settings = {name: value for name, value in found.items() if name not in left_out}
    return {**settings, "processes": training_args.world_size * max(1, training_args.n_gpu)}
