"""Training and sampling on one GPU, in minutes: correctness first, then speed and memory. `benchmarks/one_gpu.sh` starts it.

    PYTHONPATH=.:pandas-numpy-eval python -m benchmarks.one_gpu --pack pack/joined
    PYTHONPATH=.:pandas-numpy-eval python -m benchmarks.one_gpu --size small     # a tiny random model, for CPUs, seconds

Checks: greedy samples equal `generate`; losses equal those of the CPU within 1e-3; losses after a resumption equal those
of an uninterrupted run within 1e-3. Training: tokens/s and share of the bfloat16 peak, of full and LoRA training, with
the chunked loss or whole logits, with torch.compile, with the flash kernel alone (SDPA chooses otherwise). Sampling:
samples/s by batch size, 200 samples of 101 problems at T 0.2, shares of time (prefill, decode, draw, rows of the cache,
host). Each measurement has a time limit of its own. The JSON file is written after each one, so that a killed run keeps
what it has. Exit status 1: a check is wrong, or a measurement failed.
"""

import argparse
import contextlib
import gc
import io
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks import gpu_measurements as gpu
from benchmarks.gpu_measurements import Setup
from benchmarks.time_limit import OutOfTime, time_limit
from benchmarks.train_contestants import peak_memory
from nl2code.errors import UserError, exit_status, first_line
from scripts.file_utils import git_revision, versions, write_json

RESULT = Path(__file__).resolve().parent / "results" / "one_gpu.json"


def plan(setup: Setup) -> dict[str, tuple[float, Callable[[float], dict]]]:
    """Name of each measurement: its limit in seconds, and what it does within them; in order."""
    rungs = {f"sample_batch_{size}": (40, lambda _, size=size: gpu.rung(setup, size)) for size in setup.ladder}
    return {
        "greedy_equals_generate": (40, lambda _: gpu.greedy(setup)),
        "losses_equal_cpu": (60, lambda _: gpu.losses(setup)),
        "peak": (20, lambda _: gpu.peak(setup)),
        "train_full": (45, lambda _: gpu.train(setup)),
        "train_lora": (45, lambda _: gpu.train(setup, lora=16)),
        **rungs,
        "sample_protocol": (120, lambda seconds: gpu.protocol(setup, seconds)),
        "sample_time_split": (40, lambda _: gpu.split(setup)),
        "resume": (60, lambda _: gpu.resume(setup)),
        "train_full_compiled": (90, lambda _: gpu.train(setup, compiled=True)),
        "train_full_flash": (30, lambda _: gpu.train(setup, flash=True)),
        "train_full_whole_logits": (30, lambda _: gpu.train(setup, chunked=False)),
        "train_lora_compiled": (90, lambda _: gpu.train(setup, lora=16, compiled=True)),
    }


def measure(work: Callable[[float], dict], seconds: float, on_gpu: bool) -> dict:
    """What a measurement found, with its status, seconds and peak memory."""
    gc.collect()
    torch.compiler.reset()
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    try:
        with time_limit(seconds), contextlib.redirect_stdout(io.StringIO()):  # the Trainer prints every step
            figures = {"status": "ok"} | work(seconds)
    except OutOfTime:
        figures = {"status": "out of time", "limit": seconds}
    except Exception as error:  # told in the table; the others go on
        figures = {"status": "failed", "error": f"{type(error).__name__}: {first_line(error)}"[:300]}
    memory = torch.cuda.max_memory_allocated() / 2**30 if on_gpu else peak_memory()
    return figures | {"seconds": time.perf_counter() - started, "peak_gib": memory}


def shown(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.4g}"


def table(found: dict[str, dict]) -> str:
    lines = []
    for name, row in found.items():
        rest = ", ".join(f"{key} {shown(value)}" for key, value in row.items() if key not in ("status", "seconds"))
        lines.append(f"{name:24} {row['status']:12} {shown(row.get('seconds', 0.0)):>7} s   {rest}")
    return "\n".join(lines)


def small_setup(folder: Path, device: str, model: str | None) -> Setup:
    """The variant for CPUs: without `model`, a tiny random Llama."""
    if model is None:
        from tests import tiny

        model, tokenizer = str(folder / "tiny"), tiny.tiny_tokenizer()
        tiny.tiny_model(tokenizer, context=1024, architecture="llama").save_pretrained(model)
        tokenizer.save_pretrained(model)
    sizes = {"block": 64, "batch": 2, "steps": 6, "n": 4, "problems": 3, "new_tokens": 8, "ladder": (2, 4), "gemm": 256}
    return Setup(device, model, folder, compiler="aot_eager", **sizes)


def run(args: argparse.Namespace, folder: Path) -> int:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    size = ("full" if device == "cuda" else "small") if args.size == "auto" else args.size
    if size == "full" and device == "cpu":
        raise UserError("--size full needs a GPU, torch sees none; use --size small")
    model = args.model or (str(args.pack / "model") if args.pack else None)
    name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    if size == "small":
        setup = small_setup(folder, device, model)
        print(f"small variant on {name}: it shows that all parts run; its speeds say nothing about a GPU")
    else:
        setup = Setup(device, model or "smollm2-135m", folder)
        print(f"full variant on {name}, {args.seconds:.0f} s at most")
    if args.pack and (args.pack / "shards/train.idx").is_file():
        setup.shards = args.pack / "shards/train"
    facts = {"size": size, "device": name, "model": setup.model, "training_data": str(setup.shards or "random tokens")}
    facts |= {"sizes": {key: getattr(setup, key) for key in ("block", "batch", "steps", "n", "problems", "new_tokens")}}
    facts |= {"cuda": torch.version.cuda, "versions": versions(), "git_revision": git_revision()}
    works, started = plan(setup), time.perf_counter()
    setup.found = {name: {"status": "not run"} for name in works}
    for name, (limit, work) in works.items():
        left = args.seconds - (time.perf_counter() - started)
        if left > 1:
            # The small variant runs on machines that are busy with other work.
            setup.found[name] = measure(work, min(limit, left) if size == "full" else left, setup.on_gpu)
            print(table({name: setup.found[name]}), file=sys.stderr, flush=True)
        write_json(args.output, {**facts, "measurements": setup.found})
    print(table(setup.found))
    print(f"wrote {args.output}")
    return int(any(row["status"] in ("wrong", "failed") for row in setup.found.values()))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--size", choices=["auto", "full", "small"], default="auto", help="auto: full on a GPU, else small (default)")
    add("--pack", type=Path, help="folder that `pack_for_gpu join` unpacked: model and shards (default: none)")
    model = "folder, name under models/, hub id (default: the pack's, else smollm2-135m, or a tiny random one)"
    add("--model", help=model)
    add("--seconds", type=float, default=510, help="limit of all measurements together (default: 510)")
    add("--output", type=Path, default=RESULT, help="results file (default: benchmarks/results/one_gpu.json)")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        return exit_status(lambda: run(args, Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
