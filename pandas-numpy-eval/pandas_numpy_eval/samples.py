"""Sample files: what was sampled (`X.samples.jsonl`), how (`X.meta.json` beside it), and what does not fit the benchmark."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pandas_numpy_eval.data import open_lines, parse_object
from pandas_numpy_eval.errors import EvaluationError


@dataclass
class Samples:
    """Samples to judge, in file order, and what was left out."""

    rows: list[dict] = field(default_factory=list)  # of evaluated tasks
    complaints: list[str] = field(default_factory=list)  # one line each, with file and line where there is one
    skipped: Counter = field(default_factory=Counter)  # reason -> lines left out
    missing: list[str] = field(default_factory=list)  # evaluated task ids without samples, in problem order

    def skip(self, reason: str, complaint: str) -> None:
        self.skipped[reason] += 1
        self.complaints.append(complaint)


def parse_sample(line: bytes) -> dict:
    """A sample of a line. Raises ValueError saying what the line is instead."""
    row = parse_object(line)
    key = "solution" if "solution" in row else "completion"  # evalplus too prefers a whole program
    if not all(isinstance(row.get(key), str) for key in ("task_id", key)):
        raise ValueError("not an object with the texts task_id and completion (or solution, a whole program)")
    return row


def read_samples(path: Path, problems: dict[str, dict], evaluated: list[str]) -> Samples:
    """Read a sample file. What does not fit raises nothing; it is listed in `complaints`."""
    samples, wanted, seen = Samples(), set(evaluated), set()

    for number, line in open_lines(path):
        try:
            row = parse_sample(line)
        except ValueError as error:
            samples.skip("bad_line", f"{path}:{number}: {error}")
            continue
        task, sample_id = row["task_id"], json.dumps(row.get("sample_id"))
        if task not in problems:
            samples.skip("unknown_task", f"{path}:{number}: task_id {task!r} is not in the problem file")
        elif row.get("sample_id") is not None and (task, sample_id) in seen:
            samples.skip("duplicate", f"{path}:{number}: sample_id {sample_id} of {task} is there twice")
        elif task not in wanted:
            samples.skipped["outside_limit"] += 1
        else:
            samples.rows.append(row)
        seen.add((task, sample_id))
    counts = Counter(row["task_id"] for row in samples.rows)
    most = max(counts.values(), default=0)
    samples.missing = [task for task in evaluated if not counts[task]]
    samples.complaints += [f"{path}: no sample of {task}" for task in samples.missing]
    samples.complaints += [
        f"{path}: {counts[task]} samples of {task}, {most} of others" for task in evaluated if 0 < counts[task] < most
    ]
    return samples


def stem_of(sample_file: Path) -> Path:
    """`X` of `X.samples.jsonl` or `X.jsonl` (plain or gzipped), with its folder. Raises EvaluationError: no name is left."""
    name = sample_file.name.removesuffix(".gz").removesuffix(".jsonl").removesuffix(".samples")
    if not name.strip("."):
        raise EvaluationError(f"{str(sample_file)!r} is no name of a sample file; give one such as X.samples.jsonl")
    return sample_file.with_name(name)


@dataclass(frozen=True)
class Sampling:
    """How samples were made, from the record beside them."""

    record: dict | None = None  # everything that decides the samples; None without a record
    run: dict | None = None  # what varies between equal runs
    limit: int | None = None  # the first so many problems were sampled; None: all
    tasks: str | None = None  # regular expression; tasks that it matches as a whole were sampled; None: all


def read_sampling(sample_file: Path, benchmark: dict) -> Sampling:
    """Read `X.meta.json`: a record with `settings`, or the older flat form. Raises EvaluationError, OSError.

    Samples that were made for another benchmark are refused.
    """
    path = Path(f"{stem_of(sample_file)}.meta.json")
    if not path.is_file():
        return Sampling()
    try:
        record = json.loads(path.read_bytes())
        run = record.pop("run", None)
        settings = record.get("settings", record)
        limit, tasks = settings.get("limit"), settings.get("tasks")
        if not (limit is None or type(limit) is int and limit > 0) or not isinstance(tasks, str | None):
            raise ValueError("limit is no number from 1 on, or tasks is no text")
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise EvaluationError(f"{path} is no record of samples ({error}): repair it or move it away") from None
    made_for = record.get("benchmark")
    if isinstance(made_for, dict) and made_for.get("sha256", benchmark["sha256"]) != benchmark["sha256"]:
        raise EvaluationError(
            f"{sample_file} was made for the benchmark {made_for.get('name')} ({str(made_for['sha256'])[:12]}), not "
            f"{benchmark['name']} ({benchmark['sha256'][:12]}): choose its problem file with -d"
        )
    return Sampling(record, run, limit, tasks)
