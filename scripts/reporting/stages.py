"""Metrics of the single stages: pure functions of the rows that `scripts.stage_metrics` writes, one row a problem.

A row has the keys `task_id`, `level`, `calls`, `references` ([{"solution", "sketch"}]), `draft`, `popular`, `texts`
(source -> {"raw", "sketch", cut -> text}), `passed` (source -> {cut: bool}), `nll` and `sketch_nll` (source -> nats per
token). `scripts/generating/stage_texts.py` explains the sources. A metric of a row is a number, or None where the row does
not count; a metric of rows is the mean of the others.
"""

from collections.abc import Callable, Iterable

from pandas_numpy_eval.data import group_of
from scripts.generating.stage_texts import CUTS, Task
from scripts.reporting.references import calls_group, has_due_placeholder, is_reference_sketch, mean_of
from scripts.reporting.tables import stage_rows
from scripts.sketches.placeholders import has_placeholder
from scripts.sketches.sketch import CONSTANTS, sketch_of_completion

Metric = Callable[[dict], float | None]
LED = ("generator+reference", "generator+draft")  # sources that complete a sketch
# Paired differences, first minus second, of those sources that are there.
PASS_PAIRS = (
    *(("two_stages", "base"), ("two_stages", "normal"), ("normal", "base"), ("generator", "base")),
    *(("generator+reference", "generator"), ("generator+reference", "base"), ("generator+draft", "generator")),
)
NLL_PAIRS = (
    *(("normal", "base"), ("generator", "base"), ("generator", "normal")),
    *(("generator+reference", "generator"), ("generator+reference", "base"), ("generator+reference", "normal")),
)
SKETCH_PAIRS = (("sketcher", "base"),)


def row_of(task: Task) -> dict:
    """The row of a task, without `passed`."""
    references = zip(task.solutions, task.sketches, strict=True)
    return {
        "task_id": task.problem["task_id"],
        "prompt": task.prompt,
        "level": group_of(task.problem, "level") or "all",
        "calls": calls_group(task.prompt, task.solutions[0]),
        "references": [{"solution": solution, "sketch": sketch} for solution, sketch in references],
        "draft": task.draft,
        "popular": task.popular,
        "texts": task.texts,
        "nll": task.nll,
        "sketch_nll": task.sketch_nll,
    }


def follows(row: dict, source: str, operation: str = CONSTANTS) -> bool | None:
    """Whether the `first_block` text is code of its sketch: no copy, and of this sketch; None without placeholders in it.

    >>> text = {"sketch": "f(number)", "first_block": "f(2)"}
    >>> follows({"prompt": "x = ", "texts": {"generator+draft": text}}, "generator+draft")
    True
    """
    text = row["texts"][source]
    copied = copies(row, source, operation)
    if copied is not False:
        return None if copied is None else False
    return sketch_of_completion(row["prompt"], text["first_block"], operation).strip() == text["sketch"].strip()


def copies(row: dict, source: str, operation: str = CONSTANTS) -> bool | None:
    """Whether the `first_block` text still holds a placeholder; None where its sketch has none.

    >>> text = {"sketch": "f(number)", "first_block": "f(number)"}
    >>> copies({"prompt": "x = ", "texts": {"generator+draft": text}}, "generator+draft")
    True
    """
    text = row["texts"][source]
    if not has_placeholder(text["sketch"], operation):
        return None
    return has_placeholder(text["first_block"], operation, row["prompt"])


def difference(first: Metric, second: Metric) -> Metric:
    """The first metric minus the second, paired by row."""
    return lambda row: float(first(row)) - float(second(row))


def metrics_for(row: dict, operation: str = CONSTANTS) -> dict[str, Metric]:
    """Name -> metric, for the sources that a row has; the names are those of the result file."""
    found: dict[str, Metric] = {
        "draft has placeholder": lambda r: has_due_placeholder(r, "draft", operation),
        "draft is reference sketch": lambda r: is_reference_sketch(r, "draft"),
        "popular is reference sketch": lambda r: is_reference_sketch(r, "popular"),
        "draft stands (case 2)": lambda r: bool(r["draft"]) and not has_placeholder(r["draft"], operation),
    }
    for source in LED:
        found[f"follows sketch, {source}"] = lambda r, s=source: follows(r, s, operation)
        found[f"copies placeholders, {source}"] = lambda r, s=source: copies(r, s, operation)
    for cut in CUTS:
        ways = {source: lambda r, s=source, c=cut: r["passed"][s][c] for source in row["passed"]}
        found |= _with_differences(f"pass@1 {cut}", ways, PASS_PAIRS)
    found |= _with_differences("nll", {s: lambda r, s=s: r["nll"][s] for s in row["nll"]}, NLL_PAIRS)
    of_sketch = {s: lambda r, s=s: r["sketch_nll"][s] for s in row["sketch_nll"]}
    return found | _with_differences("nll of sketch", of_sketch, SKETCH_PAIRS)


def _with_differences(name: str, ways: dict[str, Metric], pairs: Iterable[tuple[str, str]]) -> dict[str, Metric]:
    """`name, source` for every way to measure it, and `name, source - source` for the pairs that are there."""
    found = {f"{name}, {source}": metric for source, metric in ways.items()}
    there = [(one, other) for one, other in pairs if one in ways and other in ways]
    return found | {f"{name}, {one} - {other}": difference(ways[one], ways[other]) for one, other in there}


def groups_of(rows: list[dict]) -> dict[str, list[dict]]:
    """Rows by group: `all`, `level X`, `calls N` (API calls of the reference); a lone level is left out.

    >>> rows = [{"level": "basic", "calls": "1"}, {"level": "hard", "calls": "1"}]
    >>> {name: len(group) for name, group in groups_of(rows).items()}
    {'all': 2, 'level basic': 1, 'level hard': 1, 'calls 1': 2}
    """
    found = {"all": rows}
    for key in ("level", "calls"):
        for value in sorted({row[key] for row in rows} - {"all"}):
            found[f"{key} {value}"] = [row for row in rows if row[key] == value]
    return found


def summary(rows: list[dict], operation: str = CONSTANTS) -> dict[str, dict]:
    """`{group: {"problems": count, "metrics": {name: mean_of(...)}}}`; metrics without any value are left out."""
    metrics = metrics_for(rows[0], operation)
    found = {}
    for group, members in groups_of(rows).items():
        means = {name: mean_of(map(metric, members)) for name, metric in metrics.items()}
        means = {name: mean for name, mean in means.items() if mean}
        found[group] = {"problems": len(members), "metrics": means}
    return found


def markdown(groups: dict[str, dict]) -> str:
    """A table with a line for each metric, the interval over all problems, and a column for each group."""
    lines = stage_rows(groups)
    head = list(lines[0])
    rows = [head, ["---"] * len(head), *([line[key] for key in head] for line in lines)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
