"""Data sets as sources: local files of every format, folders of them, columns, pairs, what cannot be read."""

import csv
import gzip
import json
import os
from pathlib import Path

import pytest
from test_corpus_options import run, write
from test_prepare_corpus import CODE, rows_of, stats_of

from nl2code.errors import UserError
from scripts.corpus.dataset_rows import commented, member_of, resolve_dataset
from scripts.corpus.lines import corpus_files, parse_line

ROWS = [
    {"content": CODE.format(n=n), "repo_name": f"owner/r{n % 2}", "path": f"p{n}.py", "license": "mit", "stars": n}
    for n in range(6)
]


PAIRS = [
    {"text": "Add one\nto all", "code": "import pandas as pd\ns = pd.Series([1]) + 1\n"},
    {"text": "Import nothing", "code": "x = 1\n"},
    {"text": "Broken", "code": "import pandas as pd\nprint 1\n"},
]


def local_files(folder: Path) -> dict[str, Path]:
    """The same rows in every format that is read."""
    import datasets

    table = datasets.Dataset.from_list(ROWS)
    paths = {kind: folder / f"rows.{kind}" for kind in ("parquet", "csv", "jsonl", "jsonl.gz", "json")}
    table.to_parquet(str(paths["parquet"]))
    with open(paths["csv"], "w", newline="") as stream:
        writer = csv.DictWriter(stream, ROWS[0])
        writer.writeheader()
        writer.writerows(ROWS)
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    paths["jsonl"].write_text(lines)
    paths["json"].write_text(lines)
    paths["jsonl.gz"].write_bytes(gzip.compress(lines.encode()))
    table.save_to_disk(str(folder / "saved"))
    (paths["parquet"].parent / "folder").mkdir()
    (folder / "folder/train.jsonl").write_text(lines)
    (arrow,) = (folder / "saved").glob("*.arrow")
    return {**paths, "arrow": arrow, "folder": folder / "folder"}


def test_local_data_sets_in_every_format(tmp_path):
    for kind, path in local_files(tmp_path).items():
        output = tmp_path / f"out_{kind}"
        assert run(output, [f"dataset:{path}"], "--valid_share", "0.4", "--split_by", "repository") == 0, kind
        rows = rows_of(output)
        assert sorted((row["content"], row["repo_name"], row["path"], row["stars"]) for row in rows) == sorted(
            (row["content"], row["repo_name"], row["path"], row["stars"]) for row in ROWS
        ), kind
        assert {row["license"] for row in rows} == {"mit"}
        assert {row["repo_name"] for row in rows_of(output, "valid")} in ({"owner/r0"}, {"owner/r1"})


def test_a_folder_of_files_of_several_kinds(tmp_path):
    """The `datasets` library takes the most frequent ending, paths for patterns, and one broken line for a broken folder."""
    import datasets

    folder = tmp_path / "q[1]"
    write(
        folder, {f"note_{n}.txt": "x" for n in range(4)} | {".hidden.jsonl": "x", "a.jsonl": "{\n", "z/b.JSON": "[3]"}
    )
    write(folder, {"a*.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS[:2]), "test.csv": "content\n"})
    datasets.Dataset.from_list(ROWS[2:3]).to_parquet(str(folder / "c?.parquet"))
    datasets.Dataset.from_list(ROWS[3:4]).to_parquet(str(folder / "cc.parquet"))
    with open(folder / "d.csv", "w", newline="") as stream:
        csv.writer(stream).writerows(
            [["content", "path", "license"], [ROWS[4]["content"], "nan", "", ""], ["x", "y", "", "z"]]
        )
    assert run(tmp_path / "out", [f"dataset:{folder}"], "--kinds", "code", "--valid_share", 0) == 0
    assert sorted(row["path"] for row in rows_of(tmp_path / "out")) == ["nan", "p0.py", "p1.py", "p2.py", "p3.py"]
    (source,) = stats_of(tmp_path / "out")["sources"]
    reasons = {"broken JSON": 1, "file of the split test": 1, "more cells than columns": 1, "no JSON object": 1}
    assert source["files"] == {"in": 9, "out": 5, "reasons": reasons}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"a.txt": "x"},
            "no file (.jsonl, .json, .parquet, .csv, .arrow) of the split train below {}; give another path",
        ),
        ({"dev/a.csv": "x", "my_test.csv": "x"}, "of the split train below {}; add :test or :validation to read its"),
        ({"a.json": "[1", "b.jsonl": "{}"}, "cannot read source {}/a.json: Expecting ',' delimiter"),
    ],
)
def test_folders_that_cannot_be_read(tmp_path, capsys, files, message):
    write(tmp_path / "rows", files)
    assert run(tmp_path / "out", [f"dataset:{tmp_path}/rows"]) == 1
    error = capsys.readouterr().err
    assert message.format(tmp_path / "rows") in error and error.count("\n") == 1


def test_a_trailing_comma_moves_no_column(tmp_path):
    write(tmp_path, {"a.csv": 'text,code,stars\n"Add one","import pandas\nx = 1",3,\n'})
    assert run(tmp_path / "out", [f"dataset:{tmp_path}/a.csv"], "--kinds", "mined") == 0
    assert [(row["content"], row["stars"]) for row in rows_of(tmp_path / "out")] == [
        ("import pandas\n# Add one\nx = 1\n", 3)
    ]


def test_pairs_are_mined_documents(tmp_path):
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in PAIRS))
    assert run(tmp_path / "out", [f"dataset:{tmp_path}/pairs.jsonl"]) == 0
    (row,) = rows_of(tmp_path / "out")
    assert row["content"] == "import pandas as pd\n# Add one to all\ns = pd.Series([1]) + 1\n"
    assert row["repo_name"] == "pairs.jsonl (docs)" and row["path"] == "row-1.py"
    totals = stats_of(tmp_path / "out")["totals"]
    assert totals["mined"]["reasons"] == {"does not import the library": 1, "does not parse": 1}
    assert totals["code"]["in"] == 0


def test_rows_that_give_no_candidate_are_told(tmp_path, capsys):
    write(tmp_path, {"rows.jsonl": json.dumps(ROWS[0]) + "\n"})
    assert run(tmp_path / "out", [f"dataset:{tmp_path}/rows.jsonl"], "--kinds", "mined") == 1
    assert (
        "in these sources: nothing of these --kinds in 1 files or rows; give other --sources" in capsys.readouterr().err
    )


def test_rows_at_most_and_their_licences(tmp_path):
    rows = [row | {"license": licence} for row, licence in zip(ROWS, ["mit", "gpl-3.0", None, "mit"], strict=False)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run(tmp_path / "out", [f"dataset:{tmp_path}/rows.jsonl"], "--dataset_rows", "3", "--kinds", "code") == 0
    assert sorted(row["license"] for row in rows_of(tmp_path / "out")) == ["mit", "unknown"]
    (source,) = stats_of(tmp_path / "out")["sources"]
    assert source["files"]["in"] == 3 and source["files"]["reasons"] == {"licence is not permissive": 1}


def test_data_sets_from_other_tools(tmp_path):
    """A colon in the path, an array behind a byte-order mark, stars beyond any float, rows that are no objects."""
    (tmp_path / "a:b").mkdir()
    path = tmp_path / "a:b/rows.json"
    rows = [
        ROWS[0] | {"stars": 10**400},
        ROWS[1] | {"license": ["MIT", None]},
        3,
        "",
        "print(1)",
        ROWS[2] | {"stars": True},
    ]
    path.write_text(json.dumps(rows), encoding="utf-8-sig")
    assert run(tmp_path / "out", [f"dataset:{path}"], "--kinds", "code") == 0
    assert sorted((row["license"], row["stars"]) for row in rows_of(tmp_path / "out")) == [
        ("MIT", ROWS[1]["stars"]),
        ("mit", 0),
        ("mit", 1),
    ]
    (source,) = stats_of(tmp_path / "out")["sources"]
    assert source["files"]["reasons"] == {"no JSON object": 3}


@pytest.mark.parametrize("place", ["rows", "rows/data", "/"])
def test_a_data_set_does_not_hold_its_corpus(tmp_path, capsys, place):
    """Its second run would read what the first wrote."""
    write(tmp_path, {"rows/a.jsonl": json.dumps(ROWS[0]) + "\n"})
    for _ in range(2):
        assert run(tmp_path / place, [f"dataset:{tmp_path}/rows"], "--kinds", "code") == 1
        error = capsys.readouterr().err
        assert error.startswith(f"error: -o/--output {tmp_path / place} ") and error.count("\n") == 1
    assert [file.name for file in tmp_path.rglob("*")] == ["rows", "a.jsonl"]


def test_names_of_columns_of_published_data_sets():
    member = member_of(
        {
            "max_stars_repo_name": "a/b",
            "max_stars_repo_licenses": ["MIT", "ISC"],
            "max_stars_count": 7,
            "text": "x = 'é'",
        },
        3,
    )
    assert (member.repository, member.licence, member.stars, member.path) == ("a/b", "MIT AND ISC", 7, "row-3.py")
    assert member.data.decode() == "x = 'é'" and member.size == 8 and not member.is_pair
    assert member_of({"content": None, "stars": "many"}, 1).data == b""


def test_comments_above_code():
    assert commented("", "x = 1") == "x = 1\n"
    lines = commented("word " * 60, "import a\nfrom b import c\n\nx = 1\nimport d\n").split("\n")
    assert lines[:3] == ["import a", "from b import c", "# " + "word " * 18 + "word"]
    assert lines[-5:] == ["# word word word", "", "x = 1", "import d", ""] or lines[-4:] == [
        "",
        "x = 1",
        "import d",
        "",
    ]


def test_a_data_set_out_of_reach_is_one_line(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", lambda *a: (_ for _ in ()).throw(OSError("no\nnetwork")))
    with pytest.raises(UserError, match="^cannot look up data set owner/name: no; check the id, or give @revision$"):
        resolve_dataset("dataset:owner/name")
    source = resolve_dataset("dataset:owner/name@abc:test")
    assert source.dataset == ("owner/name", "abc", "test") and source.sha256 == "abc:test"
    assert source.name == "owner/name:test" and resolve_dataset("dataset:owner/name@abc:train").name == "owner/name"


def test_two_splits_of_one_data_set(tmp_path):
    for split, row in zip(("train", "validation"), ROWS, strict=False):
        (tmp_path / "set").mkdir(exist_ok=True)
        (tmp_path / f"set/{split}.jsonl").write_text(json.dumps(row | {"repo_name": None}) + "\n")
    specs = [f"dataset:{tmp_path}/set", f"dataset:{tmp_path}/set:validation"]
    assert run(tmp_path / "out", specs, "--kinds", "code", "--valid_share", "0") == 0
    assert {row["repo_name"] for row in rows_of(tmp_path / "out")} == {"set", "set:validation"}


def test_a_description_stands_below_whole_imports():
    code = "from pandas import (\n    Series,\n)\ns = Series()"
    assert commented("Make it", code) == "from pandas import (\n    Series,\n)\n# Make it\ns = Series()\n"
    assert commented("Make it", "'Doc.'\nimport x") == "# Make it\n'Doc.'\nimport x\n"


def test_folders_that_cannot_be_read_are_an_error(tmp_path, capsys, monkeypatch):
    def refusing(place):
        if os.fspath(place).endswith("locked"):
            raise PermissionError(13, "Permission denied", place)
        return scandir(place)

    scandir = os.scandir
    write(tmp_path, {"rows/a.jsonl": json.dumps(ROWS[0]) + "\n", "rows/locked/b.jsonl": "{}\n"})
    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(
        UserError, match="^cannot read folder .*/rows/locked: Permission denied; change its mode, or move"
    ):
        corpus_files(tmp_path / "rows")
    assert run(tmp_path / "out", [f"dataset:{tmp_path}/rows"]) == 1
    assert "cannot read folder" in capsys.readouterr().err
    assert corpus_files(tmp_path / "gone") == corpus_files(tmp_path / "rows/a.jsonl") == []


@pytest.mark.parametrize("content", ['{"content": 1}\n{"content": [', "junk", ""])
def test_damaged_data_sets_are_one_line(tmp_path, capsys, content):
    (tmp_path / "rows.jsonl").write_text(content)
    assert run(tmp_path / "out", [f"dataset:{tmp_path}/rows.jsonl"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_columns_and_names_that_are_no_unicode(tmp_path):
    """Lone surrogates become their JSON escapes, so that what reads the corpus gets them back."""
    rows = [{"content": CODE.format(n=1), "path": "\ud801.py", "repo_name": "r\udc00"}]
    rows.append({"content": "\ud800", "path": "\ud801.py"})
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jsonl"))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run(tmp_path / "out", [f"dataset:{path}"], "--kinds", "code") == 0
    lines = [
        line for file in (tmp_path / "out").glob("*/*.gz") for line in gzip.decompress(file.read_bytes()).split(b"\n")
    ]
    (found,) = [parse_line(line) for line in lines if line]
    assert found[0] == rows[0]["content"]
