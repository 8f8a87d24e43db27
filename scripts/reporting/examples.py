"""Two-stage samples seen closely: how good the popular sketches are, and examples of the three cases."""

from collections import Counter

from pandas_numpy_eval.data import answer_key
from scripts.generating.two_stages import CASES
from scripts.reporting.cases import case_of
from scripts.reporting.references import has_due_placeholder, is_reference_sketch, mean_of
from scripts.sketches.sketch import sketch_of_completion

EXAMPLES = 5  # of each case
PASSED = 3  # of these, as many passed ones where both kinds are there


def sketch_metrics(samples: list[dict], facts: dict[str, dict], operation: str) -> dict[str, dict | None]:
    """How good the most frequent sketches are: means over problems, as `references.mean_of` gives them.

    Args:
        samples: result lines. Where a line has no sketch, it is that of its code.
        facts: task_id -> {"prompt", "solutions"}; problems that are missing do not count.
        operation: of the sketches.

    Returns:
        `reference`: the sketch is that of a canonical solution; `placeholder`: it holds a placeholder, among the problems
        whose first canonical solution has one.

    >>> facts = {"a": {"prompt": "x = ", "solutions": ["f(1)"]}}
    >>> found = sketch_metrics([{"task_id": "a", "sketch": "g(number)"}], facts, "constants")
    >>> found["reference"]["value"], found["placeholder"]["value"]
    (0.0, 1.0)
    """
    drawn: dict[str, Counter] = {}
    for row in samples:
        if (sketch := row.get("sketch")) is None and row["task_id"] in facts:
            prompt = facts[row["task_id"]]["prompt"]
            if (text := _written(row, prompt)) is None:
                continue
            sketch = sketch_of_completion(prompt, text, operation)
        is_none = row.get("sketch") == ""  # the generator wrote without one
        drawn.setdefault(row["task_id"], Counter())[sketch] += not is_none
    exact, sketched = [], []
    for task, sketches in drawn.items():
        if task in facts and facts[task]["solutions"]:
            solutions = [solution.rstrip() for solution in facts[task]["solutions"]]
            known = [{"sketch": sketch_of_completion(facts[task]["prompt"], text, operation)} for text in solutions]
            row = {"references": known, "popular": sketches.most_common(1)[0][0]}
            exact.append(is_reference_sketch(row, "popular"))
            sketched.append(has_due_placeholder(row, "popular", operation))
    return {"reference": mean_of(exact), "placeholder": mean_of(sketched)}


def _written(row: dict, prompt: str) -> str | None:
    """What a sample wrote after its prompt; None of a whole program that does not begin with it."""
    if answer_key(row) == "completion":
        return row["completion"]
    return row["solution"].removeprefix(prompt) if row["solution"].startswith(prompt) else None


def examples_of(samples: list[dict], facts: dict[str, dict], operation: str) -> dict[str, list[dict]]:
    """Case -> up to EXAMPLES samples, of different problems and in the order of the file; cases without any left out.

    PASSED of them passed and the others failed, where there are enough of both kinds.
    """
    found: dict[str, dict[bool, dict[str, dict]]] = {str(case): {True: {}, False: {}} for case in CASES}
    for row in samples:
        task = row["task_id"]
        prompt = facts.get(task, {}).get("prompt")
        case = case_of(row, prompt or "", operation)
        if case is not None:
            shown = {key: row.get(key) for key in ("task_id", "sample_id", "sketch", "completion", "passed", "result")}
            found[str(case)][bool(row["passed"])].setdefault(task, {**shown, "prompt": prompt})
    chosen = {case: _choose(list(kinds[True].values()), list(kinds[False].values())) for case, kinds in found.items()}
    return {case: examples for case, examples in chosen.items() if examples}


def _choose(passed: list[dict], failed: list[dict]) -> list[dict]:
    first = passed[: max(PASSED, EXAMPLES - len(failed))]
    of_task: dict[str, dict] = {}
    for row in (*first, *failed, *passed):
        of_task.setdefault(row["task_id"], row)
    return list(of_task.values())[:EXAMPLES]
