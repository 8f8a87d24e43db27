"""Metrics of the stages: what each source was asked, what the numbers of hand-made rows are, and the command."""

import json
import re
from pathlib import Path

import pytest
from tiny import save_tiny, tiny_model, tiny_tokenizer

from nl2code.sampling import Completion, Sampler
from scripts import stage_metrics
from scripts.file_utils import read_jsonl, write_jsonl
from scripts.generating.stage_texts import Stages, Task
from scripts.generating.two_stages import TwoStages
from scripts.generating.units import Chunk
from scripts.reporting.references import api_calls
from scripts.reporting.stages import copies, groups_of, markdown, row_of, summary
from scripts.sketches.documents import SEGMENTATION

CIRCUMSTANCES = ("ceiling", "versions", "sandbox", "limits")
CHECK = "def check():\n    assert x == 3"
PROBLEMS = [
    {"task_id": "P/0", "prompt": "import math\nx = ", "canonical_solution": "math.floor(3.5)", "level": "basic"},
    {"task_id": "P/1", "prompt": "a = 3\nx = ", "canonical_solution": ["a\n", "a + 0"], "level": "hard"},
    {"task_id": "P/2", "prompt": "y = 1\nx = ", "canonical_solution": "y + 2", "level": "hard"},
]
PROBLEMS = [problem | {"entry_point": "none", "test": CHECK} for problem in PROBLEMS]
FLOOR, A, Y = (problem["prompt"] for problem in PROBLEMS)
# What stand-ins of models write after a prompt.
SKETCHER = {FLOOR: "math.floor(float)", A: "a", Y: "y + 1\n\nprint(x)"}
GENERATOR = {
    "math.floor(float)" + SEGMENTATION + FLOOR: "math.floor(3.7)",
    "a" + SEGMENTATION + A: "a",
    "y + number" + SEGMENTATION + Y: "y + number",
    "y + 1" + SEGMENTATION + Y: "y + 1",
    **{FLOOR: "4", A: "a\nx = 4", Y: "y + 2\nx = ("},
}
BASE = {FLOOR: "3", A: "1", Y: "2"}


class Scripted(Sampler):
    """Writes given texts; a tiny model says how likely texts are."""

    def __init__(self, texts, seed=0):
        tokenizer = tiny_tokenizer()
        super().__init__(tiny_model(tokenizer, seed), tokenizer)
        self.texts, self.asked = texts, []

    def sample_many(self, requests, *, temperature, **_):
        self.asked += [(request.prompt, request.count, temperature) for request in requests]
        texts = {r.prompt: self.texts[r.prompt] for r in requests}
        found = {p: Completion(text.partition("\nprint")[0].rstrip(), text, 1, "eos") for p, text in texts.items()}
        return [[found[r.prompt]] * r.count for r in requests]


def scripted():
    return {"sketcher": Scripted(SKETCHER), "generator": Scripted(GENERATOR, 1), "base": Scripted(BASE, 2)}


def tasks():
    sketches = (["math.floor(float)"], ["a", "a + number"], ["y + number"])
    solutions = (["math.floor(3.5)"], ["a", "a + 0"], ["y + 2"])
    return [Task(*parts) for parts in zip(PROBLEMS, solutions, sketches, strict=True)]


def test_every_source_gets_its_prompt_once():
    models, found = scripted(), tasks()
    Stages(models.get, {}, draws=3, temperature=0.7).fill(found, ["base"])
    assert models["sketcher"].asked == [(p, 1, 0) for p in (FLOOR, A, Y)] + [(p, 3, 0.7) for p in (FLOOR, A, Y)]
    assert sorted(models["generator"].asked) == sorted((prompt, 1, 0) for prompt in GENERATOR)
    assert models["base"].asked == [(p, 1, 0) for p in (FLOOR, A, Y)]
    assert [task.draft for task in found] == [task.popular for task in found] == ["math.floor(float)", "a", "y + 1"]
    last = {source: text["first_block"] for source, text in found[2].texts.items()}
    assert last == {
        **{"sketcher": "y + 1", "two_stages": "y + 1", "base": "2"},
        **{"generator+reference": "y + number", "generator+draft": "y + 1", "generator": "y + 2\nx = ("},
    }
    assert found[2].texts["generator"]["syntax"] == "y + 2"
    assert all(set(task.nll) == {"generator+reference", "generator", "base"} for task in found)
    assert all(set(task.sketch_nll) == {"sketcher", "base"} for task in found)


def test_two_stages_are_those_of_the_generation_program():
    models, found = scripted(), tasks()
    found[0].problem = found[0].problem | {"task_id": "other"}
    Stages(models.get, {}).fill(found, [])
    for task in found:
        stages = TwoStages(Scripted(SKETCHER), Scripted(GENERATOR), *[{"temperature": 0}] * 2, "greedy")
        ((row,),) = stages.complete([Chunk(task.problem, 0, 1)])
        assert (row["raw"], row["sketch"]) == tuple(task.texts["two_stages"][key] for key in ("raw", "sketch"))


def text(sketch, code):
    return {"raw": code, "sketch": sketch, "first_block": code, "syntax": code}


def hand_made(level, calls, reference, draft, led, passed, nll):
    """A row; `led` is what the generator made of the reference's sketch, `passed` of base and with this sketch."""
    return {
        **{"task_id": "P", "prompt": "x = ", "level": level, "calls": calls, "draft": draft, "popular": None},
        "references": [{"solution": "", "sketch": reference}, {"solution": "", "sketch": "alternative()"}],
        "texts": {"generator+reference": text(reference, led), "generator+draft": text(draft, led)},
        "passed": {
            source: {"first_block": bool(found), "syntax": True}
            for source, found in zip(("base", "generator+reference"), passed, strict=True)
        },
        "nll": dict(zip(("base", "generator+reference"), nll, strict=True)),
        "sketch_nll": {"sketcher": 1.0, "base": 3.0},
    }


ROWS = [
    hand_made("basic", "1", "f(number)", " f(number) ", "f(2)", (0, 1), (2.0, 1.0)),
    hand_made("basic", "2", "f(string)", "f(a)", "f(string)", (1, 1), (3.0, 0.5)),
    hand_made("hard", "1", "f(string)", "alternative()", "g('a')", (1, 0), (4.0, 3.5)),
    hand_made("hard", "1", "f(a)", "f(number)", "f(a)", (0, 1), (1.0, 1.5)),
]
ALL = {
    "draft has placeholder": (1 / 3, 3),
    "draft is reference sketch": (2 / 4, 4),
    "draft stands (case 2)": (2 / 4, 4),
    "follows sketch, generator+reference": (1 / 3, 3),
    "copies placeholders, generator+reference": (1 / 3, 3),
    "follows sketch, generator+draft": (1 / 2, 2),  # f(2) follows f(number), f(a) does not
    "copies placeholders, generator+draft": (0, 2),
    "pass@1 first_block, base": (2 / 4, 4),
    "pass@1 first_block, generator+reference": (3 / 4, 4),
    "pass@1 first_block, generator+reference - base": (1 / 4, 4),
    "pass@1 syntax, base": (1, 4),
    "pass@1 syntax, generator+reference": (1, 4),
    "pass@1 syntax, generator+reference - base": (0, 4),
    "nll, base": (2.5, 4),
    "nll, generator+reference": (1.625, 4),
    "nll, generator+reference - base": (-0.875, 4),
    "nll of sketch, sketcher": (1, 4),
    "nll of sketch, base": (3, 4),
    "nll of sketch, sketcher - base": (-2, 4),
}


def test_numbers_of_hand_made_rows():
    groups = summary(ROWS)
    assert {name: (mean["value"], mean["n"]) for name, mean in groups["all"]["metrics"].items()} == {
        name: (pytest.approx(value, abs=1e-6), n) for name, (value, n) in ALL.items()
    }
    assert {name: group["problems"] for name, group in groups.items()} == {
        **{"all": 4, "level basic": 2, "level hard": 2, "calls 1": 3, "calls 2": 1}
    }
    assert groups["level hard"]["metrics"]["nll, generator+reference - base"]["value"] == 0
    assert groups["calls 2"]["metrics"]["draft has placeholder"] == {"value": 0, "ci95": [0, 0], "n": 1}
    assert groups["all"]["metrics"]["nll of sketch, sketcher - base"]["ci95"] == [-2, -2]  # paired
    low, high = groups["all"]["metrics"]["nll, generator+reference - base"]["ci95"]
    assert -2.5 <= low < -0.875 < high <= 0.5


def test_the_table_has_a_line_for_every_metric():
    lines = markdown(summary(ROWS)).split("\n")
    assert len(lines) == 2 + len(ALL) and len({line.count("|") for line in lines}) == 1
    assert "| nll of sketch, base | 3.000 [3.000, 3.000] | 4 | 3.000 | 3.000 | 3.000 | 3.000 |" in lines
    lone = markdown(summary([row | {"level": "all"} for row in ROWS])).split("\n")[0]
    assert lone == "| metric | all | n | calls 1 (3) | calls 2 (1) |"


@pytest.mark.parametrize(
    "prompt, completion, count",
    [
        ("df = ", "df[df['a'] > 1]", 0),
        ("import numpy as np\nfrom numpy import arange as a\nx = ", "np.sum(a(3)).round(len(y))", 3),
        ("x = f(df.head(), ", "g(1), df.tail())", 1),  # f and g are no library's
        ("x = df.join(\n    é, ", "on='a')", 1),
        ("def f(df):\n", "    df = df.copy()\n    return df.head(int(3))", 2),
        ("x = ", "f(((", 0),
    ],
)
def test_api_calls(prompt, completion, count):
    assert api_calls(prompt, completion) == count


def test_rows_are_grouped_by_level_and_calls():
    found = tasks()
    found[0].problem = {key: value for key, value in PROBLEMS[0].items() if key != "level"}
    groups = groups_of([row_of(task) for task in found])
    assert {name: len(rows) for name, rows in groups.items()} == {"all": 3, "level hard": 2, "calls 0": 2, "calls 1": 1}


@pytest.fixture
def command(tmp_path):
    """Paths of a tiny model and problems, as flags; the result file."""
    model, problems, output = str(save_tiny(tmp_path / "model")), tmp_path / "P.jsonl", tmp_path / "out" / "r.json"
    write_jsonl(problems, PROBLEMS)
    flags = ["-sketcher", model, "-generator", model, "-base", model, "--problems", str(problems), "-o", str(output)]
    return [*flags, "-l", "8"], output


def test_verdicts_of_the_sandbox(command, monkeypatch, capsys):
    flags, output = command
    order = iter(("sketcher", "generator", "base"))
    monkeypatch.setattr(stage_metrics, "open_sampler", lambda name, args: scripted()[next(order)])
    assert stage_metrics.main([*flags, "-n", "2"]) == 0
    result = json.loads(output.read_text())
    values = {name: mean["value"] for name, mean in result["groups"]["all"]["metrics"].items()}
    third = pytest.approx(1 / 3, abs=1e-6)
    passed = {name: value for name, value in values.items() if name.startswith("pass@1") and " - " not in name}
    assert passed == {
        "pass@1 first_block, sketcher": third,
        "pass@1 first_block, generator+reference": pytest.approx(2 / 3, abs=1e-6),
        "pass@1 first_block, generator+draft": pytest.approx(2 / 3, abs=1e-6),
        "pass@1 first_block, generator": 0,
        "pass@1 first_block, two_stages": pytest.approx(2 / 3, abs=1e-6),
        "pass@1 first_block, base": third,
        "pass@1 syntax, sketcher": third,
        "pass@1 syntax, generator+reference": pytest.approx(2 / 3, abs=1e-6),
        "pass@1 syntax, generator+draft": pytest.approx(2 / 3, abs=1e-6),
        "pass@1 syntax, generator": pytest.approx(2 / 3, abs=1e-6),
        "pass@1 syntax, two_stages": pytest.approx(2 / 3, abs=1e-6),
        "pass@1 syntax, base": third,
    }
    assert values["draft has placeholder"] == 0.5 and values["copies placeholders, generator+reference"] == 0.5
    assert (
        values["popular is reference sketch"] == values["draft is reference sketch"] == pytest.approx(2 / 3, abs=1e-6)
    )
    page = (Path(__file__).resolve().parents[2] / "docs/stage-metrics.md").read_text()
    told = set(re.findall(r"`([^`]+)`", re.sub(r"(?s)```.*?```", "", page)))
    named = {
        re.sub("(?<=pass@1 )\\w+", "CUT", re.sub(", .*", ", SOURCE", name)) for name in values if " - " not in name
    }
    assert named <= told and set(result["problems"][0]) <= told
    shared = {"stage", "format", "inputs", "settings", "outputs", "run"}  # of all records
    assert set(result) - shared == {"models", "benchmark", "groups", "problems", *CIRCUMSTANCES}
    assert set(result) - shared <= told
    assert result["ceiling"]["value"] == 1 and result["settings"]["operation"] == "constants"
    assert "| pass@1 syntax, base | 0.333 [0.000, 1.000] | 3 |" in capsys.readouterr().out


def test_a_finished_result_stays_and_other_settings_are_refused(command, capsys):
    flags, output = command
    assert stage_metrics.main([*flags, "--limit", "2"]) == 0
    table, first = capsys.readouterr().out, output.read_bytes()
    assert json.loads(first)["benchmark"]["evaluated"] == 2
    assert stage_metrics.main([*flags, "--limit", "2"]) == 0
    printed = capsys.readouterr()
    assert "nothing to do" in printed.err and printed.out == table and output.read_bytes() == first
    assert stage_metrics.main([*flags, "--limit", "1"]) == 1
    assert "limit: 2 -> 1; choose another -o" in capsys.readouterr().err
    output.write_text("{}")
    assert stage_metrics.main(flags) == 1
    assert "move it away" in capsys.readouterr().err and output.read_text() == "{}"


def test_models_without_weights_are_refused(command, capsys):
    flags, output = command
    assert stage_metrics.main([*flags, "-normal", "openai:some"]) == 1
    assert "openai:some does not give; give a folder" in capsys.readouterr().err


@pytest.mark.parametrize("flag", [["-t", "0.2"], ["-p", "0.9"], ["--seed", "42"]])
def test_settings_of_draws_are_refused_where_none_is_drawn(command, capsys, flag):
    with pytest.raises(SystemExit):
        stage_metrics.parse_args([*command[0], *flag])
    assert "is for sampled sketches, and --num_samples 1 samples none" in capsys.readouterr().err
    args = stage_metrics.parse_args([*command[0], *flag, "-n", "2"])
    assert (args.temperature, args.top_p, args.seed) == (0.2, 0.9, 42)


def test_a_name_of_the_prompt_is_no_copied_placeholder():
    texts = {"generator+draft": text("string[number]", "string[1]")}
    assert not copies({"prompt": "def f(string): return ", "texts": texts}, "generator+draft")


def test_a_problem_without_a_reference_is_refused(command, capsys):
    flags, output = command
    problems = output.parent.parent / "P.jsonl"
    write_jsonl(problems, [{k: v for k, v in p.items() if k != "canonical_solution"} for p in read_jsonl(problems)])
    assert stage_metrics.main(flags) == 1
    assert "P/0 has no canonical_solution" in capsys.readouterr().err
