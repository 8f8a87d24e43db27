"""pandas' templates of exercises run; sentences before descriptions, other words for objects, and further imports."""

import ast
import re

import pytest
from template_runs import made

from scripts.corpus.exercise_programs import Writer
from scripts.corpus.exercise_templates import load
from scripts.shell.checks import TEMPLATES

FILE = load(TEMPLATES / "Pandas.yaml")
SEEDS = 3


@pytest.fixture(scope="module")
def writer() -> Writer:
    """A writer of the shipped templates; to make one takes a part of a second."""
    return Writer(FILE, 0)


@pytest.mark.parametrize("key", FILE["exercises"])
def test_every_template_of_pandas_runs(writer, key):
    """Without an error or a warning; an expression has a value."""
    for seed in range(SEEDS):
        assert made(writer, key, seed).get("made", key) is not None


def test_programs_import_what_a_template_needs():
    writer = Writer(FILE, 4)
    texts = [writer.program().text for _ in range(500)]
    assert any("np." in text for text in texts)
    for text in texts:
        used = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
        assert ("np" in used) == ("import numpy as np\n" in text), text


def test_sentences_before_descriptions_name_columns_of_the_table():
    told = re.compile(
        r"# (?:Given a DataFrame|I have a DataFrame \w+|I've got a data frame \w+) with columns? ([^.]*)\."
    )
    writer = Writer(FILE, 6)
    texts = [writer.script(False).text for _ in range(400)]
    found = [(text, names) for text in texts for names in told.findall(text)]
    assert len(found) >= 5
    for text, names in found:
        assert all(f'"{name}"' in text for name in re.findall(r"\w+", names.replace(" and ", " "))), text


def test_a_table_is_said_by_other_words_too():
    writer = Writer(FILE, 8)
    said = [item.text for _ in range(300) for item in writer.program().items]
    assert any("the dataframe" in text or "the table" in text for text in said)
