"""How the two stages came to their answers, decided after execution: cases 1, 2 and 3.

1: sketcher and generator wrote the answer together. 2: the sketcher's own answer had no placeholder and stood. 3: the
generator corrected a wrong sketch: the answer passed though it does not follow its sketch. Sampling tells 2 from the
rest; 3 is known only here. A passing answer of another form shows that the sketch was not needed, not that no answer
could have followed it, so the count of 3 is an upper bound.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from scripts.sketches.sketch import transform_code_to_sketch

BOTH_STAGES, SKETCHER_ALONE, CORRECTED = CASES = (1, 2, 3)


def case_of(row: dict) -> int | None:
    """The case of a result line; None for a sample of one stage.

    >>> case_of({"case": 1, "passed": True, "sketch": "f(number)", "completion": "f(2)"})
    1
    >>> case_of({"case": 1, "passed": True, "sketch": "f(number)", "completion": "f(a)"})
    3
    """
    case = row.get("case")
    if case != BOTH_STAGES or not row["passed"]:
        return case
    return BOTH_STAGES if _words(transform_code_to_sketch(row["completion"])) == _words(row["sketch"]) else CORRECTED


def _words(text: str) -> list[str]:
    return text.split()


def count_cases(rows: Iterable[dict]) -> dict[str, dict[str, int]]:
    """`{"1": {"samples", "passed"}, "2": ..., "3": ...}` of result lines; empty where no sample has two stages."""
    counts = {str(case): {"samples": 0, "passed": 0} for case in CASES}
    for row in rows:
        case = case_of(row)
        if case is not None:
            counts[str(case)]["samples"] += 1
            counts[str(case)]["passed"] += row["passed"]
    return counts if any(count["samples"] for count in counts.values()) else {}


def read_cases(results: Path) -> dict[str, dict[str, int]]:
    """`count_cases` of a results file. Raises OSError, ValueError or KeyError where it is none."""
    with open(results, encoding="utf-8") as lines:
        return count_cases(json.loads(line) for line in lines)
