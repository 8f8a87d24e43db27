"""--help of the programs: their docstring, with commands to copy, and where the file of settings goes."""

import ast
import re
from pathlib import Path

import pytest

import eval_cert
import eval_cert_unified
import run_cert
from scripts import cases, encode_domain, prepare_corpus
from scripts.reporting import cases as reporting_cases

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = sorted([*ROOT.glob("*.py"), *(ROOT / "scripts").glob("*.py")])


@pytest.mark.parametrize("file", PROGRAMS, ids=lambda file: file.name)
def test_commands_stand_on_indented_lines(file):
    doc = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    assert re.findall(r"(?m)^(?:python|torchrun) .*", doc) == []


def test_cases_are_defined_where_they_are_counted():
    walkthrough = (ROOT / "docs/WALKTHROUGH.md").read_text()
    for text in (cases.__doc__, reporting_cases.__doc__, walkthrough):
        told = "the sketch that was chosen had no placeholder, so the sketcher's own text was kept"
        assert told in " ".join(text.split())
    assert [number for number in "123" if f"{number}: the " not in " ".join(cases.__doc__.split())] == []


@pytest.mark.parametrize(
    ("program", "usage"),
    [
        (run_cert, "[FILE.yaml] --model_name_or_path MODEL --train_file PREFIX --output_dir FOLDER [flags]"),
        (eval_cert, "[PROTOCOL.yaml] -model MODEL [flags]"),
        (eval_cert_unified, "[PROTOCOL.yaml] -sketcher MODEL -generator MODEL [flags]"),
        (prepare_corpus, "[PRESET.yaml] [flags]"),
        (encode_domain, "[PRESET.yaml] -model MODEL [flags]"),
    ],
)
def test_the_file_of_settings_comes_first(program, usage, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", [Path(program.__file__).name])
    try:
        program.main(["--help"])
    except SystemExit as status:
        assert status.code == 0
    assert capsys.readouterr().out.startswith(f"usage: {Path(program.__file__).name} {usage}\n\n{program.__doc__}")
