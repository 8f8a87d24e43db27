"""Training speed: our Trainer against a bare PyTorch loop on the same batches, and the share of this machine's peak.

    python -m benchmarks.bench_train --model smollm2-135m --block_size 256 --batch 4 --steps 8 --rounds 3
    python -m benchmarks.bench_train --tiny --steps 5 --rounds 2          # a small random model, seconds

The two take turns (A B A B ...); each turn has a new optimizer and one warm-up step that is not timed. The bare loop does
forward, backward, gradient clipping, AdamW and the scheduler, nothing else. Achieved FLOP/s are those of the model's
arithmetic (`nl2code.flops`); the peak is the fastest of several large matrix products of the same dtype. Run it alone on
the machine. Prints median and range of the ratio and writes benchmarks/results/train.json.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    TrainerCallback,
    TrainingArguments,
    default_data_collator,
    get_scheduler,
)

from nl2code.code_dataset import CodeBlockDataset
from nl2code.flops import training_flops_per_token
from nl2code.hf_trainer import CertTrainer
from nl2code.indexed_dataset import MMapIndexedDatasetBuilder, data_file_path, index_file_path
from scripts.file_utils import git_revision, versions, write_json
from scripts.training.starting_model import starting_model

RESULT = Path(__file__).resolve().parent / "results" / "train.json"


def tiny_model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    sizes = {"hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4}
    return LlamaForCausalLM(LlamaConfig(vocab_size=2000, **sizes))


def random_dataset(folder: Path, vocab_size: int, block_size: int, blocks: int) -> CodeBlockDataset:
    """Full blocks of random tokens."""
    rng = np.random.default_rng(0)
    builder = MMapIndexedDatasetBuilder(
        data_file_path(folder / "train"), np.uint16 if vocab_size < 65_500 else np.int32
    )
    for _ in range(blocks):
        builder.add_item(rng.integers(0, vocab_size, block_size))
    builder.finalize(index_file_path(folder / "train"))
    return CodeBlockDataset(folder / "train", block_size, pad_token_id=0)


class Stopwatch(TrainerCallback):
    """Seconds from the end of the first step to the end of the last."""

    def __init__(self):
        self.times: list[float] = []

    def on_step_end(self, args, state, control, **kwargs):
        self.times.append(time.perf_counter())

    @property
    def seconds(self) -> float:
        return self.times[-1] - self.times[0]


def train_with_trainer(model, dataset: CodeBlockDataset, options: TrainingArguments) -> float:
    watch = Stopwatch()
    CertTrainer(model=model, args=options, train_dataset=dataset, callbacks=[watch]).train()
    return watch.seconds


def train_bare(model, dataset: CodeBlockDataset, options: TrainingArguments) -> float:
    device = options.device
    model.to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.learning_rate, weight_decay=0.0, fused=True)
    schedule = get_scheduler("linear", optimizer, 0, options.max_steps)
    watch, batch = Stopwatch(), options.per_device_train_batch_size
    for step in range(options.max_steps):
        rows = [dataset[index] for index in range(step * batch, (step + 1) * batch)]
        inputs = {name: tensor.to(device) for name, tensor in default_data_collator(rows).items()}
        loss = model(**inputs).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), options.max_grad_norm)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        loss.item()
        watch.on_step_end(None, None, None)
    return watch.seconds


def gemm_peak(device: torch.device, size: int = 2048, tries: int = 8) -> float:
    """FLOP/s of the fastest of some square float32 matrix products."""
    left, right = torch.randn(size, size, device=device), torch.randn(size, size, device=device)
    best = 0.0
    for _ in range(tries):
        started = time.perf_counter()
        float((left @ right)[0, 0])  # waits for the device
        best = max(best, 2 * size**3 / (time.perf_counter() - started))
    return best


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model", default="smollm2-135m", help="folder, name under models/, hub id (default: smollm2-135m)"
    )
    parser.add_argument("--tiny", action="store_true", help="use a small random model instead")
    parser.add_argument("--block_size", type=int, default=256, help="tokens per block (default: 256)")
    parser.add_argument("--batch", type=int, default=4, help="blocks per step (default: 4)")
    parser.add_argument("--steps", type=int, default=8, help="steps per turn; the first is not timed (default: 8)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each loop (default: 3)")
    parser.add_argument(
        "--output", type=Path, default=RESULT, help="results file (default: benchmarks/results/train.json)"
    )
    args = parser.parse_args(argv)
    model = tiny_model() if args.tiny else starting_model(args.model)
    tokens = args.batch * args.block_size * (args.steps - 1)
    speeds: dict[str, list[float]] = {"trainer": [], "bare": []}
    with tempfile.TemporaryDirectory() as folder:
        dataset = random_dataset(Path(folder), model.config.vocab_size, args.block_size, args.batch * args.steps)
        options = {"max_steps": args.steps, "per_device_train_batch_size": args.batch, "learning_rate": 1e-5}
        options |= {"save_strategy": "no", "logging_steps": 1, "report_to": "none", "disable_tqdm": True}
        for _ in range(args.rounds):
            for name, contestant in (("trainer", train_with_trainer), ("bare", train_bare)):
                settings = TrainingArguments(
                    folder, dataloader_pin_memory=False, include_num_input_tokens_seen="non_padding", **options
                )
                speeds[name].append(tokens / contestant(model, dataset, settings))
    peak = gemm_peak(settings.device)
    ratios = [mine / other for mine, other in zip(speeds["trainer"], speeds["bare"], strict=True)]
    achieved = statistics.median(speeds["trainer"]) * training_flops_per_token(model, args.block_size)
    for name, found in speeds.items():
        print(f"{name:8} {statistics.median(found):9.1f} tokens/s   {[round(speed, 1) for speed in found]}")
    print(f"trainer / bare: {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")
    print(f"achieved {achieved / 1e9:.1f} GFLOP/s, {achieved / peak:.0%} of the measured {peak / 1e9:.1f} GFLOP/s peak")
    facts = {key: value if not isinstance(value, Path) else str(value) for key, value in vars(args).items()}
    facts |= {"threads": torch.get_num_threads(), "device": str(settings.device)}
    results = {"tokens_per_second": speeds, "ratios": ratios, "achieved_flops": achieved, "gemm_peak_flops": peak}
    write_json(args.output, {**facts, **results, "versions": versions(), "git_revision": git_revision()})
    print(f"wrote {args.output}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
