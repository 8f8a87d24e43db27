"""The two notebooks run, cell by cell, on a tiny model and a tiny library."""

import json
from pathlib import Path

import pytest
import tiny

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save_tiny(tmp_path_factory.mktemp("models") / "tiny")


def run_cells(name: str, replaced: dict) -> None:
    """Execute the code cells of a notebook in one namespace; constants that a user would edit are replaced."""
    namespace: dict = {}
    cells = json.loads((ROOT / name).read_text())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    for number, source in enumerate(code):
        exec(compile(source, f"{name}, cell {number}", "exec"), namespace)
        namespace.update({key: value for key, value in replaced.items() if key in namespace})
    assert replaced.keys() <= namespace.keys()  # the names are still there


def test_generate_data(base, tmp_path, capsys):
    source = tmp_path / "mylib_user"
    source.mkdir()
    for i in range(20):
        code = f"import mylib\n\n\ndef use_{i}(x):\n    y = mylib.work(x, {i})\n    return y\n\n\nprint(use_{i}('a'))\n"
        (source / f"use_{i}.py").write_text(code)
    replaced = {"SOURCES": [str(source)], "BASE_MODEL": str(base), "DATA": str(tmp_path / "data")}
    run_cells("generate_data.ipynb", replaced)
    output = capsys.readouterr().out
    assert "def func(x):" in output and "# [segmentation]" in output
    assert (tmp_path / f"data/generator_bin/{base.name}_quick/train.idx").exists()


def test_interacting(base, capsys):
    replaced = {name: str(base) for name in ("MODEL", "SKETCHER", "GENERATOR")}
    run_cells("Interacting_with_PyCodeGPT.ipynb", replaced)
    assert "sketch:" in capsys.readouterr().out
