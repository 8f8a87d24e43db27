"""Rules that hold for every line of the product's source."""

import re
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


def repeats_of_groups(code: str) -> list[int]:
    """Numbers of the lines with a regular expression's possessive repeat of a group, such as `(?:ab?)*+`."""
    return [n for n, line in enumerate(code.split("\n"), 1) if re.search(r"(?<!\\)\)(?:[*+?]|\{\d*,?\d*\})\+", line)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_group_is_repeated_possessively(file):
    """Python before 3.11.5 matches too much there (CPython issue 106052); `(?>(?:ab?)*)` means the same and works."""
    assert not repeats_of_groups(file.read_text(encoding="utf-8"))


def test_the_rule_sees_groups_alone():
    code = 'r"(?:a|b)*+"\nr"[ab]*+ a?+"\nr"(a){2,}+"\nr"\\)*+"\nr"(?>(?:a)+)"\nr"(?P<x>y)?+"'
    assert repeats_of_groups(code) == [1, 3, 6]


def test_atomic_groups_work_here():
    """The reason of the rule above, on the Python that runs the tests."""
    assert re.match(r"(?>(?:ab?c)+)", "aca")[0] == "ac"
