"""Cases 1, 2 and 3 of two-stage samples, decided after execution (CERT, section 3.3).

1: sketcher and generator wrote the answer together. 2: the sketch that was chosen had no placeholder, so the sketcher's own
text was kept. 3: the generator corrected a wrong sketch: the answer passed though it does not follow its sketch. A passing
answer of another form shows that the sketch was not needed, not that no answer could have followed it, so the count of 3 is
an upper bound.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from nl2code.errors import UserError
from nl2code.hashes import sha256_file
from nl2code.sampling.truncation import first_block
from scripts.file_utils import read_jsonl
from scripts.generating.two_stages import BOTH_STAGES, CASES, CORRECTED
from scripts.reporting.markdown import cell, code_cell
from scripts.reporting.problem_files import problems_of
from scripts.sketches.sketch import CONSTANTS, sketch_of_completion

ENDING = "_results.jsonl"
FIELDS = ("task_id", "sample_id", "sketch", "completion")
MEANINGS = {
    "1": "the generator fills the sketch in",
    "2": "the sketcher writes code, nothing is left to fill in",
    "3": "the generator leaves a wrong sketch",
}


def case_of(row: dict, prompt: str = "", operation: str = CONSTANTS) -> int | None:
    """The case of a result line; None for a sample of one stage.

    Args:
        row: holds case, passed, sketch and completion; where it holds `raw`, the completion may be cut by syntax.
        prompt: of the task; the names in it are user-defined names of the completion too.
        operation: of the sketch.

    >>> case_of({"case": 1, "passed": True, "sketch": "f(number)", "completion": "f(2)"})
    1
    >>> case_of({"case": 1, "passed": True, "sketch": "f(number)", "completion": "f(a)"})
    3
    """
    if row.get("case") != BOTH_STAGES or not row["passed"] or not row["sketch"]:
        return row.get("case")
    text = first_block(row["raw"]) if "raw" in row else row["completion"]  # sketches are not cut by syntax
    sketch = sketch_of_completion(prompt, text, operation)
    return BOTH_STAGES if sketch.split() == row["sketch"].split() else CORRECTED  # white space is no difference


def count_cases(rows: Iterable[dict], prompts: dict | None = None, operation: str = CONSTANTS) -> dict[str, dict]:
    """`{"1": {"samples", "passed"}, "2": ..., "3": ...}` of result lines; empty where no sample has two stages."""
    counts = {str(case): {"samples": 0, "passed": 0} for case in CASES}
    for row in rows:
        case = case_of(row, (prompts or {}).get(row.get("task_id"), ""), operation)
        if case is not None:
            counts[str(case)]["samples"] += 1
            counts[str(case)]["passed"] += row["passed"]
    return counts if any(count["samples"] for count in counts.values()) else {}


def read_cases(results: Path) -> dict[str, dict]:
    """`count_cases` of a results file (X_results.jsonl, plain or .gz), with what its `_sketching` tells.

    Raises:
        OSError, ValueError, KeyError, TypeError, AttributeError: it is no results file.
        UserError: as of `_sketching`.
    """
    return count_cases(read_jsonl(results), *_sketching(results))


def _sketching(results: Path) -> tuple[dict[str, str], str]:
    """Prompts by task and the operation of the sketches, from the record of the samples of a results file.

    Raises:
        UserError: a name that leads to no record; the sketches replace names, and the file of the prompts that bind them
            is gone or changed.
    """
    stem = str(results).removesuffix(".gz").removesuffix(ENDING)
    if not str(results).removesuffix(".gz").endswith(ENDING):
        raise UserError(f"{results} does not end in {ENDING}; its samples' record is not found beside it; rename it")
    files = (Path(f"{stem}.meta.json"), Path(f"{stem}_metrics.json"))
    record, copy = (json.loads(file.read_text()) if file.is_file() else {} for file in files)
    record = record or copy.get("sampling") or {}
    operation = operation_of(record)
    benchmark = record.get("benchmark") or {}
    problems = {} if operation == CONSTANTS else problems_of(benchmark)
    if operation != CONSTANTS and not problems:
        file = benchmark.get("file") or benchmark.get("name") or "the problem file"
        raise UserError(
            f"{results}: {file} is gone or changed, and cases of --operation {operation} need it; put it back"
        )
    return {task: problem["prompt"] for task, problem in problems.items()}, operation


def operation_of(record: dict) -> str:
    """The operation of the sketches, of a record of samples or of its flat form of earlier versions."""
    return record.get("settings", record).get("operation", CONSTANTS)


def case_table(results: Path) -> dict:
    """`{"run", "results_sha256", "counts", "examples"}` of a results file.

    An example is the first sample of its case that passed and has one line; a case without such a sample has none.

    Raises:
        OSError, ValueError, KeyError, TypeError, AttributeError: it is no results file.
        UserError: as of `_sketching`.
    """
    prompts, operation = _sketching(results)
    rows, examples = list(read_jsonl(results)), {}
    for row in rows:
        case = str(case_of(row, prompts.get(row["task_id"], ""), operation))
        if row["passed"] and row.get("sketch") and "\n" not in row["sketch"] + row["completion"]:
            examples.setdefault(case, {key: row.get(key) for key in FIELDS})
    counts, run = count_cases(rows, prompts, operation), results.resolve().parent.name
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
        codes = [code_cell(example[key]) for key in ("sketch", "completion")] if example else ["-"] * 2
        shown = [cell(example["task_id"]) if example else "-", *codes]
        cells = [f"{case}: {MEANINGS[case]}", f"{count['passed']} of {count['samples']}", *shown]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
