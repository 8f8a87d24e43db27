"""The two notebooks run, cell by cell, on a tiny model, with a tiny library and with pairs; their outputs are stripped."""

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import tiny

from nl2code.models import find_folder, has_weights

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = {file.name: json.loads(file.read_text(encoding="utf-8")) for file in ROOT.glob("*.ipynb")}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save_tiny(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(autouse=True)
def no_display(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setattr(sys, "path", [*sys.path])  # the notebooks add to it
    monkeypatch.chdir(ROOT)


def run_cells(name: str, replaced: dict) -> dict:
    """Execute the code cells of a notebook in one namespace and return it; constants that a user edits are replaced."""
    namespace: dict = {}
    code = ["".join(cell["source"]) for cell in NOTEBOOKS[name]["cells"] if cell["cell_type"] == "code"]
    for number, source in enumerate(code):
        exec(compile(source, f"{name}, cell {number}", "exec"), namespace)
        namespace.update({key: value for key, value in replaced.items() if key in namespace})
    assert replaced.keys() <= namespace.keys()  # the names are still there
    return namespace


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_cells_are_stripped_and_short(name):
    assert len(NOTEBOOKS) == 2
    for number, cell in enumerate(NOTEBOOKS[name]["cells"]):
        text = "".join(cell["source"])
        assert cell["id"] == f"cell-{number}" and text.count("\n") < 25 and max(map(len, text.split("\n"))) <= 140
        assert cell["cell_type"] == "markdown" or (cell["outputs"], cell["execution_count"]) == ([], None)


def test_generate_data(base, tmp_path, capsys):
    source = tmp_path / "mylib_user"
    source.mkdir()
    for i in range(20):
        code = f"import mylib\n\n\ndef use_{i}(x):\n    y = mylib.work(x, {i})\n    return y\n\n\nprint(use_{i}('a'))\n"
        (source / f"use_{i}.py").write_text(code)
    (source / "other.py").write_text("x = 1\n")
    replaced = {"SOURCES": [str(source)], "BASE_MODEL": str(base), "DATA": str(tmp_path / "data")}
    found = run_cells("generate_data.ipynb", replaced)
    output = capsys.readouterr().out
    assert "def func(x):" in output and "# [segmentation]" in output
    assert (tmp_path / f"data/generator_bin/{base.name}_quick/train.idx").exists()
    row = found["accounts"].set_index("kind").loc["code"]
    assert (row["in"], row["out"]) == (21, 20) and row["left out"] == {"does not import the library": 1}
    assert found["sizes"]["lines"]["count"].sum() == 20 and found["calls"]["work"] == 20
    assert [len(axis.patches) > 0 for axis in found["figure"].axes] == [True] * 3
    assert set(found["shards"]["type"]) == {"sketcher", "generator"}


def write_pairs(file: Path) -> Path:
    rows = [f'"numbers above {i}","SELECT abs(n)\nFROM t\nWHERE n > {i}"' for i in range(30)]
    file.write_text("\n".join(["QUESTION,ANSWER", *rows, "no answer"]) + "\n")
    return file


def test_generate_data_from_pairs(base, tmp_path, capsys):
    replaced = {"PAIRS": [str(write_pairs(tmp_path / "pairs.csv"))], "COMMENT": "--", "BASE_MODEL": str(base)}
    found = run_cells("generate_data.ipynb", replaced | {"DATA": str(tmp_path / "data")})
    output = capsys.readouterr().out
    assert "-- numbers above" in output and "  --comment -- -o results/pairs.json\n" in output
    (row,) = found["accounts"].to_dict("records")
    assert (row["in"], row["out"], row["left out"]) == (31, 30, {"no answer": 1})
    assert found["shards"]["documents"].sum() == 30 and set(found["shards"]["type"]) == {"normal"}
    assert found["calls"]["abs"] == 30


def test_interacting(base, tmp_path, capsys, monkeypatch):
    """Without ipywidgets, and over pairs."""
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    replaced = {name: str(base) for name in ("MODEL", "SKETCHER", "GENERATOR")}
    replaced |= {"LIMIT": 3, "SAMPLES": 4, "MAX_TOKENS": 20, "PAIRS": str(write_pairs(tmp_path / "pairs.csv"))}
    found = run_cells("Interacting_with_PyCodeGPT.ipynb", replaced)
    output = capsys.readouterr().out
    assert "sketch: " in output and "ANSWER passes: True" in output and "exact match 0.000" in output
    assert found["sketches"].total() == found["codes"].total() == 4
    assert set(found["verdicts"]) == set(found["codes"])
    assert [task["n"] for task in found["over_problems"]["tasks"].values()] == [4] * 3
    assert found["over_pairs"]["texts"] == 3


def test_sketcher_and_generator_of_interacting_ship():
    cells = ["".join(cell["source"]) for cell in NOTEBOOKS["Interacting_with_PyCodeGPT.ipynb"]["cells"]]
    names = re.findall(r'(?m)^(?:SKETCHER|GENERATOR) = "(.+)"', "\n".join(cells))
    assert len(names) == 2 and all(has_weights(find_folder(name, "adapter_config.json")) for name in names)


def test_sliders_set_the_temperatures(base, monkeypatch, capsys):
    """With ipywidgets, of which a stand-in moves the slider of the code: one model samples at it, sketches keep theirs."""
    made = {}

    def float_slider(value, description, **_):
        made[description] = value
        return SimpleNamespace(value=1.5 if description == "code" else value)

    widgets = SimpleNamespace(FloatSlider=float_slider, VBox=list)
    monkeypatch.setitem(sys.modules, "ipywidgets", widgets)
    replaced = {name: str(base) for name in ("MODEL", "SKETCHER", "GENERATOR")} | {"LIMIT": 1, "SAMPLES": 3}
    asked = []
    import nl2code.sampling as sampling

    class Sampler(sampling.Sampler):
        def sample_many(self, requests, **settings):
            asked.append(settings["temperature"])
            return super().sample_many(requests, **settings)

    monkeypatch.setattr(sampling, "Sampler", Sampler, raising=False)
    run_cells("Interacting_with_PyCodeGPT.ipynb", replaced | {"MAX_TOKENS": 8, "TEMPERATURE": 0.0})
    assert made == {"sketches": 0.0, "code": 0.2} and asked[:2] == [1.5, 0.0] and "set PAIRS" in capsys.readouterr().out
