"""Sample files: what was sampled (`X.samples.jsonl`), how (`X.meta.json` beside it), and what does not fit the benchmark."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pandas_numpy_eval.data import Content, answer_key, parse_object
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
    key = answer_key(row)
    if not all(isinstance(row.get(key), str) for key in ("task_id", key)):
        raise ValueError("not an object with the texts task_id and completion (or solution, a whole program)")
    return row


def open_samples(path: Path) -> Content:
    """A sample file. Raises EvaluationError where its name is none, or it is a folder or a pipe; OSError."""
    stem_of(path)
    if path.exists() and not path.is_file():
        raise EvaluationError(
            f"{path} is no regular file; write the samples to one such as X.samples.jsonl, and give that"
        )
    return Content.read(path)


def parse_samples(content: Content, problems: dict[str, dict], evaluated: list[str]) -> Samples:
    """The samples of a file. What does not fit raises nothing; it is listed in `complaints`."""
    path, samples, wanted, seen = content.path, Samples(), set(evaluated), set()
    for number, line in content.lines():
        try:
            row = parse_sample(line)
        except ValueError as error:
            samples.skip("bad_line", f"{path}:{number}: {error}")
            continue
        task, sample_id = row["task_id"], json.dumps(row.get("sample_id"))
        if task not in problems:
            samples.skip("unknown_task", f"{path}:{number}: task_id {task!r} is not in the problem file")
        elif task not in wanted:
            samples.skipped["outside_limit"] += 1
        elif row.get("sample_id") is not None and (task, sample_id) in seen:
            samples.skip("duplicate", f"{path}:{number}: sample_id {sample_id} of {task} is there twice")
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


def read_sampling(content: Content, benchmark: dict) -> Sampling:
    """Read `X.meta.json`: a record with `settings`, or the older flat form. Raises EvaluationError, OSError.

    Samples that were made for another benchmark are refused, and those that the record does not describe.
    """
    sample_file = content.path
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
        described = record.get("outputs", {}).get(sample_file.name, {}).get("sha256", content.sha256)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise EvaluationError(f"{path} is no record of samples ({error}): repair it or move it away") from None
    if described != content.sha256:
        raise EvaluationError(
            f"{sample_file} (sha256 {content.sha256[:12]}) is not the file that {path} describes "
            f"({str(described)[:12]}): move that record away, or sample again"
        )
    made_for = record.get("benchmark")
    if isinstance(made_for, dict) and made_for.get("sha256", benchmark["sha256"]) != benchmark["sha256"]:
        raise EvaluationError(
            f"{sample_file} was made for the benchmark {made_for.get('name')} ({str(made_for['sha256'])[:12]}), not "
            f"{benchmark['name']} ({benchmark['sha256'][:12]}): choose its problem file with -d (in the shells: PROBLEMS)"
        )
    return Sampling(record, run, limit, tasks)
