"""Cases 1 to 3 are decided by what passed and by whether it follows its sketch."""

import json

import pytest

from scripts import cases


def row(case, passed, sketch, completion):
    return {"task_id": "a/0", "case": case, "passed": passed, "sketch": sketch, "completion": completion}


ROWS = [
    row(1, True, "df[df[string] > number]", "df[df['a'] > 18]"),
    row(1, True, "df[df[string]  > number]\n", "df[df['a'] > 18]"),  # white space is no difference
    row(1, False, "df[df[string] > number]", "df.drop('a')"),  # wrong answers show nothing about the sketch
    row(1, True, "df.drop(string)", "df.drop(columns='a')"),
    row(2, True, "df.copy()", "df.copy()"),
    row(2, False, "df.copy()", "df.copy()"),
]


def test_counts():
    assert [cases.case_of(sample) for sample in ROWS] == [1, 1, 1, 3, 2, 2]
    expected = {"1": (3, 2), "2": (2, 1), "3": (1, 1)}
    assert cases.count_cases(ROWS) == {k: {"samples": n, "passed": p} for k, (n, p) in expected.items()}
    assert sum(count["samples"] for count in cases.count_cases(ROWS).values()) == len(ROWS)
    assert cases.count_cases([{"task_id": "a", "passed": True, "completion": "x"}]) == {}


def test_command(tmp_path, capsys):
    path = tmp_path / "x_results.jsonl"
    path.write_text("".join(json.dumps(sample) + "\n" for sample in ROWS))
    assert cases.main([str(path)]) == 0
    assert "case 1: 2 of 3 passed, case 2: 1 of 2 passed, case 3: 1 of 1 passed" in capsys.readouterr().out
    path.write_text(json.dumps({"task_id": "a", "passed": True, "completion": "x"}) + "\n")
    assert cases.main([str(path)]) == 0
    assert "samples of one stage" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["{", '{"case": 1}', "[1]"])
def test_other_files_are_one_line(tmp_path, capsys, text):
    (tmp_path / "x").write_text(text)
    assert cases.main([str(tmp_path / "x")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
