"""What canonical solutions say of a problem: the API calls it takes, and its sketches. Means with intervals."""

import ast
from collections.abc import Iterable

import numpy as np

from nl2code.parsing import try_parse
from pandas_numpy_eval.scoring import mean_with_interval
from scripts.sketches.placeholders import has_placeholder
from scripts.sketches.sketch import CONSTANTS

MANY = 3  # API calls that are no longer told apart


def api_calls(prompt: str, completion: str) -> int:
    """Calls in a completion, of methods and of imported names.

    Calls of builtins and of the program's own functions do not count. A call that the prompt begins and the completion
    ends counts. A program that does not parse has none.

    >>> api_calls("import pandas as pd\\ndf = ", "pd.DataFrame(list(rows)).dropna()")
    2
    """
    tree = try_parse(prompt + completion)
    if tree is None:
        return 0
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    imported = {(alias.asname or alias.name).partition(".")[0] for node in imports for alias in node.names}
    lines = prompt.split("\n")
    end = (len(lines), len(lines[-1].encode()))
    return sum(
        isinstance(node.func, ast.Attribute) or getattr(node.func, "id", None) in imported
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and (node.end_lineno, node.end_col_offset) > end
    )


def calls_group(prompt: str, completion: str) -> str:
    """The number of API calls as the name of a group: "0", "1", ..., and "3+" for all larger ones."""
    calls = api_calls(prompt, completion)
    return str(calls) if calls < MANY else f"{MANY}+"


def is_reference_sketch(row: dict, key: str) -> bool | None:
    """Whether the sketch `row[key]` is that of a reference; None where there is no such sketch.

    >>> row = {"references": [{"sketch": "    f()"}, {"sketch": "g()"}], "draft": "f()", "popular": None}
    >>> is_reference_sketch(row, "draft"), is_reference_sketch(row, "popular")
    (True, None)
    """
    if row[key] is None:
        return None
    return row[key].strip() in {reference["sketch"].strip() for reference in row["references"]}


def has_due_placeholder(row: dict, key: str, operation: str = CONSTANTS) -> bool | None:
    """Whether the sketch `row[key]` holds a placeholder; None where that of the first reference has none.

    >>> [has_due_placeholder({"references": [{"sketch": s}], "draft": "f(1)"}, "draft") for s in ("f(number)", "f()")]
    [False, None]
    """
    due = has_placeholder(row["references"][0]["sketch"], operation)
    return has_placeholder(row[key], operation) if due else None


def mean_of(values: Iterable[float | None]) -> dict | None:
    """`{"value", "ci95", "n"}` of the values that count; None where there are none.

    >>> mean_of([True, True, None]), mean_of([None])
    ({'value': 1.0, 'ci95': [1.0, 1.0], 'n': 2}, None)
    """
    scores = np.array([float(value) for value in values if value is not None])
    return {**mean_with_interval(scores), "n": len(scores)} if len(scores) else None
