"""Judge samples by running their tests in a sandbox.

    evaluate_functional_correctness results/Pandas/x/n200.samples.jsonl -d Pandas --k 1,10,100
    evaluate_functional_correctness --check_references -d Numpy --libs pandas==1.5.3,numpy==1.23.5

Writes X_results.jsonl (the samples with "passed" and "result") and X_metrics.json beside X.samples.jsonl. The same
command resumes a killed run and does not repeat a finished one.
"""

import argparse
import math
import os
import sys
from contextlib import suppress
from pathlib import Path

from pandas_numpy_eval import data, libs
from pandas_numpy_eval.errors import EvaluationError, exit_status
from pandas_numpy_eval.evaluation import Evaluation, EvaluationSettings
from pandas_numpy_eval.execution import Limits
from pandas_numpy_eval.samples import open_samples, parse_sample, stem_of
from pandas_numpy_eval.sandbox import LAYERS, OPEN


def _list_of_k(text: str) -> tuple[int, ...]:
    """An argparse type: a comma list of whole numbers from 1 on."""
    try:
        found = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        found = (0,)
    if found[0] < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers from 1 on, such as 1,10,100")
    return found


def _from(least: float, kind: type = float, most: float = 1_000_000):
    """An argparse type: a number from `least` to `most`."""

    def parse(text: str):
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            whole = "whole " * (kind is int)
            raise argparse.ArgumentTypeError(f"{text!r} is not a {whole}number from {least} to {most}")
        return value

    return parse


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="evaluate_functional_correctness",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add, cores = parser.add_argument, len(os.sched_getaffinity(0))
    names, layers = ", ".join(data.NAMES), ("auto", *LAYERS)
    add("samples", nargs="?", type=Path, metavar="SAMPLES.jsonl", help="lines with task_id, completion, sample_id")
    add("-d", "--problem_file", help=f"{names} or a .jsonl file (default: the known one that has the first task_id)")
    add("--k", type=_list_of_k, help="values of k, up to the samples per task (default 1,10,100)")
    add("--n_workers", type=_from(1, int), default=cores, help=f"programs that run at a time (default {cores})")
    add("--timeout", type=_from(0.01), default=3.0, help="seconds that a program may take (default 3.0)")
    clock = "clock of --timeout: cpu (preloaded imports excluded) or wall (default cpu)"
    add("--timer", choices=("cpu", "wall"), default="cpu", help=clock)
    wall = "with --timer cpu: seconds of wall time that a program may take (default 10 x --timeout)"
    add("--wall_timeout", type=_from(0.01), help=wall)
    add("--memory_gb", type=_from(0.5), default=4.0, help="address space of a program in GiB (default 4)")
    add("--python", help="interpreter of the code under test, with its libraries (default: the running one)")
    add("--libs", help="library versions, such as pandas==1.5.3,numpy==1.23.5, installed once in an environment")
    limit = "evaluate the first LIMIT problems only (default: the limit that the samples were made with)"
    add("--limit", type=_from(1, int), help=limit)
    add("--ignore_incomplete", action="store_true", help="evaluate despite missing tasks, unknown ids and bad lines")
    check = "run canonical solutions; exit 1 if a task has none that passes"
    add("--check_references", action="store_true", help=check)
    add("--sandbox", choices=layers, default="auto", help="sandbox layer (default auto: the strongest that works)")
    add("--unsafe", action="store_true", help="run the code without a sandbox where none works")
    add("-o", "--out_prefix", help="write PREFIX_results.jsonl and PREFIX_metrics.json (default: beside the samples)")
    args = parser.parse_args(argv)
    if not args.samples and not (args.check_references and args.problem_file):
        parser.error("give a sample file, or --check_references with -d")
    if args.timer == "wall" and args.wall_timeout is not None:
        parser.error(f"--wall_timeout {args.wall_timeout:g} is for --timer cpu; give --timeout {args.wall_timeout:g}")
    idle = (
        {"--k": args.k, "--out_prefix": args.out_prefix, "--ignore_incomplete": args.ignore_incomplete}
        if args.check_references
        else {}
    )
    for flag in (flag for flag, value in idle.items() if value):
        parser.error(f"{flag} changes nothing with --check_references; leave it out")
    if args.sandbox == "none" and not args.unsafe:
        parser.error("--sandbox none needs --unsafe")
    return args


def find_problem_file(samples: data.Content) -> Path:
    """The known problem file that has the first sample's task."""
    number, line = next(samples.lines(), (0, b""))
    if not number:
        raise EvaluationError(f"{samples.path} is empty; give a file of samples")
    try:
        task = parse_sample(line)["task_id"]
    except ValueError as error:
        advice = "correct it, or choose the problems with -d"
        raise EvaluationError(f"{samples.path}:{number}: {error}; {advice}") from None
    for name in data.NAMES:
        with suppress(data.ProblemFileError):
            path = data.resolve_problem_file(name)
            if task in data.read_problems(path):
                return path
    raise EvaluationError(f"{samples.path}: no known problem file has its first task; choose one with -d")


def summary(metrics: dict) -> str:
    """Scores, verdicts, ceiling and circumstances as lines for a person."""
    benchmark, passable = metrics["benchmark"], metrics["pass@k_passable"]
    counts = [task["n"] for task in metrics["tasks"].values()]
    each = f"{'at least ' * (max(counts) > metrics['n'])}{metrics['n']} samples each"
    lines = [f"{_named(benchmark)}: {len(counts)} of {benchmark['problems']} problems, {each}"]
    for key in (key for key in metrics if key.startswith("pass@") and key != "pass@k_passable"):
        lines.append(f"  {key:<9}{_score(metrics[key])}")
        if key in passable and metrics["ceiling"]["failing"]:
            lines[-1] += f"; over the {passable['tasks']} passable tasks {_score(passable[key])}"
    skipped = [f"pass@{k}" for k in metrics["inputs"]["k"] if f"pass@{k}" not in metrics]
    if skipped:
        lines.append(f"  skipped  {', '.join(skipped)}: only {metrics['n']} samples per task")
    lines.append("  verdicts " + ", ".join(f"{kind} {count}" for kind, count in metrics["verdicts"].items()))
    if metrics["skipped"] or metrics["missing"]:
        left_out = [f"{reason} {count}" for reason, count in metrics["skipped"].items()]
        lines.append("  left out " + ", ".join([*left_out, f"tasks without samples {len(metrics['missing'])}"]))
    return "\n".join([*lines, *_circumstances(metrics)])


def _named(benchmark: dict) -> str:
    return f"{benchmark['name']} ({benchmark['sha256'][:12]})"


def _score(entry: dict) -> str:
    return f"{entry['value']:.4f}  [{entry['ci95'][0]:.4f}, {entry['ci95'][1]:.4f}]"


def _circumstances(metrics: dict) -> list[str]:
    """Ceiling, known defects, versions and sandbox as lines."""
    ceiling, defects, sandbox = metrics["ceiling"], metrics["benchmark"]["known_defects"], metrics["sandbox"]
    lines = [f"  ceiling  {ceiling['value']:.4f}  ({ceiling['passing']} of {ceiling['references']} references pass)"]
    for failing in ceiling["failing"]:
        known = " [known defect]" if failing["task_id"] in defects else ""
        lines.append(f"    {failing['task_id']}: {' '.join(failing['result'].split())[:100]}{known}")
    if any(failing["result"].startswith("ModuleNotFoundError") for failing in ceiling["failing"]):
        lines.append("    a module is missing: install it with --libs, or name a Python that has it with --python")
    for text in dict.fromkeys(defects.values()):
        tasks = ", ".join(task for task, defect in defects.items() if defect == text)
        lines.append(f"  defects  {tasks}: {text}")
    versions = ", ".join(f"{name} {version or '(none)'}" for name, version in metrics["versions"].items())
    still_open = f" (open: {sandbox['open']})" if sandbox["open"] else ""
    return [*lines, f"  versions {versions}", f"  sandbox  {sandbox['layer']}{still_open}"]


def evaluate(args: argparse.Namespace) -> int:
    samples = open_samples(args.samples) if args.samples else None
    known = None if args.problem_file or not samples else find_problem_file(samples)
    settings = EvaluationSettings(
        problem_file=known or data.resolve_problem_file(args.problem_file),
        ks=args.k or EvaluationSettings.ks,
        limits=Limits(args.timeout, args.timer, args.wall_timeout, args.memory_gb),
        workers=args.n_workers,
        python=libs.environment(args.libs, args.python) if args.libs is not None else args.python,
        limit=args.limit,
        ignore_incomplete=args.ignore_incomplete,
        layer=args.sandbox,
        unsafe=args.unsafe,
    )
    if args.check_references:
        found = Evaluation(settings, samples).check_references()
        print("\n".join([_named(found["benchmark"]), *_circumstances(found)]))
        return 1 if found["ceiling"]["failing"] else 0
    prefix = Path(args.out_prefix) if args.out_prefix else stem_of(args.samples)
    try:
        Path(os.path.realpath(prefix.parent)).mkdir(parents=True, exist_ok=True)  # a link's target may not exist yet
    except (FileExistsError, NotADirectoryError):
        raise EvaluationError(f"-o {prefix} lies below a file, not a folder; give another prefix") from None
    metrics, up_to_date = Evaluation(settings, samples).run(prefix)
    if metrics["sandbox"]["layer"] == "none":
        print(f"warning: the samples ran without a sandbox; open was {OPEN['none']}", file=sys.stderr)
    print(summary(metrics))
    print(f"{prefix}_metrics.json is up to date" if up_to_date else f"wrote {prefix}_results.jsonl and _metrics.json")
    return 0


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    return exit_status(lambda: evaluate(args))


if __name__ == "__main__":
    sys.exit(main())
