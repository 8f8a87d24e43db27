"""The record of a corpus: what is kept, made again or refused, and that nothing of anybody else is lost."""

import gzip
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_prepare_corpus import CODE, TASK, bytes_of, rows_of, stats_of
from training_runs import ROOT, environment

from scripts import prepare_corpus
from scripts.corpus.dataset_rows import member_of
from scripts.corpus.lines import BadLine, parse_line
from scripts.prepare_corpus import main


@pytest.fixture
def source(tmp_path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    for n in range(6):
        (folder / f"f{n}.py").write_text(CODE.format(n=n))
    return folder


def run(source: Path | None, output: Path, *options, domain: str = "Pandas") -> int:
    sources = ["--sources", source] if source else []
    return main(list(map(str, ["-d", domain, *sources, "-o", output, "--workers", 1, *options])))


def record_of(output: Path) -> dict:
    return json.loads((output / "record.json").read_text())


def test_the_record_names_inputs_settings_and_outputs(source, tmp_path):
    assert run(source, tmp_path / "out") == 0
    record = record_of(tmp_path / "out")
    assert record["stage"] == "corpus" and record["inputs"]["python"] == "{}.{}".format(*sys.version_info)
    assert {"source mine", "licence of mine", "order of sources"} < record["inputs"].keys()
    assert any(name.endswith("CertPandas.jsonl") for name in record["inputs"])
    assert any(name.endswith("pandas_numpy_eval_original.json") for name in record["inputs"])
    assert record["settings"]["valid_share"] == 0.05 and record["settings"]["library"] == "pandas"
    files = {
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*") if path.is_file()
    }
    assert set(record["outputs"]) == files - {"record.json"}


@pytest.mark.parametrize(
    ("options", "change"),
    [
        (["--seed", "7"], "seed: 42 -> 7"),
        (["--valid_share", "0.1"], "valid_share: 0.05 -> 0.1"),
        (["--kinds", "code"], 'kinds: ["code", "mined"] -> ["code"]'),
        (["--max_documents", "3"], "max_documents: null -> 3"),
        (["--any_licence"], "any_licence: false -> true"),
        (["--near_copies", "0.9"], "near_copies: 0.0 -> 0.9"),
        (["--split_by", "repository"], "split_by: file -> repository"),
        (["--library", "pandas.io"], "library: pandas -> pandas.io"),
    ],
)
def test_other_settings_are_refused_by_name(source, tmp_path, capsys, options, change):
    run(source, tmp_path / "out")
    before = bytes_of(tmp_path / "out")
    assert run(source, tmp_path / "out", *options) == 1
    error = capsys.readouterr().err
    assert (
        change in error and "choose another -o (in the shells: DATA_DIR, or PRESET" in error and error.count("\n") == 1
    )
    assert bytes_of(tmp_path / "out") == before


def test_changed_inputs_are_named_and_the_corpus_is_made_again(source, tmp_path, capsys, monkeypatch):
    output = tmp_path / "out"
    problems = tmp_path / "a.jsonl"
    problems.write_text(json.dumps(TASK) + "\n")
    given = [source, output, "--benchmarks", problems]
    run(*given)
    capsys.readouterr()
    assert run(*given) == 0 and "up to date" in capsys.readouterr().out
    (source / "new.py").write_text(CODE.format(n=100))
    assert run(*given) == 0 and "is stale (source mine: " in capsys.readouterr().out and len(rows_of(output)) == 7
    problems.write_text(json.dumps(TASK | {"prompt": "x"}) + "\n")
    assert run(*given) == 0 and "a.jsonl: " in capsys.readouterr().out
    told = f"format: {prepare_corpus.FORMAT} -> 99"
    monkeypatch.setattr(prepare_corpus, "FORMAT", 99)
    assert run(*given) == 0 and told in capsys.readouterr().out
    monkeypatch.setattr(sys, "version_info", (3, 99, 0, "final", 0))
    assert run(*given) == 0 and "python: " in capsys.readouterr().out


def test_a_corpus_of_ones_own_is_used_as_it_is(tmp_path, capsys):
    output = tmp_path / "data"
    (output / "train").mkdir(parents=True)
    (output / "train/mine.jsonl").write_text('{"content": "import pandas"}\n')
    (output / "notes.txt").write_text("mine")
    for domain in ("Pandas", "Mylib"):
        assert run(None, output, domain=domain) == 0
        assert "your own corpus and used as it is: train 1 files, valid 0 files" in capsys.readouterr().out
    assert run(tmp_path, output) == 1
    assert "holds a corpus of your own" in capsys.readouterr().err
    assert sorted(path.name for path in output.rglob("*")) == ["mine.jsonl", "notes.txt", "train"]


def test_a_second_run_without_sources_keeps_the_corpus(source, tmp_path, capsys):
    output = tmp_path / "out"
    assert run(None, output, domain="Mylib") == 1
    assert "unknown domain 'Mylib'" in capsys.readouterr().err
    assert run(source, output, "--library", "pandas", domain="Mylib") == 0
    shutil.rmtree(source)
    before = bytes_of(output)
    capsys.readouterr()
    assert run(None, output, domain="Mylib") == 0
    out = capsys.readouterr().out
    assert "is kept as it is (no --sources given)" in out and "earlier version" not in out
    assert run(None, output, "--seed", "3", domain="Mylib") == 1
    assert "seed: 42 -> 3" in capsys.readouterr().err
    assert bytes_of(output) == before
    record = json.loads((output / "record.json").read_text())
    (output / "record.json").write_text(json.dumps(record | {"format": 1}))
    assert run(None, output, domain="Mylib") == 0
    assert "was made by an earlier version; with --sources it is made again" in capsys.readouterr().out
    next(output.glob("train/*")).unlink()
    assert run(None, output, domain="Mylib") == 1
    assert "give --sources again" in capsys.readouterr().err


def test_files_of_others_in_the_folder_stop_a_new_corpus(source, tmp_path, capsys):
    output = tmp_path / "out"
    run(source, output)
    (output / "train/mine.jsonl").write_text('{"content": "x"}\n')
    assert run(source, output) == 0  # it is up to date, and nothing is touched
    (source / "new.py").write_text(CODE.format(n=100))
    assert run(source, output) == 1
    error = capsys.readouterr().err
    assert "holds files that this command did not make (train/mine.jsonl)" in error and error.count("\n") == 1
    assert (output / "train/mine.jsonl").exists() and len(rows_of(output)) == 6


def test_a_linked_output_stays_a_link(source, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    for n in range(3):
        (source / f"more{n}.py").write_text(CODE.format(n=100 + n))
        assert run(source, tmp_path / "out") == 0
        assert (tmp_path / "out").is_symlink() and (tmp_path / "disk/record.json").is_file()
        assert len(rows_of(tmp_path / "disk")) == 7 + n


def test_settings_from_a_preset_file(source, tmp_path):
    preset = tmp_path / "mine.yaml"
    preset.write_text(
        "corpus: {kinds: code, near_copies: 0.85, split_by: repository, any_licence: true}\ntraining: {x: 1}\n"
    )
    arguments = ["--sources", source, "--workers", 1, "--split_by", "file"]
    assert main(list(map(str, [preset, "-o", tmp_path / "out", *arguments]))) == 0
    settings = record_of(tmp_path / "out")["settings"]
    assert settings["kinds"] == ["code"] and settings["near_copies"] == 0.85
    assert settings["any_licence"] is True and settings["split_by"] == "file"


def test_a_benchmark_whose_name_holds_a_colon(source, tmp_path):
    task = TASK | {
        "task_id": "My: bench: v2/0",
        "prompt": "x = 1\n",
        "canonical_solution": "print(add(pd.DataFrame()), 3)",
    }
    (tmp_path / "b.jsonl").write_text(json.dumps(task) + "\n")
    assert run(source, tmp_path / "out", "--benchmarks", tmp_path / "b.jsonl") == 0
    left_out = stats_of(tmp_path / "out")["decontamination"]["documents left out"]
    assert left_out == {"My: bench: v2": {"verbatim": 1}}


def test_reasons_have_examples(source, tmp_path):
    (source / "broken.py").write_text("import pandas\nprint 1\n")
    run(source, tmp_path / "out")
    (found,) = stats_of(tmp_path / "out")["sources"]
    assert found["examples"]["code"]["does not parse"] == ["broken.py"]


@pytest.mark.parametrize(
    "problem",
    [
        "\ufeff" + json.dumps(TASK),
        json.dumps(TASK | {"prompt": "a\u2028b\x85c\x0bd"}, ensure_ascii=False),
        json.dumps(TASK)[:-1],
    ],
)
def test_decontamination_and_evaluation_read_a_benchmark_alike(source, tmp_path, problem):
    from pandas_numpy_eval.data import read_problems

    path = tmp_path / "b.jsonl"
    path.write_text(problem + "\n", encoding="utf-8")
    try:
        expected = 0 if read_problems(path) else 1
    except Exception:
        expected = 1
    assert run(source, tmp_path / "out", "--benchmarks", path) == expected
    damaged = bytearray(gzip.compress((problem + "\n").encode() * 50, mtime=0))
    damaged[12:16] = b"\xff" * 4
    (tmp_path / "b.jsonl.gz").write_bytes(damaged)
    assert run(source, tmp_path / "out", "--benchmarks", tmp_path / "b.jsonl.gz") == 1


@pytest.mark.parametrize(("stars", "counted"), [(-3, 0), (-0.5, 0), (7, 7), (2.9, 2), (None, 0), ("9", 0)])
def test_negative_stars_count_as_0_in_rows_and_lines(stars, counted):
    assert member_of({"content": "x", "stars": stars}, 1).stars == counted
    line = json.dumps({"content": "x", "stars": stars}).encode()
    if isinstance(stars, str):
        with pytest.raises(BadLine, match="stars is no number >= 0"):
            parse_line(line)
    else:
        assert parse_line(line)[1][0] == pytest.approx(math.log10(max(0, stars or 0) + 1))
    assert (
        member_of({"content": "x", "stars": float("inf")}, 1).stars
        == member_of({"content": "x", "stars": float("nan")}, 1).stars
        == 0
    )


def test_rows_of_a_data_set_are_python_whatever_their_path(tmp_path):
    paths = ["pkg/a.py", "bin/report", "app.wsgi", "SConstruct", "x.pyw", "LICENSE"]
    rows = [{"content": CODE.format(n=n), "path": path, "license": "mit"} for n, path in enumerate(paths)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run(f"dataset:{tmp_path / 'rows.jsonl'}", tmp_path / "out") == 0
    assert sorted(row["path"] for row in rows_of(tmp_path / "out")) == sorted(paths)


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "json"])
def test_rows_of_any_shape_are_read_and_the_broken_ones_counted(tmp_path, ending):
    """`datasets` takes the fields and types of the first megabytes for those of all, and refuses the whole file else."""
    padding = "".join(f"# {n:097d}\n" for n in range(9000))  # a chunk of `datasets` is some megabytes
    rows = [{"content": f"{CODE.format(n=n)}{padding}", "license": None} for n in range(13)]
    rows += [
        {"content": CODE.format(n=98), "license": "mit", "meta": {"a": [1]}},
        {"content": CODE.format(n=99), "stars": "many"},
    ]
    lines = [json.dumps(row).encode() for row in rows]
    lines += [b"{broken", b"[1]", b'{"content": "\\ud800"}', b'{"content": "caf\xe9"}', "\ufeff".encode() + lines[0]]
    data = b"\n".join(lines) + b"\n"
    path = tmp_path / f"rows.{ending}"
    path.write_bytes(gzip.compress(data)[:-4] if ending.endswith("gz") else data)
    assert run(f"dataset:{path}", tmp_path / "out") == 0
    assert len(rows_of(tmp_path / "out")) == 15
    (found,) = stats_of(tmp_path / "out")["sources"]
    early = {"file ends early, damaged compression (EOFError)": 1} if ending.endswith("gz") else {}
    reasons = {"broken JSON": 1, "no JSON object": 1, "not UTF-8": 2, **early}
    assert found["files"]["reasons"] == reasons and found["code"]["reasons"] == {"copy of another document": 1}


def test_names_that_are_no_ascii_in_a_c_locale(tmp_path):
    """File names come as surrogates there; they must not end up in JSON."""
    folder = tmp_path / "dé"
    folder.mkdir()
    (folder / "日本語.py").write_text(CODE.format(n=1))
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-m", "scripts.prepare_corpus", "--sources", str(folder), "-o", str(tmp_path / "ü")]
    done = subprocess.run(command, cwd=ROOT, env={**environment(), **locale}, capture_output=True)
    assert done.returncode == 0, done.stderr
    (row,) = rows_of(tmp_path / "ü")
    assert (row["repo_name"], row["path"]) == ("dé", "日本語.py")
