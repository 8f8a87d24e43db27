"""How many samples a second the engine draws, beside the original's procedure, in turns (A B C A B C ...).

    python -m benchmarks.bench_generation --problems 101 --rounds 2
    python -m benchmarks.bench_generation --steps_only                # one decoding step against its multiplications
    python -m benchmarks.bench_generation --ways "engine auto" llama.cpp   # after pip install llama-cpp-python

Ways, each in a process of its own: `engine float32`, `engine auto` (the dtype of `--dtype auto`, packed weights),
`original`: transformers' generate in float32, one prompt at a time, at most 50 sequences a call, 100 new tokens each, cut
afterwards; and, where it is asked for, `llama.cpp` (`llama_contestant.py`): the default base in bfloat16. The original and
float32 are slow: they get fewer problems, spread evenly over those of --problems, and rates per sample are compared.
The table of steps is one decoding step of the engine, sampling included, against the matrix multiplications in it, run
alone on inputs of the same shapes: packed as the engine has them, and as torch.nn.Linear has them. Run it alone on the
machine. Prints Markdown and writes benchmarks/results/generation.json.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from nl2code.errors import UserError, exit_status
from scripts.file_utils import PROJECT_ROOT, git_revision, versions, write_json

sys.path.append(str(PROJECT_ROOT / "pandas-numpy-eval"))

RESULT = Path(__file__).resolve().parent / "results" / "generation.json"
WAYS = {
    "engine float32": {"kind": "engine", "dtype": "float32"},
    "engine auto": {"kind": "engine", "dtype": "auto"},
    "original": {"kind": "original", "dtype": "float32"},
    "llama.cpp": {"kind": "llama.cpp", "rows": 64},
}


def run_job(job: dict) -> dict:
    """The answer of `generation_contestants` to a job, in a new process.

    Raises:
        UserError: the process failed; its last lines are on stderr.
    """
    command = [sys.executable, "-m", "benchmarks.generation_contestants", json.dumps(job)]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.stderr.write(done.stderr[-4000:])
        raise UserError(f"a run of kind {job['kind']} ended with status {done.returncode}; its last lines are above")
    return json.loads(done.stdout.strip().rpartition("\n")[2])


def evenly(values: list, count: int) -> list:
    """`count` of the values, at even distances; all where there are fewer.

    >>> evenly([0, 1, 2, 3, 4, 5], 3)
    [0, 2, 4]
    """
    count = min(count, len(values))
    return [values[number * len(values) // count] for number in range(count)]


def compare(args: argparse.Namespace, prompts: list[str], common: dict) -> list[dict]:
    """Answers of all runs, in turns, with way, n and round."""
    limits = {"engine float32": args.float32_problems, "original": args.original_problems}
    runs = []
    for turn in range(args.rounds):
        for n in args.n:
            for way in args.ways:
                chosen = evenly(prompts, limits.get(way, len(prompts)))
                run = run_job({**common, **WAYS[way], "n": n, "prompts": chosen})
                runs.append({"way": way, "n": n, "round": turn, "problems": len(chosen), **run})
                print(f"{way}, n={n}: {run['samples'] / run['seconds']:.2f} samples/s", file=sys.stderr, flush=True)
    return runs


def spread(values: list[float], form: str = ".2f") -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def sample_table(runs: list[dict]) -> str:
    """Markdown: medians and ranges over rounds; ratios are those of one round each."""
    head = "| way | n | problems | samples/s | by the original | by llama.cpp | by the largest n | tokens/s |"
    lines = [f"{head} peak memory, GiB |", "| --- " * 9 + "|"]
    rates = {(run["way"], run["n"], run["round"]): run["samples"] / run["seconds"] for run in runs}
    rounds, largest = sorted({run["round"] for run in runs}), max(run["n"] for run in runs)
    for way, n in dict.fromkeys((run["way"], run["n"]) for run in runs):
        found = [run for run in runs if (run["way"], run["n"]) == (way, n)]
        cells = [spread([rates[way, n, turn] for turn in rounds])]
        for other in (("original", n), ("llama.cpp", n), (way, largest)):
            is_there = (*other, rounds[0]) in rates and other != (way, n)
            cells.append(spread([rates[way, n, k] / rates[*other, k] for k in rounds]) if is_there else "")
        cells.append(spread([run["tokens"] / run["seconds"] for run in found], ".0f"))
        cells.append(spread([run["peak_memory_gib"] for run in found]))
        lines.append(f"| {way} | {n} | {found[0]['problems']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def step_table(steps: list[dict]) -> str:
    lines = ["| batch | one step, ms | multiplications, ms | ratio | by torch.nn.Linear, ms | ratio |"]
    lines.append("| --- " * 6 + "|")
    for row in steps:
        cells = [spread([1000 * seconds for seconds in row["step"]], ".0f")]
        for way in ("packed", "linear"):
            cells.append(spread([1000 * seconds for seconds in row[way]], ".0f"))
            cells.append(spread([step / own for step, own in zip(row["step"], row[way], strict=True)]))
        lines.append(f"| {row['batch_size']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--model", default="smollm2-135m", help="folder, name under models/, or hub id (default smollm2-135m)")
    add("-d", "--domain", default="Pandas", help="problems (default Pandas)")
    add("--problems", type=int, default=101, help="problems of `engine auto`, the first ones (default 101)")
    add("--float32_problems", type=int, default=20, help="problems of `engine float32` (default 20)")
    add("--original_problems", type=int, default=2, help="problems of `original` (default 2)")
    add("--n", type=int, nargs="+", default=[5, 50], help="samples per problem (default 5 50)")
    ways = "what to measure (default: all but llama.cpp)"
    add("--ways", nargs="+", choices=list(WAYS), default=list(WAYS)[:-1], help=ways)
    add("--rounds", type=int, default=2, help="turns of each way (default 2)")
    add("--batch_sizes", type=int, nargs="+", default=[50], help="batch sizes of the step (default 50)")
    add("--temperature", type=float, default=0.2, help="of the samples (default 0.2)")
    add("--device", default="cpu", help="torch device (default cpu)")
    add("--dtype", default="auto", help="of the weights in the table of steps (default auto)")
    add("--steps_only", action="store_true", help="leave the table of samples out")
    add("--output", type=Path, default=RESULT, help="results file (default benchmarks/results/generation.json)")
    return parser.parse_args(argv)


def work(args: argparse.Namespace) -> None:
    from pandas_numpy_eval.data import read_problems, resolve_problem_file

    prompts = [problem["prompt"] for problem in read_problems(resolve_problem_file(args.domain)).values()]
    prompts = prompts[: args.problems]
    common = {"model": args.model, "device": args.device, "temperature": args.temperature}
    sizes = {"dtype": args.dtype, "batch_sizes": args.batch_sizes}
    steps = run_job({**common, "kind": "steps", "prompts": prompts[:1], **sizes})["steps"]
    runs = [] if args.steps_only else compare(args, prompts, common)
    print("\n\n".join([*([sample_table(runs)] if runs else []), step_table(steps)]))
    arguments = json.loads(json.dumps(vars(args), default=str))
    facts = {"versions": versions(), "git_revision": git_revision()}
    write_json(args.output, {"arguments": arguments, "samples": runs, "steps": steps, **facts})
    print(f"\nwrote {args.output}")


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    return exit_status(lambda: work(args))


if __name__ == "__main__":
    sys.exit(main())
