"""Judge samples by running their tests in a sandbox.

    evaluate_functional_correctness results/Pandas/x/n200.samples.jsonl -d Pandas --k 1,10,100
    evaluate_functional_correctness --check_references -d Numpy --libs pandas==1.5.3,numpy==1.23.5

Writes X_results.jsonl (the samples with "passed" and "result") and X_metrics.json beside X.samples.jsonl. A killed run
goes on where it was; a finished one is not repeated.
"""

import argparse
import math
import os
import sys
from pathlib import Path

from pandas_numpy_eval import data, libs
from pandas_numpy_eval.data import ProblemFileError
from pandas_numpy_eval.evaluation import Evaluation, Settings, stem_of
from pandas_numpy_eval.execution import Limits
from pandas_numpy_eval.libs import LibsError
from pandas_numpy_eval.samples import SampleFileError, parse_line
from pandas_numpy_eval.sandbox import LAYERS, OPEN, SandboxError


def _numbers(text: str) -> tuple[int, ...]:
    try:
        found = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        found = (0,)
    if found[0] < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers from 1 on, such as 1,10,100")
    return found


def _above(kind: type, least: float):
    def parse(text: str):
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not least <= value < math.inf:
            raise argparse.ArgumentTypeError(f"{text!r} is no {kind.__name__} from {least} on")
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
    add("samples", nargs="?", type=Path, metavar="SAMPLES.jsonl", help="samples: task_id, completion, sample_id, ...")
    add(
        "-d",
        "--problem_file",
        help=f"{', '.join(data.NAMES)} or a .jsonl file (default: the one with the samples' ids)",
    )
    add("--k", type=_numbers, default=(1, 10, 100), help="the k of pass@k, those up to the samples per task count")
    add("--n_workers", type=_above(int, 1), default=cores, help=f"programs run at a time (default {cores})")
    add("--timeout", type=_above(float, 0.01), default=3.0, help="seconds a program may take (default 3.0)")
    add("--timer", choices=("cpu", "wall"), default="cpu", help="what they are: of CPU time, imports excluded, or wall")
    add("--wall_timeout", type=_above(float, 0.01), help="with --timer cpu: outer wall limit (default 10 x timeout)")
    add("--memory_gb", type=_above(float, 0.5), default=4.0, help="address space of a program in GiB (default 4)")
    add("--python", help="interpreter of the code under test, with its libraries (default: this one)")
    add(
        "--libs",
        help="library versions, as pandas==1.5.3,numpy==1.23.5: run in a kept environment of --python with them",
    )
    add("--limit", type=_above(int, 1), help="evaluate the first so many problems only")
    add("--ignore_incomplete", action="store_true", help="go on without missing tasks, unknown ids and bad lines")
    add("--check_references", action="store_true", help="run the canonical solutions only; exit 1 if one fails")
    add(
        "--sandbox", choices=("auto", *LAYERS), default="auto", help="sandbox layer (default: the strongest that works)"
    )
    add("--unsafe", action="store_true", help="where no sandbox works, run the code without one")
    add("-o", "--out_prefix", help="write PREFIX_results.jsonl and PREFIX_metrics.json (default: beside the samples)")
    args = parser.parse_args(argv)
    if not args.samples and not (args.check_references and args.problem_file):
        parser.error("give a sample file, or --check_references with -d")
    if args.sandbox == "none" and not args.unsafe:
        parser.error("--sandbox none needs --unsafe")
    return args


def find_problem_file(args: argparse.Namespace) -> Path:
    """The problem file asked for, or the known one that has the first sample's task."""
    if args.problem_file:
        return data.resolve_problem_file(args.problem_file)
    _, line = next(data.open_lines(args.samples), (0, b""))
    for name in data.NAMES:
        try:
            path = data.resolve_problem_file(name)
        except ProblemFileError:
            continue
        if parse_line(line, data.read_problems(path))[0]:
            return path
    raise ProblemFileError(f"{args.samples}: no known problem file has its first task; choose one with -d")


def summary(metrics: dict) -> str:
    """What a person wants to know, a few lines."""
    benchmark, ceiling = metrics["benchmark"], metrics["ceiling"]
    lines = [f"{benchmark['name']} ({benchmark['sha256'][:12]}): {benchmark['evaluated']} of {benchmark['problems']}"]
    lines[0] += f" problems, {metrics['n']} samples each"
    for key in (key for key in metrics if key.startswith("pass@") and key != "pass@k_passable"):
        passable = metrics["pass@k_passable"].get(key)
        line = f"  {key:<9}{_score(metrics[key])}"
        if passable and ceiling["failing"]:
            line += f"; over the {metrics['pass@k_passable']['tasks']} passable tasks {_score(passable)}"
        lines.append(line)
    lines.append("  verdicts " + ", ".join(f"{kind} {count}" for kind, count in metrics["verdicts"].items()))
    if metrics["skipped"] or metrics["missing"]:
        left_out = [f"{reason} {count}" for reason, count in metrics["skipped"].items()]
        lines.append("  left out " + ", ".join([*left_out, f"tasks without samples {len(metrics['missing'])}"]))
    return "\n".join([*lines, *_circumstances(metrics)])


def _score(entry: dict) -> str:
    return f"{entry['value']:.4f}  [{entry['ci95'][0]:.4f}, {entry['ci95'][1]:.4f}]"


def _circumstances(metrics: dict) -> list[str]:
    """Ceiling, known defects, versions and sandbox as lines."""
    ceiling, defects = metrics["ceiling"], metrics["benchmark"]["known_defects"]
    lines = [f"  ceiling  {ceiling['value']:.4f}  ({ceiling['passing']} of {ceiling['references']} references pass)"]
    for failing in ceiling["failing"]:
        known = " [known defect]" if failing["task_id"] in defects else ""
        lines.append(f"    {failing['task_id']}: {failing['result'][:100]}{known}")
    for text in dict.fromkeys(defects.values()):
        tasks = ", ".join(task for task, told in defects.items() if told == text)
        lines.append(f"  defects  {tasks}: {text}")
    lines.append(
        "  versions " + ", ".join(f"{name} {version or '(none)'}" for name, version in metrics["versions"].items())
    )
    still_open = f" (open: {metrics['sandbox']['open']})" if metrics["sandbox"]["open"] else ""
    return [*lines, f"  sandbox  {metrics['sandbox']['layer']}{still_open}"]


def evaluate(args: argparse.Namespace) -> int:
    settings = Settings(
        problem_file=find_problem_file(args),
        ks=args.k,
        limits=Limits(args.timeout, args.timer, args.wall_timeout, args.memory_gb),
        workers=args.n_workers,
        python=libs.environment(args.libs, args.python) if args.libs is not None else args.python,
        limit=args.limit,
        ignore_incomplete=args.ignore_incomplete,
        layer=args.sandbox,
        unsafe=args.unsafe,
    )
    evaluation = Evaluation(settings)
    if args.check_references:
        found = evaluation.check_references()
        print(f"{found['benchmark']['name']} ({found['benchmark']['sha256'][:12]})")
        print("\n".join(_circumstances(found)))
        return 1 if found["ceiling"]["failing"] else 0
    prefix = Path(args.out_prefix) if args.out_prefix else stem_of(args.samples)
    prefix.parent.mkdir(parents=True, exist_ok=True)
    metrics, up_to_date = evaluation.run(args.samples, prefix)
    if metrics["sandbox"]["layer"] == "none":
        print(f"warning: no sandbox, open was {OPEN['none']}", file=sys.stderr)
    print(summary(metrics))
    print(f"{prefix}_metrics.json is up to date" if up_to_date else f"wrote {prefix}_results.jsonl and _metrics.json")
    return 0


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        return evaluate(args)
    except (ProblemFileError, SampleFileError, SandboxError, LibsError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
