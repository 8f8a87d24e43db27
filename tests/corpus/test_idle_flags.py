"""Flags of the corpus that would change nothing are refused by name; a preset file may hold them."""

from argparse import Namespace
from pathlib import Path

import pytest
from test_prepare_corpus import CODE, DOC, rows_of

from nl2code.errors import UserError
from scripts.corpus.idle import refuse_with_own_corpus
from scripts.prepare_corpus import main


@pytest.fixture
def flags(tmp_path) -> list[str]:
    """Two documents, one of code and one mined."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source/a.py").write_text(DOC.format(n=1) + CODE.format(n=1))
    return ["--sources", str(tmp_path / "source"), "-o", str(tmp_path / "out"), "--workers", "1"]


@pytest.mark.parametrize(
    ("kinds", "typed", "advice"),
    [
        ("exercises", [], "add code or mined or functions to --kinds exercises, or leave --sources out"),
        ("code,mined", ["--exercises", "3000"], "add exercises to --kinds code,mined, or leave --exercises out"),
        (
            "code",
            ["--exercise_templates", "a.yaml"],
            "add exercises to --kinds code, or leave --exercise_templates out",
        ),
        ("mined", ["--min_calls", "1"], "add code to --kinds mined, or leave --min_calls out"),
        ("code", ["--run_snippets"], "add mined to --kinds code, or leave --run_snippets out"),
        (
            "code",
            ["--dataset_rows", "5"],
            "--dataset_rows 5 changes nothing without a source dataset:...; leave it out",
        ),
    ],
)
def test_what_changes_nothing_is_refused(flags, tmp_path, capsys, kinds, typed, advice):
    assert main([*flags, "--kinds", kinds, *typed]) == 1
    error = capsys.readouterr().err
    assert advice in error and error.startswith("error: --") and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_exercises_have_no_shares(tmp_path, capsys):
    command = ["-d", "Pandas", "--kinds", "exercises", "-o", str(tmp_path / "out"), "--rank", "0", "--world_size", "2"]
    assert main(command) == 1
    assert "--rank 0 changes nothing without documents of that kind; add code" in capsys.readouterr().err


def test_a_preset_file_may_hold_what_the_typed_kinds_leave_idle(flags, tmp_path):
    preset = tmp_path / "preset.yaml"
    preset.write_text("corpus: {kinds: 'mined,exercises', exercises: 4000, run_snippets: true, dataset_rows: 3}\n")
    assert main([str(preset), *flags, "--kinds", "code", "--max_share", "1", "--min_calls", "0"]) == 0
    assert [row["path"] for row in rows_of(tmp_path / "out")] == ["a.py"]
    assert main([str(preset), *flags, "--kinds", "code", "--exercises", "4000"]) == 1


def test_exercises_for_a_domain_without_templates(flags, tmp_path, capsys):
    preset = tmp_path / "preset.yaml"
    preset.write_text("corpus: {kinds: 'code,exercises', exercises: 4000}\n")
    command = [str(preset), "-d", "Nothing", "--library", "pandas", *flags]
    assert main([*command, "--exercises", "10"]) == 1
    assert "Nothing.yaml is not there; write it" in capsys.readouterr().err
    assert main(command) == 0


def test_the_folder_of_a_corpus_of_ones_own_is_named():
    with pytest.raises(UserError, match="--kinds changes nothing: data/X is your own corpus"):
        refuse_with_own_corpus(Namespace(typed={"kinds"}), Path("data/X"))


def test_a_corpus_of_ones_own_takes_no_flags(tmp_path, capsys):
    for part in ("train", "valid"):
        (tmp_path / "own" / part).mkdir(parents=True)
        (tmp_path / "own" / part / "a.jsonl").write_text('{"content": "import pandas"}\n')
    preset = tmp_path / "preset.yaml"
    preset.write_text("corpus: {kinds: mined}\n")
    own = [str(preset), "-o", str(tmp_path / "own")]
    assert main([*own, "--near_copies", "0.9"]) == 1
    assert "--near_copies changes nothing: " in capsys.readouterr().err
    assert main([*own, "--seed", "3"]) == 0
