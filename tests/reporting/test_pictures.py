"""README's pictures: those of the committed files, whose example is real; self-contained SVG in which nothing overlaps."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from pandas_numpy_eval.data import read_problems
from scripts.file_utils import write_json
from scripts.generating import playground
from scripts.generating.playground import PASSED, Answer, Result, Wish, judge
from scripts.reporting import pictures, scores_picture
from scripts.reporting.svg import EM
from scripts.reporting.two_stages_picture import two_stages_picture

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "pictures"
EXAMPLE = json.loads((FOLDER / pictures.EXAMPLE).read_text())
LONG = "x" * 120
HOSTILE = EXAMPLE | {
    "prompt": f"a < b & c\n\n  '\"{LONG} = ",
    "sketch": "<b>&\nf(string)",
    "code": "</svg>",
    "passed": False,
}
HOSTILE |= {"sketches": [["<b>&\nf(string)", 4], ["g", 3], ["h", 1], ["i", 1], ["j", 1]], "samples": 10}


def test_committed_pictures(tmp_path):
    write_json(tmp_path / pictures.EXAMPLE, EXAMPLE)
    assert pictures.main(["--pictures", str(tmp_path)]) == 0
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == sorted(path.name for path in FOLDER.iterdir()) and len(names) == 3
    for name in names:
        told = "run python -m scripts.reporting.pictures"
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes(), told
    shown = (ROOT / "README.md").read_text()
    assert [name for name in names if name.endswith(".svg") and f"](docs/pictures/{name})" not in shown] == []


def test_the_example_is_real():
    problem = read_problems(EXAMPLE["benchmark"])[EXAMPLE["task_id"]]
    assert EXAMPLE["prompt"] == problem["prompt"]
    counts = [count for _, count in EXAMPLE["sketches"]]
    assert sum(counts) == EXAMPLE["samples"] and counts == sorted(counts, reverse=True)
    assert EXAMPLE["sketch"] == EXAMPLE["sketches"][0][0] and 0 < EXAMPLE["count"] <= EXAMPLE["samples"]
    for told in (pictures.__doc__, (ROOT / "CONTRIBUTING.md").read_text()):
        assert re.findall(r"--task (Cert\w+/\d+)", told) == [EXAMPLE["task_id"]]
    verdicts, _ = judge({EXAMPLE["code"]: EXAMPLE["prompt"] + EXAMPLE["code"]}, problem)
    assert (verdicts[EXAMPLE["code"]][0] == PASSED) == EXAMPLE["passed"]


@pytest.mark.parametrize("picture", ["two-stages.svg", "scores.svg", HOSTILE])
def test_svg(picture):
    """Well-formed, no reference to anything outside, and each line of text inside the card."""
    text = (FOLDER / picture).read_text() if isinstance(picture, str) else two_stages_picture(picture)
    assert re.findall(r"url\(|href|@import|<image|<script|&#", text) == []
    root = ET.fromstring(text)
    width, height = (float(root.get(key)) for key in ("width", "height"))
    baselines: dict[tuple[float, float], str] = {}
    for element in root.iter("{http://www.w3.org/2000/svg}text"):
        x, y, size = (float(element.get(key)) for key in ("x", "y", "font-size"))
        long = len(element.text or "") * EM * size * (1 if element.get("class") == "m" else 0.9)
        left = x - {"start": 0, "middle": long / 2, "end": long}[element.get("text-anchor")]
        assert left >= 8 and left + long <= width - 8 and size <= y <= height - 8, element.text
        assert baselines.setdefault((x, y), element.text) == element.text
    if picture is HOSTILE:
        texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
        assert {"a < b & c", "<b>&", "f(string)", f"  '\"{LONG} = </svg>", "others: 1", "✗ fails the test"} <= {*texts}


def test_a_new_example(tmp_path, monkeypatch):
    """What the playground drew; the most frequent answer of both stages."""
    prompt = read_problems("PandasDev")["CertPandasDev/48"]["prompt"]
    answers = [Answer("z", 5, "z", 2, PASSED, "", ""), Answer("f(1)", 3, "f(number)", 1, "failed", "assertion", "")]

    class Stub(playground.Playground):
        def __init__(self, models, problems, dtype):
            assert (models.sketcher, models.generator, problems) == ("S", "G", "PandasDev")
            self.problems = read_problems(problems)

        def run(self, prompt, wish, task_id=""):
            return Result(prompt, task_id, wish, [("f(number)", 7), ("z", 1)], answers, "layer", (0, 0))

    monkeypatch.setattr(playground, "Playground", Stub)
    flags = ["--pictures", str(tmp_path), "--task", "CertPandasDev/48", "-sketcher", "S", "-generator", "G", "-n", "8"]
    assert pictures.main(flags) == 0
    found = json.loads((tmp_path / pictures.EXAMPLE).read_text())
    shown = {key: found[key] for key in ("prompt", "sketch", "code", "count", "passed", "samples", "settings")}
    assert shown == {
        **{"prompt": prompt, "sketch": "f(number)", "code": "f(1)", "count": 3, "passed": False, "samples": 8},
        "settings": f"{Wish(n=8)}, float32",
    }
    assert found["sketches"] == [["f(number)", 7], ["z", 1]] and set(found) == set(EXAMPLE)
    del answers[1]
    (tmp_path / "two-stages.svg").unlink()
    assert pictures.main(flags) == 1 and not (tmp_path / "two-stages.svg").exists()


def test_scores_of_any_size_and_runs_of_other_problems_have_a_picture():
    def score(value: float) -> dict:
        return {"value": value, "ci95": [value, value]}

    found = {"B": {"all problems (9)": {"base": score(0.0)}, "all problems (5)": {"cert": score(0.004)}}}
    assert "cert" in scores_picture.scores_picture(found)
    found["B"]["all problems (5)"]["cert"] = score(0.405)
    assert ">50</text>" in scores_picture.scores_picture(found)  # the axis goes beyond the highest bound


def test_errors_are_one_line(tmp_path, capsys):
    assert pictures.main(["--pictures", str(tmp_path)]) == 1
    write_json(tmp_path / pictures.EXAMPLE, EXAMPLE)
    assert pictures.main(["--pictures", str(tmp_path), "--results", str(tmp_path)]) == 1
    first, second = capsys.readouterr().err.strip().split("\n")
    assert "make it with --task" in first and "no *_metrics.json under" in second


@pytest.mark.parametrize("flag", [("-n", "10"), ("-d", "PandasDev"), ("-sketcher", "x"), ("--dtype", "float32")])
def test_flags_of_the_example_need_a_task(capsys, flag):
    with pytest.raises(SystemExit):
        pictures.main([*flag])
    assert "-n and --dtype are for --task; add it" in capsys.readouterr().err
