"""The three cases of one run in short: how many samples, how many passed, and an example of each, as JSON and Markdown."""

from pathlib import Path

from scripts.file_utils import read_jsonl, sha256_file
from scripts.reporting.cases import case_of, read_cases

FIELDS = ("task_id", "sample_id", "sketch", "completion")
MEANINGS = {
    "1": "the generator fills the sketch in",
    "2": "the sketcher writes code, nothing is left to fill in",
    "3": "the generator leaves a wrong sketch",
}


def case_table(results: Path) -> dict:
    """`{"run", "results_sha256", "counts", "examples"}` of a results file.

    An example is the first sample of its case that passed and has one line; a case without such a sample has none. Sketches
    of the default operation are taken for granted.

    Raises:
        OSError, ValueError, KeyError, TypeError, AttributeError: it is no results file.
    """
    examples: dict[str, dict] = {}
    for row in read_jsonl(results):
        case = str(case_of(row))
        if row["passed"] and row.get("sketch") and "\n" not in row["sketch"] + row["completion"]:
            examples.setdefault(case, {key: row.get(key) for key in FIELDS})
    counts, run = read_cases(results), results.resolve().parent.name
    return {"run": run, "results_sha256": sha256_file(results), "counts": counts, "examples": examples}


def markdown(table: dict) -> str:
    """README's table of a `case_table`.

    >>> example = {"task_id": "a/0", "sample_id": 0, "sketch": "f(number)", "completion": "f(2)"}
    >>> table = {"counts": {"1": {"samples": 5, "passed": 2}}, "examples": {"1": example}}
    >>> print(markdown(table))
    | case | passed | problem | sketch | code |
    | --- | --- | --- | --- | --- |
    | 1: the generator fills the sketch in | 2 of 5 | a/0 | `f(number)` | `f(2)` |
    """
    lines = ["| case | passed | problem | sketch | code |", "| --- | --- | --- | --- | --- |"]
    for case, count in table["counts"].items():
        example = table["examples"].get(case)
        shown = [example["task_id"], _code(example["sketch"]), _code(example["completion"])] if example else ["-"] * 3
        cells = [f"{case}: {MEANINGS[case]}", f"{count['passed']} of {count['samples']}", *shown]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _code(text: str) -> str:
    """Code in a cell; GitHub takes `\\|` for a bar there."""
    return f"`{text.strip()}`".replace("|", "\\|")
