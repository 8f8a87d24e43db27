"""NumPy's templates of exercises run, and what they need of the programs that are made from them."""

import ast

import pytest
from template_runs import made

from scripts.corpus.exercise_programs import Writer, operand
from scripts.corpus.exercise_templates import load
from scripts.shell.checks import TEMPLATES

FILE = load(TEMPLATES / "Numpy.yaml")
SEEDS = 3


@pytest.fixture(scope="module")
def writer() -> Writer:
    """A writer of the shipped templates; to make one takes a part of a second."""
    return Writer(FILE, 0)


@pytest.mark.parametrize("key", FILE["exercises"])
def test_every_template_runs_and_every_expression_has_a_value(writer, key):
    for seed in range(SEEDS):
        assert made(writer, key, seed).get("made", key) is not None


def test_templates_are_many_and_have_six_wordings_or_more():
    assert len(FILE["exercises"]) >= 150
    synonyms = {f"<{word}>": len(set(text.split(" | "))) for word, text in FILE["words"].items()}
    for key, template in FILE["exercises"].items():
        counts = [
            max([n for word, n in synonyms.items() if word in text], default=1) for _, text in template["wordings"]
        ]
        assert sum(counts) >= 6, key


@pytest.mark.parametrize(
    "code, expected", [("a + 5", 6.0), ("-a", -1.0), ("a ** 2", 1.0), ("(a - 1) / (a + 1)", 0.0), ("abs(a)", 1.0)]
)
def test_a_method_of_a_result_is_called_on_all_of_it(code, expected):
    assert eval(f"{operand(code)}.__float__()", {"a": 1}) == expected


def test_a_tuple_gets_a_name_for_each_part_and_literals_need_no_object():
    writer = Writer(FILE, 1)
    texts = [writer.program().text for _ in range(600)]
    targets = [node.targets[0] for text in texts for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Assign)]
    assert any(isinstance(target, ast.Tuple) for target in targets)
    assert any("= np.eye(" in text or "return np.eye(" in text for text in texts)
    assert not any("-0.0" in text for text in texts)


def test_a_question_has_a_comment_of_its_own():
    writer = Writer(FILE, 2)
    programs = [program for program in (writer.steps() for _ in range(300)) if program.items[0].kind == "ask"]
    assert programs
    for program in programs:
        lines = program.text.split("\n")
        asked = program.items[0].text
        assert any(line[0] == "#" and line[2:].lower() == f"{asked}?".lower() for line in lines if line), program.text
