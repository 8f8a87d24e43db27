"""Rules that hold for every line of the product's source."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("nl2code", "scripts", "pandas-numpy-eval/pandas_numpy_eval")
FILES = sorted([*ROOT.glob("*.py"), *(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))])
SHOWN = "# text shown to people"


def uses_of_splitlines(code: str) -> list[int]:
    """Numbers of the lines that use str.splitlines() without the comment SHOWN."""
    return [n for n, line in enumerate(code.split("\n"), 1) if "splitlines" in line and SHOWN not in line]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_data_are_split_at_line_feeds_alone(file):
    """str.splitlines() also cuts at \\r, \\x0b, \\x0c, \\x1c, \\x1d, \\x1e, \\x85, U+2028 and U+2029, which may be data."""
    assert not uses_of_splitlines(file.read_text(encoding="utf-8"))


def test_the_rule_sees_uses_and_allows_marked_lines():
    code = f"x.splitlines()\ny.splitlines()[0]  {SHOWN}\nmap(str.splitlines, z)\n"
    assert uses_of_splitlines(code) == [1, 3]
