"""Exercises: templates are checked, programs say what they need, are new, run, and depend on seed and file alone."""

import ast
import json
import re
from pathlib import Path

import pytest
import yaml
from test_prepare_corpus import rows_of, stats_of

from nl2code.errors import UserError
from scripts.corpus.exercise_objects import ORDINALS, SLOT
from scripts.corpus.exercise_programs import MAX_LINE, Writer
from scripts.corpus.exercise_templates import load
from scripts.corpus.exercises import main as show
from scripts.prepare_corpus import main
from scripts.records import read_record
from scripts.shell.checks import TEMPLATES

FILE = {
    "head": "import json",
    "fields": {
        "number": dict.fromkeys(("price", "age", "size", "depth", "width", "cost", "score", "stock"), "1..90"),
        "text": {"city": "Oslo | Lyon | Graz", "team": "owls | foxes | bears", "color": "red | blue | grey"},
    },
    "objects": {
        "row": {
            "names": "row | item | entry | record",
            "members": {"rows": 3, "x": "number field", "y": "number field", "t": "text field"},
            "columns": "x | y | t",
            "code": "<columns>",
        },
        "xs": {"names": "xs | ys | zs", "members": {"list": {"list": "1..9", "size": "2..4"}}, "code": "list(<list>)"},
    },
    "slots": {"n": "threshold of x", "k": [2, 3], "v": "value of t"},
    "parameters": {"x": "key | column", "n": "limit", "k": "count"},
    "results": {"xs": "found | kept", "any": "result | out | answer | value"},
    "words": {"compute": "compute | find"},
    "exercises": {
        "sum_<x>": {"code": "sum(<row>[<x>])", "noun": "the sum of <x>[ in <row>]", "do": "<compute> the sum of <x>"},
        "above_<n>": {"code": "[v for v in <row>[<x>] if v > <n>]", "gives": "xs", "noun": "the <x> values above <n>"},
        "count_<v>": {"code": "<row>[<t>].count(<v>)", "ask": "how often is <t> <v>"},
        "clear_<x>": {"code": "<row>[<x>] = []", "do": "empty the list of <x>"},
        "longest": {"code": "sorted(<xs>)[:<k>]", "gives": "xs", "noun": "the first <k> of sorted <xs>"},
        "fail_<x>": {"code": "<row>[<x>].missing()", "noun": "what is missing in <x>"},
    },
}


NO_MEMBERS = {"objects": {**FILE["objects"], "xs": {**FILE["objects"]["xs"], "members": None}}}


@pytest.fixture
def templates(tmp_path) -> Path:
    """A template file of the standard library, one of whose templates fails."""
    path = tmp_path / "Json.yaml"
    path.write_text(yaml.safe_dump(FILE))
    return path


@pytest.mark.parametrize(("name", "least"), [("Pandas", 6), ("Numpy", 4)])
def test_shipped_templates(name, least):
    """Many templates, each with several descriptions; programs parse, fit a line and do not repeat an item."""
    file = load(TEMPLATES / f"{name}.yaml")
    assert len(file["exercises"]) >= 150
    assert not [key for key, one in file["exercises"].items() if len(one["wordings"]) < least]
    writer, seen, shapes = Writer(file, 3), set(), set()
    for _ in range(400):
        program = writer.program()
        tree = ast.parse(program.text + program.calls)
        assert program.text.startswith(file["head"]) and max(map(len, program.text.split("\n"))) <= MAX_LINE
        assert not SLOT.search(program.text), program.text
        pairs = {(item.text, item.code) for item in program.items}
        assert not pairs & seen
        seen |= pairs
        is_function = any(isinstance(node, ast.FunctionDef) for node in tree.body)
        shapes.add((is_function, len(program.items) > 1, any(item.template["changes"] for item in program.items)))
    assert len(shapes) >= 7


def test_numbers_and_texts_are_said():
    """Every literal of an expression occurs in its description, unless the template's code has it."""
    file, checked = load(TEMPLATES / "Pandas.yaml"), 0
    writer = Writer(file, 5)
    for item in (item for _ in range(300) for item in writer.program().items):
        own = {node.value for code in item.template["codes"] for node in constants(SLOT.sub("x", code))}
        for value in {node.value for node in constants(item.code)} - own:
            if not item.name.startswith("query"):  # whose literal is an expression
                said = str(value) in item.text or str(ORDINALS.get(value)) in item.text
                assert said, (value, item.text, item.code)
                checked += 1
    assert checked > 400


def constants(code: str) -> list[ast.Constant]:
    return [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)]


def test_equal_seed_and_file_give_equal_programs(templates):
    first, again, other = ([Writer(load(templates), seed).program().text for _ in range(1)] for seed in (1, 1, 2))
    assert first == again != other
    a, b = (Writer(load(templates), 1) for _ in range(2))
    assert [a.program() for _ in range(20)] == [b.program() for _ in range(20)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"code": "sum(<row>[<q>])"}, "<q>, which is not defined"),
        ({"noun": "the sum[ of <x>]"}, "does not say <x>"),
        ({"noun": "the sum of <x> and <q>"}, "names <q>"),
        ({"noun": [], "do": "add <x>"}, "noun: [] is no description"),
        ({"do": None}, "do: None is no description"),
        ({"do": 5}, "do: 5 is no description"),
        ({"slots": None}, "slots has no keys below it"),
        ({"code": "sum(<row>[<x>]"}, "no Python"),
        ({"gives": "thing"}, "gives 'thing'"),
        ({"code": None}, "no code"),
        ({"code": 5}, "no code"),
        ({"code": []}, "no code"),
        ({"code": " # nothing"}, "no Python"),
        ({"noun": [1]}, "each a text"),
        ({"noun": " "}, "each a text"),
    ],
)
def test_mistakes_in_a_template_are_named(templates, change, message):
    file = json.loads(json.dumps(FILE))
    file["exercises"]["sum_<x>"] |= change
    templates.write_text(yaml.safe_dump(file))
    with pytest.raises(UserError, match=re.escape(message)):
        load(templates)


def test_mistakes_in_objects_are_named(templates):
    for change, message in (
        ({"names": None}, "lacks names"),
        ({"members": {"x": "odd field"}}, "'odd field' names a kind"),
    ):
        file = json.loads(json.dumps(FILE))
        one = next(iter(file["objects"].values()))
        one |= change
        file["objects"][next(iter(file["objects"]))] = {key: value for key, value in one.items() if value is not None}
        templates.write_text(yaml.safe_dump(file))
        with pytest.raises(UserError, match=message):
            load(templates)


@pytest.mark.parametrize("text", ["head: import x\n", "a: [", "- 1\n", "\xff"])
def test_other_files_are_refused(tmp_path, text):
    path = tmp_path / "Json.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=r"is no template file|lacks exercises"):
        load(path)


def test_names_for_any_result_are_needed(templates):
    templates.write_text(yaml.safe_dump(FILE | {"results": {"xs": "found"}}))
    with pytest.raises(UserError, match="gives 'any', for which there are no names in results"):
        load(templates)


def test_mistakes_are_told_before_the_sources_are_read(templates, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("scripts.prepare_corpus.gather_all", lambda *_: pytest.fail("sources are read"))
    (tmp_path / "source").mkdir()
    templates.write_text(yaml.safe_dump(FILE | {"slots": None}))
    flags = ["-d", "Json", "--sources", str(tmp_path / "source"), "--exercise_templates", str(templates)]
    assert main([*flags, "--kinds", "code,exercises", "-o", str(tmp_path / "out")]) == 1
    assert "slots has no keys below it" in capsys.readouterr().err


def test_templates_can_be_used_up(templates):
    templates.write_text(yaml.safe_dump(FILE | {"exercises": {"longest": FILE["exercises"]["longest"]}}))
    writer = Writer(load(templates), 1)
    with pytest.raises(UserError, match="ask for fewer --exercises"):
        [writer.program() for _ in range(100_000)]


def test_corpus_keeps_what_runs(templates, tmp_path, capsys):
    """Failing programs are left out and counted; the record knows the template file; other templates remake the corpus."""
    (tmp_path / "preset.yaml").write_text(f"corpus: {{exercise_templates: {templates}}}")
    flags = [str(tmp_path / "preset.yaml"), "-d", "Json", "--kinds", "exercises", "--exercises", "30"]
    flags += ["-o", str(tmp_path / "out"), "--workers", "1"]
    assert main(flags) == 0
    total = stats_of(tmp_path / "out")["totals"]["exercises"]
    assert total["in"] == 30 and total["reasons"]["does not run: AttributeError"] >= 1
    assert total["out"] == 30 - sum(total["reasons"].values()) == len(rows_of(tmp_path / "out"))
    for row in rows_of(tmp_path / "out"):
        assert "missing()" not in row["content"]
        assert (row["license"], row["repo_name"]) == ("MIT", "exercises")
    record = read_record(tmp_path / "out" / "record.json")
    assert record["settings"]["exercises"] == 30 and "exercise templates" in record["inputs"]
    assert main(flags) == 0 and "up to date" in capsys.readouterr().out
    templates.write_text(templates.read_text() + "# changed\n")
    assert main(flags) == 0 and "stale (exercise templates" in capsys.readouterr().out


def test_warnings_count_as_failures(templates, tmp_path):
    file = json.loads(json.dumps(FILE))
    file["exercises"] = {
        "warn_<x>": {"code": "__import__('warnings').warn(str(<row>[<x>]))", "noun": "a warning of <x>"}
    }
    file["exercises"]["sum_<x>"] = FILE["exercises"]["sum_<x>"]
    templates.write_text(yaml.safe_dump(file))
    flags = ["-d", "Json", "--kinds", "exercises", "--exercises", "6", "--exercise_templates", str(templates)]
    assert main([*flags, "-o", str(tmp_path / "out"), "--workers", "1"]) == 0
    assert stats_of(tmp_path / "out")["totals"]["exercises"]["reasons"]["does not run: UserWarning"] >= 1


def test_a_domain_without_templates(tmp_path, capsys):
    assert main(["-d", "Nothing", "--kinds", "exercises", "-o", str(tmp_path / "out")]) != 0
    assert "configs/exercises/Nothing.yaml is not there; write it (docs/exercises.md)" in capsys.readouterr().err
    (tmp_path / "source").mkdir()
    (tmp_path / "source/a.py").write_text(
        'import nothing\n\n\ndef f():\n    """Do.\n\n    >>> nothing.do(1)\n    >>> 2\n    """\n'
    )
    flags = ["-d", "Nothing", "--sources", str(tmp_path / "source"), "-o", str(tmp_path / "other"), "--workers", "1"]
    assert main([*flags, "--kinds", "code,exercises"]) == 1  # they are asked for
    assert "name another with `exercise_templates: FILE` in the section corpus of a preset" in capsys.readouterr().err
    (tmp_path / "preset.yaml").write_text("corpus: {kinds: 'code,exercises'}")  # of a preset for all domains
    assert main([str(tmp_path / "preset.yaml"), *flags]) == 0
    assert "no exercises" in capsys.readouterr().out
    assert read_record(tmp_path / "other" / "record.json")["settings"]["kinds"] == ["code"]


def test_show(templates, capsys):
    assert show([str(templates), "-n", "3"]) == 0
    assert capsys.readouterr().out.count("import json") == 3


def test_page_has_a_file_that_works(tmp_path, capsys):
    """The example of docs/exercises.md, and the programs that it shows."""
    text = (TEMPLATES.parents[1] / "docs" / "exercises.md").read_text(encoding="utf-8")
    path = tmp_path / "Statistics.yaml"
    path.write_text(text.partition("```yaml\n")[2].partition("```")[0])
    assert show([str(path), "-n", "2"]) == 0
    shown = text.partition("```python\n")[2].partition("```")[0]
    assert "statistics." in shown and capsys.readouterr().out == shown


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"v": {"list": "1..3", "size": 5, "unique": True}}, "'1..3' gives 3 different values, 5 are asked for"),
        ({"v": "value of tt"}, "a definition names tt"),
    ],
)
def test_definitions_that_cannot_be_drawn(templates, capsys, change, told):
    file = json.loads(json.dumps(FILE))
    file["slots"] |= change
    file["exercises"] = {"count_<v>": FILE["exercises"]["count_<v>"]}
    templates.write_text(yaml.safe_dump(file))
    assert show([str(templates), "-n", "1"]) == 1 and told in capsys.readouterr().err


@pytest.mark.parametrize(
    "change",
    [{"exercises": {"mean": None}}, {"objects": {"row": None}}, {"slots": None}, {"objects": ["xs"]}, NO_MEMBERS],
)
def test_unfinished_lines_of_a_template_file(templates, capsys, change):
    templates.write_text(yaml.safe_dump(FILE | change))
    assert show([str(templates), "-n", "1"]) == 1 and "has no keys below it" in capsys.readouterr().err
