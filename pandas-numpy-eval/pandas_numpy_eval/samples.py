"""Sample files: reading them, and listing what does not fit the benchmark."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pandas_numpy_eval.data import open_lines

SHOWN = 20


class SampleFileError(ValueError):
    """A sample file that does not fit its benchmark; the message lists where."""


@dataclass
class Samples:
    """Samples to judge, in file order, and what was left out.

    Attributes:
        rows: samples of evaluated tasks.
        tasks: evaluated task ids with at least one sample, in problem order.
        complaints: one line each, with file and line where there is one.
        skipped: how many lines were left out, by reason.
        missing: evaluated task ids without samples.
    """

    rows: list[dict] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    skipped: Counter = field(default_factory=Counter)
    missing: list[str] = field(default_factory=list)

    @property
    def counts(self) -> Counter:
        """Samples of each task."""
        return Counter(row["task_id"] for row in self.rows)


def parse_line(line: bytes, known: dict) -> tuple[dict | None, str, str]:
    """(sample or None, reason, detail) of one line."""
    try:
        row = json.loads(line)
    except ValueError as error:
        return None, "bad_line", f"not JSON: {error}"
    if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in ("task_id", "completion")):
        return None, "bad_line", "not an object with the texts task_id and completion"
    if row["task_id"] not in known:
        return None, "unknown_task", f"task_id {row['task_id']!r} is not in the problem file"
    return row, "", ""


def read_samples(path: Path, problems: dict[str, dict], evaluated: list[str]) -> Samples:
    """Read a sample file. Nothing is raised for what does not fit; it is listed in `complaints`."""
    samples, wanted, seen = Samples(), set(evaluated), set()
    for number, line in open_lines(path):
        row, reason, detail = parse_line(line, problems)
        if row is not None and "sample_id" in row:
            identity = (row["task_id"], json.dumps(row["sample_id"]))
            if identity in seen:
                row, reason, detail = None, "duplicate", f"sample_id {identity[1]} of {identity[0]} is there twice"
            seen.add(identity)
        if row is None:
            samples.skipped[reason] += 1
            samples.complaints.append(f"{path}:{number}: {detail}")
        elif row["task_id"] not in wanted:
            samples.skipped["outside_limit"] += 1
        else:
            samples.rows.append(row)
    counts = samples.counts
    samples.tasks = [task for task in evaluated if counts[task]]
    samples.missing = [task for task in evaluated if not counts[task]]
    samples.complaints += [f"{path}: no sample of {task}" for task in samples.missing]
    most = max(counts.values(), default=0)
    samples.complaints += [
        f"{path}: {counts[task]} samples of {task}, {most} of others" for task in samples.tasks if counts[task] < most
    ]
    return samples


def shorten(complaints: list[str]) -> str:
    """The first complaints as lines, and how many more there are."""
    more = [f"... and {len(complaints) - SHOWN} more"] if len(complaints) > SHOWN else []
    return "\n".join(complaints[:SHOWN] + more)
