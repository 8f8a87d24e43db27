"""Cases 1 to 3 are decided by what passed and by whether it follows its sketch."""

import gzip
import hashlib
import json

import pytest

from scripts import cases
from scripts.reporting.cases import case_of, count_cases, markdown


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
    assert [case_of(sample) for sample in ROWS] == [1, 1, 1, 3, 2, 2]
    expected = {"1": (3, 2), "2": (2, 1), "3": (1, 1)}
    assert count_cases(ROWS) == {k: {"samples": n, "passed": p} for k, (n, p) in expected.items()}
    assert sum(count["samples"] for count in count_cases(ROWS).values()) == len(ROWS)
    assert count_cases([{"task_id": "a", "passed": True, "completion": "x"}]) == {}


def test_command(tmp_path, capsys):
    path = tmp_path / "x_results.jsonl"
    path.write_text("".join(json.dumps(sample) + "\n" for sample in ROWS))
    assert cases.main([str(path)]) == 0
    assert "case 1: 2 of 3 passed, case 2: 1 of 2 passed, case 3: 1 of 1 passed" in capsys.readouterr().out
    path.write_text(json.dumps({"task_id": "a", "passed": True, "completion": "x"}) + "\n")
    assert cases.main([str(path)]) == 0
    assert "samples of one stage" in capsys.readouterr().out


def test_table(tmp_path, capsys):
    """The first sample of each case that passed and has one line; a bar is escaped."""
    path, file = tmp_path / "x_results.jsonl", tmp_path / "cases.json"
    first = row(1, True, "a\n| b", "a\n| b"), row(1, True, "a | number", "a | 2")
    path.write_text("".join(json.dumps(sample) + "\n" for sample in (*first, *ROWS)))
    assert cases.main([str(path), "--table", str(file)]) == 0
    table, shown = json.loads(file.read_text()), capsys.readouterr().out
    assert [table["examples"][case]["sketch"] for case in "123"] == ["a | number", "df.copy()", "df.drop(string)"]
    assert table["results_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert "| 4 of 5 | a/0 | `a \\| number` | `a \\| 2` |" in shown
    with pytest.raises(SystemExit):
        cases.main([str(path), str(path), "--table", str(file)])


@pytest.mark.parametrize("text", ["{", '{"case": 1}', "[1]"])
def test_other_files_are_one_line(tmp_path, capsys, text):
    (tmp_path / "x_results.jsonl").write_text(text)
    assert cases.main([str(tmp_path / "x_results.jsonl")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_nothing_in_a_table_is_markup():
    example = {"task_id": "a|<b>", "sample_id": 0, "sketch": "`string`", "completion": "f('``') | 2"}
    shown = markdown({"counts": {"2": {"samples": 1, "passed": 1}}, "examples": {"2": example}})
    assert shown.endswith("| a\\|\\<b\\> | `` `string` `` | ```f('``') \\| 2``` |")


def test_a_name_that_leads_to_no_record_is_refused(tmp_path, capsys):
    (tmp_path / "x.jsonl").write_text(json.dumps(ROWS[0]) + "\n")
    assert cases.main([str(tmp_path / "x.jsonl")]) == 1
    assert "x.jsonl does not end in _results.jsonl" in capsys.readouterr().err


def test_the_operation_of_the_samples_decides(tmp_path, capsys):
    """Names of the prompt are user-defined in the completion too; the record names operation and problem file."""
    problems = tmp_path / "P.jsonl"
    task = {"task_id": "a/0", "prompt": "def head(frame, n):\n    return ", "entry_point": "head", "test": ""}
    problems.write_text(json.dumps(task) + "\n")
    sha256 = hashlib.sha256(problems.read_bytes()).hexdigest()
    results = tmp_path / "x_results.jsonl"
    results.write_text(json.dumps(row(1, True, "argument.head(argument + number)", "frame.head(n + 1)")) + "\n")
    for operation, file, case in (("both", problems, 1), ("constants", problems, 3), ("both", "gone.jsonl", None)):
        benchmark = {"name": "P", "sha256": sha256, "file": str(file)}
        record = {"settings": {"operation": operation}, "inputs": {}, "benchmark": benchmark}
        (tmp_path / "x.meta.json").write_text(json.dumps(record))
        assert cases.main([str(results)]) == (0 if case else 1)
        if case is None:
            assert f"{results}: gone.jsonl is gone or changed" in capsys.readouterr().err
            continue
        assert f"case {case}: 1 of 1 passed" in capsys.readouterr().out
        assert cases.main([str(results), "--table", str(tmp_path / "table.json")]) == 0
        assert list(json.loads((tmp_path / "table.json").read_text())["examples"]) == [str(case)]
        zipped = results.with_name("x_results.jsonl.gz")
        for content in (gzip.compress(results.read_bytes()), results.read_bytes()):
            zipped.write_bytes(content)
            capsys.readouterr()
            assert cases.main([str(zipped)]) == 0
            assert f"case {case}: 1 of 1 passed" in capsys.readouterr().out
    (tmp_path / "x.meta.json").unlink()
    benchmark = {"name": "P", "sha256": sha256, "file": str(problems)}
    sampling = {"settings": {"operation": "both"}, "inputs": {}, "benchmark": benchmark}
    (tmp_path / "x_metrics.json").write_text(json.dumps({"sampling": sampling}))  # the evaluation's copy of the record
    assert cases.main([str(results)]) == 0
    assert "case 1: 1 of 1 passed" in capsys.readouterr().out


def test_a_completion_that_syntax_cut_follows_its_sketch():
    """Sketches hold all that `first_block` leaves."""
    sample = row(1, True, "df.head(number)\ny = (string", "df.head(3)")
    assert case_of(sample | {"raw": "df.head(3)\ny = ('a'\nprint(y)"}) == 1 and case_of(sample) == 3


def test_an_answer_without_a_sketch_corrects_none():
    assert case_of(row(1, True, "", "df.head(3)")) == 1


@pytest.mark.parametrize("character", "\x0b\x0c\x1c\x85\u2028\u2029")
def test_lines_end_at_a_line_feed(tmp_path, capsys, character):
    text = json.dumps(row(1, True, "f(string)", f"f('{character}')"), ensure_ascii=False)
    (tmp_path / "x_results.jsonl").write_text(text + "\n")
    assert cases.main([str(tmp_path / "x_results.jsonl")]) == 0
    assert "case 1: 1 of 1 passed" in capsys.readouterr().out
