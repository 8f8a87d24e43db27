"""Training speed and memory: ways to train one model, each run in a process of its own, in turns (A B C A B C ...).

    python -m benchmarks.bench_train --rounds 2                        # all weights, and LoRA 16 with either loss
    python -m benchmarks.bench_train --train all --rounds 2            # all weights alone
    python -m benchmarks.bench_train --losses --train_file PREFIX      # loss curves of fp32 and bf16
    python -m benchmarks.bench_train --profile                         # where the time of one step goes

Ways: `fp32-before` has logits of all tokens at once and glibc's own settings, as before the chunked loss; `fp32`, `bf16`
and the same compiled (`--torch_compile true`) are what run_training_cert.sh runs now; `bf16-bare` is a plain PyTorch loop
with the same model, loss and batches. Rates count all tokens of a block, with a loss or not. Achieved FLOP/s are those of
the model's arithmetic (`nl2code.flops`, the output layer only where there is a label); the peak is that of the fastest
product of 1,024, 2,048 or 4,096, in either dtype. Peak memory is that of the process, without compiler processes.
Without --train_file, blocks are random tokens, which is enough for speed. Run it alone on the machine. Prints Markdown
and writes JSON.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.bench_generation import spread
from nl2code.errors import UserError, exit_status
from nl2code.models import find_folder
from scripts.file_utils import PROJECT_ROOT, git_revision, versions, write_json
from scripts.presets import typed_names

RESULTS = Path(__file__).resolve().parent / "results"
WAYS = {
    "fp32-before": {"flags": ["--precision", "fp32"], "whole_logits": True, "keep_memory": False},
    "fp32": {"flags": ["--precision", "fp32"]},
    "fp32-compiled": {"flags": ["--precision", "fp32", "--torch_compile", "true"]},
    "bf16": {"flags": ["--precision", "bf16"]},
    "bf16-compiled": {"flags": ["--precision", "bf16", "--torch_compile", "true"]},
    "bf16-bare": {"flags": ["--precision", "bf16"], "kind": "bare"},
}
SPEED_WAYS = {"all": list(WAYS), "lora": ["fp32-before", "bf16", "bf16-compiled", "bf16-bare"]}
PROFILE_WAYS = ["fp32-before", "bf16", "bf16-compiled"]
UNUSED = {"losses": {"ways", "rounds", "warmup"}, "profile": {"rounds", "steps"}}  # flags by part
GEMM_SIZES = (1024, 2048, 4096)
WINDOW = 20  # steps of the running mean of losses


def run_job(job: dict, keep_memory: bool = True) -> dict:
    """The answer of `train_contestants` to a job, in a new process; with the allocator settings of the shells, or without.

    Raises:
        UserError: the process failed; its last lines are on stderr.
    """
    shell = f'. scripts/common.sh; {"keep_memory; " if keep_memory else ""}exec "$@"'
    command = ["bash", "-c", shell, "bench_train", sys.executable]
    command += ["-m", "benchmarks.train_contestants", json.dumps(job)]
    own = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run(command, cwd=PROJECT_ROOT, env=own, capture_output=True, text=True)
    if done.returncode:
        sys.stderr.write(done.stderr[-4000:])
        raise UserError(f"a {job['kind']} run ended with status {done.returncode}; its last lines are above")
    return json.loads(done.stdout.strip().rpartition("\n")[2])


def train_job(args: argparse.Namespace, folder: Path, training: str, loss_on: str, way: str, **changes) -> dict:
    """The job of one run, and what it is called."""
    flags = ["--model_name_or_path", args.model, "--train_file", str(args.train_file or folder / "train")]
    flags += ["--block_size", str(args.block_size), "--per_device_train_batch_size", str(args.batch)]
    flags += ["--learning_rate", str(args.learning_rate), "--report_to", "none", "--disable_tqdm", "true"]
    flags += ["--loss_on", loss_on, "--output_dir", str(folder / "run")]
    flags += ["--lora_r", "16"] if training == "lora" else []
    job = {"kind": "train", "steps": args.steps, "warmup": args.warmup, "whole_logits": False, **WAYS[way], **changes}
    return job | {"flags": [*job["flags"], *flags]}


def run_way(args: argparse.Namespace, folder: Path, case: tuple[str, str], way: str, **changes) -> dict:
    job = train_job(args, folder, *case, way, **changes)
    found = run_job(job, job.pop("keep_memory", True))
    rate = f"{found['tokens_per_second']:.1f} tokens/s, {found['peak_memory_gib']:.2f} GiB"
    print(f"{' '.join(case)} {way}: {rate}", file=sys.stderr, flush=True)
    return {"training": case[0], "loss_on": case[1], "way": way, **found}


def cases(args: argparse.Namespace) -> list[tuple[str, str]]:
    """(all or lora, loss on which tokens)."""
    found = [("all", "all")] if "all" in args.train else []
    return found + [("lora", loss_on) for loss_on in args.loss_on if "lora" in args.train]


def ways_of(args: argparse.Namespace, training: str) -> list[str]:
    """The ways to measure."""
    known = PROFILE_WAYS if args.profile else SPEED_WAYS[training]
    return [way for way in known if not args.ways or way in args.ways]


def speeds(args: argparse.Namespace, folder: Path) -> dict:
    """Rounds of all ways, in turns, with the peak of matrix products measured in each round."""
    runs, peaks = [], []
    for turn in range(args.rounds):
        peaks.append(run_job({"kind": "gemm", "sizes": GEMM_SIZES}))
        for case in cases(args):
            runs += [run_way(args, folder, case, way) | {"round": turn} for way in ways_of(args, case[0])]
    best = {dtype: max(found[dtype] for found in peaks) / 1e9 for dtype in ("float32", "bfloat16")}
    print(speed_table(runs, max(best.values())))
    print(f"\nPeak of matrix products: {best['bfloat16']:.0f} GFLOP/s in bfloat16, {best['float32']:.0f} in float32")
    return {"runs": runs, "gemm_flops": peaks}


def speed_table(runs: list[dict], peak: float) -> str:
    """Markdown: medians and ranges over rounds; ratios are those of one round each.

    Args:
        runs: answers of all runs, with training, loss_on, way and round.
        peak: GFLOP/s of the fastest product.
    """
    head = "| training | loss on | way | tokens/s | by the first way | by the bare loop | share of the peak |"
    lines = [f"{head} peak memory, GiB | first step, s |", "| --- " * 9 + "|"]
    groups: dict[tuple, list[dict]] = {}
    for run in runs:
        groups.setdefault((run["training"], run["loss_on"], run["way"]), []).append(run)
    for (training, loss_on, way), found in groups.items():
        first = next(key for key in groups if key[:2] == (training, loss_on))
        cells = [spread([run["tokens_per_second"] for run in found], ".0f")]
        for other in (first, (training, loss_on, "bf16-bare")):
            pairs = zip(found, groups.get(other, []), strict=False)
            ratios = [mine["tokens_per_second"] / theirs["tokens_per_second"] for mine, theirs in pairs]
            comparable = ratios and other[2] != way and (other == first or way == "bf16")
            cells.append(spread(ratios) if comparable else "")
        achieved = [run["tokens_per_second"] * run["flops_per_token"] / 1e9 / peak for run in found]
        cells.append(spread(achieved, ".1%"))
        cells.append(spread([run["peak_memory_gib"] for run in found]))
        cells.append(spread([run["first_step_seconds"] for run in found], ".0f"))
        lines.append(f"| {training} | {loss_on} | {way} | {' | '.join(cells)} |")
    return "\n".join(lines)


def losses(args: argparse.Namespace, folder: Path) -> dict:
    """Loss curves of fp32 and bf16 on the same blocks in the same order."""
    found = {way: run_way(args, folder, cases(args)[0], way, warmup=0) for way in ("fp32", "bf16")}
    means = {way: running_mean(run["losses"]) for way, run in found.items()}
    gaps = [abs(low / high - 1) for high, low in zip(means["fp32"], means["bf16"], strict=True)]
    first, last = (f"| {means['fp32'][k]:.4f} | {means['bf16'][k]:.4f} |" for k in (0, -1))
    print(f"| steps | fp32 | bf16 |\n| --- | --- | --- |\n| first {WINDOW} {first}")
    print(f"| last {WINDOW} of {args.steps} {last}")
    print(f"\nLargest relative difference of a running mean of {WINDOW} steps: {max(gaps):.3%}")
    return {"runs": list(found.values()), "largest_relative_difference": max(gaps)}


def running_mean(values: list[float], window: int = WINDOW) -> list[float]:
    """Means of each `window` values that follow each other; of all of them where there are fewer.

    >>> running_mean([1, 3, 5], 2)
    [2, 4]
    """
    window = min(window, len(values))
    return [statistics.mean(values[end - window : end]) for end in range(window, len(values) + 1)]


def profiles(args: argparse.Namespace, folder: Path) -> dict:
    """One step of each way by kind of work."""
    runs = []
    for case in cases(args):
        ways = ways_of(args, case[0])
        found = [run_way(args, folder, case, way, kind="profile", steps=1) for way in ways]
        print(f"\nOne step, {' '.join(case)}: milliseconds and share\n\n| work | {' | '.join(ways)} |")
        print("| --- " * (1 + len(ways)) + "|")
        totals = [sum(run["profile"].values()) for run in found]
        for group in found[0]["profile"]:
            times = [run["profile"][group] for run in found]
            cells = [f"{time:.0f} ({time / total:.0%})" for time, total in zip(times, totals, strict=True)]
            print(f"| {group} | {' | '.join(cells)} |")
        print(f"| all | {' | '.join(f'{total:.0f}' for total in totals)} |")
        runs += found
    return {"runs": runs}


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--losses", action="store_true", help="compare loss curves of fp32 and bf16 instead of speed")
    part.add_argument("--profile", action="store_true", help="say where the time of one step goes instead of speed")
    add("--model", default="smollm2-135m", help="folder, name under models/, or hub id (default smollm2-135m)")
    add("--train_file", type=Path, help="prefix of shards (default: random tokens)")
    trainings = {"nargs": "+", "choices": ["all", "lora"]}
    add("--train", default=["all", "lora"], help="all weights, LoRA of rank 16 (default: both)", **trainings)
    losses_on = {"nargs": "+", "choices": ["targets", "all"]}
    add("--loss_on", default=["targets", "all"], help="tokens with a loss, for LoRA (default: both)", **losses_on)
    add("--ways", nargs="+", choices=list(WAYS), help="measure these ways alone (default: all)")
    add("--targets_share", type=float, default=0.4, help="share of targets among random tokens (default 0.4)")
    add("--block_size", type=int, default=512, help="tokens per block (default 512)")
    add("--batch", type=int, default=4, help="blocks per step (default 4)")
    add("--steps", type=int, default=4, help="timed steps of a run; with --losses, all steps (default 4)")
    add("--warmup", type=int, default=1, help="steps before them that are not timed (default 1)")
    add("--rounds", type=int, default=2, help="runs of each way (default 2)")
    add("--learning_rate", type=float, default=1e-4, help="highest learning rate (default 1e-4)")
    add("--output", type=Path, help="results file (default: benchmarks/results/train[_losses|_profile].json)")
    args = parser.parse_args(argv)
    typed = typed_names(parser, args, argv)
    for name in (name for part, names in UNUSED.items() if getattr(args, part) for name in sorted(names & typed)):
        parser.error(f"--{name} changes nothing for {'--losses' if args.losses else '--profile'}; leave it out")
    for training in args.train:
        lacking = set(args.ways or ()) - set(ways_of(args, training))
        if lacking:
            known = ", ".join(PROFILE_WAYS if args.profile else SPEED_WAYS[training])
            parser.error(f"--ways {min(lacking)}: --train {training} has {known}; give some of these")
    return args


def work(args: argparse.Namespace) -> None:
    part, suffix = (losses, "_losses") if args.losses else (profiles, "_profile") if args.profile else (speeds, "")
    if args.losses and not args.train_file:
        raise UserError("--losses needs --train_file, the prefix of shards: random tokens teach nothing")
    config = find_folder(args.model, "config.json")
    if config is None:
        raise UserError(f"--model {args.model}: no folder with a config.json; see `python -m scripts.fetch_model`")
    output = args.output or RESULTS / f"train{suffix}.json"
    with tempfile.TemporaryDirectory() as folder:
        vocabulary = json.loads((config / "config.json").read_text())["vocab_size"]
        blocks = args.batch * (args.steps + args.warmup)
        shape = [vocabulary, args.block_size, blocks, args.targets_share]
        if not args.train_file:
            run_job({"kind": "shards", "folder": folder, "shape": shape})
        found = part(args, Path(folder))
    arguments = json.loads(json.dumps(vars(args), default=str))
    write_json(output, {"arguments": arguments, **found, "versions": versions(), "git_revision": git_revision()})
    print(f"\nwrote {output}")


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    return exit_status(lambda: work(args))


if __name__ == "__main__":
    sys.exit(main())
