"""Corpora of pairs: files in every shape, bad rows with their places, sides without a common text, what is refused."""

import csv
import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts import encode_domain, prepare_corpus, prepare_pairs
from scripts.corpus.ledger import Ledger
from scripts.corpus.pairs import Pair, _pair, csv_rows, read_pairs
from scripts.file_utils import exclusive, read_jsonl


def write_csv(path, rows, names=("QUESTION", "ANSWER", "ID")):
    with open(path, "w", newline="", encoding="utf-8-sig") as stream:
        csv.writer(stream).writerows([names, *rows])
    return path


def many(count=60):
    """Pairs of which every third text comes twice, once in capitals."""
    rows = [(f"rows with more than {i}", f"SELECT *\nFROM t\nWHERE a > {i};") for i in range(count)]
    return rows + [(text.upper(), code.replace("*", "a")) for text, code in rows[::3]]


def prepared(tmp_path, rows, *flags):
    source = tmp_path / "pairs.jsonl"
    source.write_text("".join(json.dumps({"text": text, "code": code}) + "\n" for text, code in rows))
    status = prepare_pairs.main([str(source), "-o", str(tmp_path / "out"), *flags])
    return status, {
        side: [row for file in sorted((tmp_path / "out" / side).glob("*.gz")) for row in read_jsonl(file)]
        for side in ("train", "valid")
    }


def test_csv_and_json_lines_give_the_same_pairs(tmp_path):
    rows = [('say "hi", twice\nplease', "a\n  b;"), ("é\u2028x", "c")]
    table = write_csv(tmp_path / "a.csv", [(*row, i) for i, row in enumerate(rows)])
    lines = tmp_path / "a.jsonl.gz"
    with gzip.open(lines, "wt", encoding="utf-8") as stream:
        stream.writelines(json.dumps({"text": text, "code": code}) + "\n" for text, code in rows)
    for file in (table, lines):
        pairs, account = read_pairs([file], lambda pair: "")
        assert [(pair.text, pair.code) for pair in pairs] == rows
        assert account == {str(file): {"rows": 2, "pairs": 2, "left_out": {}}}


def test_bad_rows_are_counted_with_file_and_line(tmp_path):
    lines = tmp_path / "a.jsonl"
    bad = ['{"text": "t"}', '{"text": "t", "code": " "}', "[1]", "{", '{"text": 3, "code": "c"}']
    bad.append('{"text": "\\ud800", "code": "c"}')
    lines.write_text("\n".join(['{"text": "t", "code": "c"}', *bad]) + "\n")
    pairs, account = read_pairs([lines], lambda pair: "")
    told = {reason: facts["examples"] for reason, facts in account[str(lines)]["left_out"].items()}
    places = [f"{lines}:{number}" for number in range(2, 8)]
    assert told == {
        "without the columns": places[:1],
        "no code": places[1:2],
        "no JSON object": places[2:3],
        "broken JSON": places[3:4],
        "no text": places[4:5],
        "no valid UTF-8": places[5:],
    }
    assert (len(pairs), account[str(lines)]["rows"]) == (1, 7)


def test_bad_rows_of_csv(tmp_path):
    table = tmp_path / "a.csv"
    table.write_bytes(b'Question,Answer\ngood,1\nshort\n"x"y,2\nbytes\xff,3\nlast,4\n"open,5\n')
    pairs, account = read_pairs([table], lambda pair: "")
    assert [pair.text for pair in pairs] == ["good", "last"]
    facts = account[str(table)]
    assert facts["rows"] == 6 and sum(of["count"] for of in facts["left_out"].values()) == 4
    assert facts["left_out"]["no answer"]["examples"] == [f"{table}:3"]
    assert facts["left_out"]["no valid UTF-8"]["examples"] == [f"{table}:5"]


@pytest.mark.parametrize("start", ["\n", "\ufeff\r\n \n,,\n"])
def test_blank_lines_above_the_names_of_csv(tmp_path, start):
    table = tmp_path / "a.csv"
    table.write_text(f"{start}text,code\nt,c\n\nu,d,e\n")
    pairs, account = read_pairs([table], lambda pair: "")
    place = f"{table}:{start.count(chr(10)) + 4}"
    assert [(pair.text, pair.code) for pair in pairs] == [("t", "c")]
    assert account[str(table)]["left_out"] == {"more cells than columns": {"count": 1, "examples": [place]}}


def test_only_a_corpus_line_brings_its_document():
    row = {"text": "t", "code": "c", "content": "# t\nc"}
    assert _pair(row, "a:1").content is None and _pair(row | {"path": "a:1"}, "b:1").content == row["content"]


def test_a_long_cell_is_one_cell(tmp_path):
    """The csv module takes 131,072 characters by default, and what follows for rows."""
    code = "SELECT a, b\n" * 20_000
    pairs, account = read_pairs([write_csv(tmp_path / "a.csv", [("t", code, 1), ("u", "c", 2)])], lambda pair: "")
    assert [(pair.text, pair.code) for pair in pairs] == [("t", code.rstrip()), ("u", "c")]
    assert account[str(tmp_path / "a.csv")]["left_out"] == {}


def test_damaged_compression_of_csv_is_counted(tmp_path):
    table = tmp_path / "a.csv.gz"
    table.write_bytes(gzip.compress(b"text,code\n" + b"".join(b"t%d,c\n" % i for i in range(9_000)))[:-20])
    _, account = read_pairs([table], lambda pair: "")
    assert any("damaged compression" in reason for reason in account[str(table)]["left_out"])


@given(st.lists(st.tuples(*[st.text(st.characters(exclude_categories=["Cs"]), min_size=1)] * 2), min_size=1))
def test_csv_survives_any_text(tmp_path_factory, rows):
    """What Python's csv writes comes back."""
    table = write_csv(tmp_path_factory.mktemp("csv") / "a.csv", rows, ("text", "code"))
    found = [row for row, _ in csv_rows(table, Ledger())]
    assert [(row["text"], row["code"]) for row in found] == rows
    for (text, code), row in zip(rows, found, strict=True):
        pair = _pair(row, "a:1")
        assert isinstance(pair, Pair) == bool(text.strip() and code.strip())


def test_no_text_is_on_both_sides(tmp_path, capsys):
    status, sides = prepared(tmp_path, many(), "--comment=--")
    texts = {side: {row["text"].lower() for row in rows} for side, rows in sides.items()}
    assert status == 0 and not texts["train"] & texts["valid"]
    assert sum(map(len, sides.values())) == 80 and 1 <= len(texts["valid"]) <= 12
    row = sides["valid"][0]
    assert row["content"] == f"-- {row['text']}\n{row['code']}" and row["path"].startswith(f"{tmp_path}/pairs.jsonl:")
    stats = json.loads((tmp_path / "out/pairs_stats.json").read_text())
    assert stats["texts"] == {side: len(found) for side, found in texts.items()}
    assert "80 rows, 80 pairs" in capsys.readouterr().out


@pytest.mark.parametrize("flags", [["--comment=--"], ["--comment", "--"], ["--comment", "-- "]])
def test_the_marker_may_be_two_dashes(tmp_path, flags):
    _, sides = prepared(tmp_path, [("t\n\nu", "c")], *flags)
    assert sides["train"][0]["content"] == "-- t\n--\n-- u\nc"


def test_copies_and_benchmarks_are_left_out(tmp_path, capsys):
    words = "alpha beta gamma delta epsilon\nzeta eta theta iota kappa lamda"
    problem = {
        "task_id": "My/0",
        "prompt": f'"""{words}"""\n',
        "canonical_solution": "x = 1",
        "entry_point": "none",
        "test": "",
    }
    (tmp_path / "problems.jsonl").write_text(json.dumps(problem))
    rows = [("one", "f( 1)"), ("One ", "f(\n1)"), (words, "y = 2"), ("two", "f(2)")]
    flags = ("--benchmarks", str(tmp_path / "problems.jsonl"), "--comment", "REM")  # a word, in front of each line
    _, sides = prepared(tmp_path, rows, *flags)
    assert sorted(row["text"] for rows in sides.values() for row in rows) == ["one", "two"]
    told = capsys.readouterr().out
    assert f"1 benchmark My: ngram10 ({tmp_path}/pairs.jsonl:3)" in told
    assert f"1 copy of an earlier pair ({tmp_path}/pairs.jsonl:2)" in told


def test_a_finished_corpus_is_kept_and_other_settings_are_refused(tmp_path, capsys):
    assert prepared(tmp_path, many())[0] == 0
    before = {file: file.read_bytes() for file in (tmp_path / "out").rglob("*.*") if file.is_file()}
    assert prepared(tmp_path, many())[0] == 0 and "up to date" in capsys.readouterr().out
    assert before == {file: file.read_bytes() for file in before}
    assert prepared(tmp_path, many(), "--comment=--")[0] == 1
    assert "comment: # -> --; choose another -o" in capsys.readouterr().err
    assert prepared(tmp_path, many(9))[0] == 0 and "wrote" in capsys.readouterr().out  # the file changed
    (tmp_path / "out/mine.txt").touch()
    assert prepared(tmp_path, many(6))[0] == 1 and "mine.txt" in capsys.readouterr().err


def test_a_folder_of_csv_files(tmp_path, capsys):
    (tmp_path / "pairs").mkdir()
    (tmp_path / "pairs/A.CSV").write_text("text,code\none,f(1)\n")
    assert prepare_pairs.main([str(tmp_path / "pairs"), "-o", str(tmp_path / "out")]) == 1
    assert f"no .jsonl file (.gz, .zst) in {tmp_path}/pairs; name .csv files" in capsys.readouterr().err
    assert prepare_pairs.main([str(tmp_path / "pairs/A.CSV"), "-o", str(tmp_path / "out")]) == 0


@pytest.mark.parametrize("rows", [[], [("t", " ")]])
def test_without_pairs_nothing_is_written(tmp_path, rows, capsys):
    assert prepared(tmp_path, rows)[0] == 1 and not (tmp_path / "out").exists()
    assert "no pairs found; give rows with text and code, or QUESTION and ANSWER" in capsys.readouterr().err


def test_one_text_is_trained_on(tmp_path):
    _, sides = prepared(tmp_path, [("t", "a"), ("T", "b")])
    assert [len(rows) for rows in sides.values()] == [2, 0]


def test_the_other_commands_take_it_as_a_corpus_of_the_users_own(tmp_path, capsys):
    import tiny

    prepared(tmp_path, many(), "--comment=--")
    assert prepare_corpus.main(["-d", "Sql", "-o", str(tmp_path / "out")]) == 0
    assert "your own corpus and used as it is" in capsys.readouterr().out
    base = tiny.save_tiny(tmp_path / "tiny")
    flags = ["-d", "Sql", "-type", "normal", "-model", str(base), "-i", str(tmp_path / "out")]
    assert encode_domain.main([*flags, "-o", str(tmp_path / "bin")]) == 0
    counts = [json.loads((tmp_path / f"bin/{side}.record.json").read_text())["counts"] for side in ("train", "valid")]
    assert sum(of["documents"] for of in counts) == 80 and not any(of["left_out"] for of in counts)


def test_a_comma_that_is_not_quoted_is_no_pair(tmp_path):
    """Its code would be cut off there. An empty cell at the end, as spreadsheets write it, is none too many."""
    table = tmp_path / "a.csv"
    table.write_text("text,code\nt,SELECT a, b\nu,SELECT c\nv,SELECT d,\n")
    pairs, account = read_pairs([table], lambda pair: "")
    assert [pair.code for pair in pairs] == ["SELECT c", "SELECT d"]
    assert account[str(table)]["left_out"] == {"more cells than columns": {"count": 1, "examples": [f"{table}:2"]}}


def test_the_lines_of_broken_csv(tmp_path):
    table = tmp_path / "a.csv"
    table.write_text('text,code\na,1\n"x"y,2\nb,3\n"open,4\nc,5\nd,6\n')
    _, account = read_pairs([table], lambda pair: "")
    places = [place for facts in account[str(table)]["left_out"].values() for place in facts["examples"]]
    assert sorted(places) == [f"{table}:3", f"{table}:5-7"]


def test_a_file_given_twice_is_read_once(tmp_path):
    prepared(tmp_path, many())
    file = tmp_path / "pairs.jsonl"
    assert prepare_pairs.main([str(file), str(file), "-o", str(tmp_path / "twice")]) == 0
    stats = json.loads((tmp_path / "twice/pairs_stats.json").read_text())
    assert stats["files"][str(file)]["pairs"] == len(many())


@pytest.mark.parametrize("place", ["pairs", "pairs/out", "/"])
def test_a_folder_that_is_read_is_not_written(tmp_path, place, capsys):
    (tmp_path / "pairs").mkdir()
    (tmp_path / "pairs/a.jsonl").write_text('{"text": "t", "code": "c"}\n')
    assert prepare_pairs.main([str(tmp_path / "pairs"), "-o", str(tmp_path / place)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: -o/--output {tmp_path / place} ") and error.count("\n") == 1
    assert [file.name for file in tmp_path.rglob("*")] == ["pairs", "a.jsonl"]


def test_two_runs_at_once(tmp_path, capsys):
    with exclusive(tmp_path / ".out.lock", RuntimeError()):
        assert prepared(tmp_path, many())[0] == 1
    assert "another process is making" in capsys.readouterr().err
