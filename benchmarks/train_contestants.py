"""One training run for `bench_train.py`, in a process of its own; also the peak of matrix products, and random shards.

    python -m benchmarks.train_contestants '{"kind": "train", "way": "bf16", "flags": [...], "steps": 4, "warmup": 1}'

The job is one JSON object, the answer is the last line of stdout, one JSON object too. `train` runs the Trainer that
`run_cert.py FLAGS` would build, `bare` the same model, loss and batches in a plain PyTorch loop: forward, backward,
gradient clipping, AdamW, scheduler, nothing else. `profile` runs the Trainer and records one step.
"""

import json
import re
import sys
import time
from pathlib import Path

import numpy as np
import torch
from transformers import TrainerCallback, TrainingArguments, default_data_collator, get_scheduler

import nl2code.hf_trainer
from nl2code.code_dataset import IGNORED_LABEL, CodeBlockDataset
from nl2code.flops import training_flops_per_token
from nl2code.indexed_dataset import MMapIndexedDatasetBuilder, best_fitting_int_dtype, data_file_path, index_file_path
from scripts.training.run import build_trainer, parse

ATTENTION, LOSS, OPTIMIZER = "attention", "output layer and loss", "optimizer and clipping"
MATMUL, COPIES = "other matrix products", "copies and casts"
COMPILED, ELEMENTWISE = "compiled elementwise", "elementwise, the rest"
GROUPS = (MATMUL, LOSS, ATTENTION, COPIES, COMPILED, ELEMENTWISE, OPTIMIZER)
SLOW = 2.0  # seconds; a CPU without units for bfloat16 takes minutes for a large product
PRODUCTS = re.compile(
    r"aten::(mm|addmm|bmm|baddbmm|linear|matmul)$|mkldnn_linear|_linear_pointwise|mkl_linear|_reorder"
)


class Stopwatch(TrainerCallback):
    """Times at which steps began and ended; records `profiled`, the step of this number, if there is one."""

    def __init__(self, profiled: int | None = None):
        self.begun: list[float] = []
        self.ended: list[float] = []
        self.profiled, self.profiler = profiled, None

    def on_step_begin(self, args, state, control, **kwargs):
        if len(self.begun) == self.profiled:
            self.profiler = torch.profiler.profile(record_shapes=True)
            self.profiler.__enter__()
        self.begun.append(time.perf_counter())

    def on_step_end(self, args, state, control, **kwargs):
        self.ended.append(time.perf_counter())
        if self.profiler and len(self.ended) == self.profiled + 1:
            self.profiler.__exit__(None, None, None)


def bare_loop(trainer, watch: Stopwatch) -> None:
    """Train the Trainer's model on the Trainer's batches without the Trainer."""
    model, options = trainer.model, trainer.args
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=options.learning_rate, weight_decay=options.weight_decay, fused=True)
    schedule = get_scheduler(options.lr_scheduler_type, optimizer, 0, options.max_steps)
    model.train()
    for batch in trainer.batches:
        watch.on_step_begin(None, None, None)
        inputs = default_data_collator([trainer.train_dataset[key] for key in batch])
        inputs = {name: tensor.to(options.device) for name, tensor in inputs.items()}
        with torch.autocast(options.device.type, torch.bfloat16, enabled=options.bf16):
            loss = model(**inputs).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, options.max_grad_norm)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        loss.item()
        watch.on_step_end(None, None, None)


def train(job: dict) -> dict:
    """Seconds of each step, peak memory and, for the Trainer, the losses."""
    steps = job["warmup"] + job["steps"]
    # As of a revision before the chunked loss: logits of all tokens at once.
    if job["whole_logits"]:
        nl2code.hf_trainer.use_chunked_loss = lambda model: False
    arguments = parse([*job["flags"], "--max_steps", str(steps), "--logging_steps", "1", "--save_strategy", "no"])
    arguments[2].dataloader_pin_memory = False
    torch.manual_seed(0)
    trainer = build_trainer(*arguments)
    watch = Stopwatch(steps - 1 if job["kind"] == "profile" else None)
    if job["kind"] == "bare":
        bare_loop(trainer, watch)
    else:
        trainer.add_callback(watch)
        trainer.train()
    size, share = arguments[2].per_device_train_batch_size, labelled_share(trainer)
    tokens = size * arguments[1].block_size
    times = [watch.ended[0] - watch.begun[0], *np.diff(watch.ended).tolist()]
    found = {
        "first_step_seconds": times[0],
        "step_seconds": times[job["warmup"] :],
        "tokens_per_second": tokens * job["steps"] / sum(times[job["warmup"] :]),
        "flops_per_token": training_flops_per_token(trainer.model, arguments[1].block_size)
        - (1 - share) * output_layer_flops(trainer.model),
        "labelled_share": share,
        "losses": [line["loss"] for line in trainer.state.log_history if "loss" in line],
        "chunked_loss": trainer.has_chunked_loss,
        "peak_memory_gib": peak_memory(),
        "threads": torch.get_num_threads(),
        "device": str(arguments[2].device),
    }
    if watch.profiler:
        found["profile"] = groups(watch.profiler.events(), trainer.model.get_output_embeddings().out_features)
    return found


def labelled_share(trainer) -> float:
    """Share of predicted tokens that have a loss, in the first step's blocks."""
    labels = np.stack([trainer.train_dataset[key]["labels"][1:] for key in next(iter(trainer.batches))])
    return float((labels != IGNORED_LABEL).mean())


def output_layer_flops(model) -> int:
    """Part of `training_flops_per_token` that the output layer takes."""
    weight = model.get_output_embeddings().weight
    return (6 if weight.requires_grad else 4) * weight.numel()


def peak_memory() -> float:
    """Most memory that this process held, GiB. Not ru_maxrss, which a process may inherit from its parent."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 2**20


def groups(events, vocab_size: int) -> dict[str, float]:
    """Milliseconds of one step by kind of work: each operation's own time, without that of operations it calls."""
    found = dict.fromkeys(GROUPS, 0.0)
    for event in events:
        found[group_of(event, vocab_size)] += event.self_cpu_time_total / 1000
    return found


def group_of(event, vocab_size: int) -> str:
    """The group of a profiled operation: by its callers, then by its shapes, then by its own name."""
    names, shapes, caller = [], [], event
    while caller is not None:
        names.append(caller.name)
        if caller.name.startswith("aten::"):
            shapes += [size for shape in caller.input_shapes or [] if isinstance(shape, list) for size in shape]
        caller = caller.cpu_parent
    text = " ".join(names)
    if "Optimizer.step" in text or "foreach" in text or "fused_adamw" in text or "clip_grad" in text:
        return OPTIMIZER
    if "cross_entropy" in text or "nll_loss" in text or (vocab_size in shapes and "embedding" not in text.lower()):
        return LOSS
    if "attention" in text:
        return ATTENTION
    if event.name in ("aten::copy_", "aten::to", "aten::_to_copy", "aten::clone", "aten::contiguous"):
        return COPIES
    if any(PRODUCTS.search(name) for name in names):
        return MATMUL
    return COMPILED if "cpp_" in text or "Compiled" in text else ELEMENTWISE


def random_dataset(
    folder: Path, vocab_size: int, block_size: int, blocks: int, targets: float = 0.4
) -> CodeBlockDataset:
    """Full blocks of random tokens, in the shard `folder/train`; a share at the end of each are targets."""
    prefix, rng = folder / "train", np.random.default_rng(0)
    builder = MMapIndexedDatasetBuilder(data_file_path(prefix), best_fitting_int_dtype(vocab_size))
    for _ in range(blocks):
        builder.add_item(rng.integers(0, vocab_size, block_size))
    builder.finalize(index_file_path(prefix))
    written = np.arange(block_size) >= round(block_size * (1 - targets))
    np.save(f"{prefix}_targets.npy", np.packbits(np.tile(written, blocks)))
    return CodeBlockDataset(prefix, block_size, pad_token_id=0)


def gemm_peak(device: torch.device, size: int = 2048, tries: int = 8, dtype: torch.dtype = torch.float32) -> float:
    """FLOP/s of the fastest of some square matrix products; a first one is not counted."""
    left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    best = 0.0
    for count in range(tries + 1):
        started = time.perf_counter()
        float((left @ right)[0, 0])  # waits for the device
        if count:
            best = max(best, 2 * size**3 / (time.perf_counter() - started))
    return best


def peaks(sizes: list[int]) -> dict[str, float]:
    """FLOP/s of the fastest matrix product of these sizes, by dtype; without sizes whose products take over SLOW."""
    device, found = TrainingArguments("unused").device, {}
    for name in ("float32", "bfloat16"):
        best = 0.0
        for size in sizes:
            if not best or 2 * size**3 / best < SLOW:
                best = max(best, gemm_peak(device, size, dtype=getattr(torch, name)))
        found[name] = best
    return found


def main(argv: list[str] | None = None) -> int:
    job = json.loads((sys.argv[1:] if argv is None else argv)[0])
    if job["kind"] == "shards":
        random_dataset(Path(job["folder"]), *job["shape"])
        answer = {}
    else:
        answer = peaks(job["sizes"]) if job["kind"] == "gemm" else train(job)
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
