"""Measure sketcher and generator apart: drafts, sketches, pass@1 of every stage, likelihood of the references.

    python -m scripts.stage_metrics -sketcher S -generator G -base smollm2-135m -d PandasDev -o results/stages.json

Completions are greedy, one a problem, and run in the sandbox. The result is one JSON file with its record, all texts and
verdicts (docs/stage-metrics.md), and a Markdown table on the terminal. The same command does nothing where that file is
finished; a killed run begins again.
"""

import argparse
import os
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from nl2code.errors import UserError, exit_status
from nl2code.sampling.dtype import DTYPES, HELP, choose_dtype
from nl2code.sampling.prompts import BATCH_SIZE
from pandas_numpy_eval.data import resolve_problem_file, solutions_of
from pandas_numpy_eval.errors import EvaluationError
from pandas_numpy_eval.evaluation import Evaluation, EvaluationSettings
from pandas_numpy_eval.execution import Executor
from pandas_numpy_eval.journal import Journal
from pandas_numpy_eval.scoring import ceiling
from scripts.generating.backends import open_sampler
from scripts.generating.options import device, model_inputs, number, sketch_operation
from scripts.generating.served import is_served
from scripts.generating.stage_texts import CUTS, Stages, Task
from scripts.presets import HelpFormatter
from scripts.records import Record, read_record
from scripts.reporting.stages import markdown, row_of, summary
from scripts.sketches.sketch import OPERATIONS, sketch_of_completion

FORMAT = 3
DRAWS = {"temperature": 0.2, "top_p": 0.9, "seed": 42}  # defaults of what only sketches of -n 2 and more depend on
SETTINGS = ("num_samples", "temperature", "top_p", "max_tokens", "seed", "dtype", "batch_size")


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter, allow_abbrev=False)
    add, cores = parser.add_argument, len(os.sched_getaffinity(0))
    count, size = number(int, 1, 10**5), number(int, 1, 4096)
    model = "folder, name under models/, LoRA adapter, or hub id"
    add("-sketcher", "--sketcher_path", required=True, help=f"sketcher: {model}")
    add("-generator", "--generator_path", required=True, help=f"generator: {model}")
    add("-normal", "--normal_path", help=f"model of plain continual pre-training: {model} (default: none)")
    add("-base", "--base_path", help=f"base model: {model} (default: none)")
    add("-d", "--problems", default="PandasDev", help="benchmark: PandasDev, NumpyDev, ... or a .jsonl file")
    add("--limit", type=number(int, 0, 10**5), help="only the first LIMIT problems; 0: all (default: all)")
    draws = "sketches drawn per problem, the most frequent is compared with the references; 1: none is drawn"
    add("-n", "--num_samples", type=count, default=1, help=draws)
    t, p, seed = (f"(default: {value})" for value in DRAWS.values())
    add("-t", "--temperature", type=number(float, 0, 2), help=f"temperature of these draws {t}")
    add("-p", "--top_p", type=number(float, 1e-6, 1), help=f"probability mass of their nucleus sampling {p}")
    add("-l", "--max_tokens", type=size, default=100, help="maximum number of new tokens")
    add("--seed", type=number(int, 0, 2**63), help=f"random seed of these draws {seed}")
    add("--operation", choices=OPERATIONS, help="what sketches replace (default: the same as in training)")
    add("--dtype", choices=DTYPES, default="float32", help=HELP)
    add("--device", type=device, default="cpu", help="torch device")
    add("-b", "--batch_size", type=size, default=BATCH_SIZE, help="rows decoded together")
    add("--n_workers", type=number(int, 1, 1024), default=cores, help="programs that run at a time in the sandbox")
    add("-o", "--output", type=Path, required=True, help="JSON file of the result")
    parser.set_defaults(backend="torch")
    args = parser.parse_args(argv)
    for name, value in DRAWS.items():
        if getattr(args, name) is None:
            setattr(args, name, value)
        elif args.num_samples == 1:
            parser.error(f"--{name} is for sampled sketches, and --num_samples 1 samples none; leave it out")
    args.dtype = choose_dtype(args.dtype, args.device)
    return args


def tasks_of(evaluation: Evaluation, operation: str) -> list[Task]:
    """The evaluated problems with their references. Raises UserError where one has none."""
    found = []
    for problem in (evaluation.problems[task] for task in evaluation.evaluated):
        solutions = [solution.rstrip() for solution in solutions_of(problem) if solution.strip()]
        if not solutions:
            raise UserError(f"{problem['task_id']} has no canonical_solution; give it one, or other --problems")
        sketches = [sketch_of_completion(problem["prompt"], solution, operation) for solution in solutions]
        found.append(Task(problem, solutions, sketches))
    return found


def judge(evaluation: Evaluation, executor: Executor, rows: list[dict]) -> dict:
    """Run the texts of all rows in the sandbox and set `passed` of each row; return ceiling and circumstances."""
    places = [(row, source, cut) for row in rows for source in row["texts"] for cut in CUTS]
    samples = [{"task_id": row["task_id"], "completion": row["texts"][source][cut]} for row, source, cut in places]
    with tempfile.TemporaryDirectory() as folder, closing(Journal(Path(folder, "journal.jsonl"))) as journal:
        verdicts, references, _ = evaluation.judge(samples, executor, journal)
    for (row, source, cut), verdict in zip(places, verdicts, strict=True):
        row.setdefault("passed", {}).setdefault(source, {})[cut] = verdict.passed
    return {"ceiling": ceiling(references), **evaluation.circumstances(executor.layer)}


def work(argv: list[str] | None) -> None:
    args = parse_args(argv)
    models = {"sketcher": args.sketcher_path, "generator": args.generator_path}
    others = {"normal": args.normal_path, "base": args.base_path}
    models |= {stage: name for stage, name in others.items() if name}
    if served := [name for name in models.values() if is_served(name)]:
        raise UserError(f"likelihoods need a model's weights, which {served[0]} does not give; give a folder or hub id")
    operation = sketch_operation({stage: models[stage] for stage in ("sketcher", "generator")}, args.operation)
    problem_file = resolve_problem_file(args.problems)
    limit = args.limit or None
    evaluation = Evaluation(EvaluationSettings(problem_file, ks=(1,), workers=args.n_workers, limit=limit))
    inputs = {key: digest for stage, path in models.items() for key, digest in model_inputs(stage, path).items()}
    inputs |= {"benchmark": evaluation.benchmark["sha256"]}
    inputs |= {f"version of {library}": str(version) for library, version in evaluation.versions.items()}
    settings = {key: getattr(args, key) for key in SETTINGS} | {"limit": limit, "operation": operation}
    record = Record(args.output, "stages", FORMAT, inputs, settings)
    if not record.is_finished_result():
        measure(args, models, evaluation, record)
    print(markdown(read_record(args.output)["groups"]))


def measure(args: argparse.Namespace, models: dict[str, str], evaluation: Evaluation, record: Record) -> None:
    """Fill in all tasks, judge their texts, and write the result."""
    operation = record.settings["operation"]
    tasks = tasks_of(evaluation, operation)
    common = {"top_p": args.top_p, "max_new_tokens": args.max_tokens, "seed": args.seed, "batch_size": args.batch_size}
    stages = Stages(lambda s: open_sampler(models[s], args), common, operation, args.num_samples, args.temperature)
    with evaluation.executor() as executor:  # first: where no sandbox works, nothing is sampled
        stages.fill(tasks, [stage for stage in models if stage not in ("sketcher", "generator")])
        rows = [row_of(task) for task in tasks]
        about = judge(evaluation, executor, rows)
    facts = {"models": models, "benchmark": evaluation.benchmark, **about}
    record.finish([], groups=summary(rows, operation), problems=rows, **facts)
    print(f"wrote {args.output}", file=sys.stderr)


def main(argv: list[str] | None = None) -> int:
    return exit_status(lambda: work(argv), (EvaluationError,))


if __name__ == "__main__":
    sys.exit(main())
