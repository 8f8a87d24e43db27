"""Options of the corpus: near copies, whole repositories, snippets that run, installed packages, tokens."""

import gzip
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_prepare_corpus import CODE, DOC, bytes_of, rows_of, stats_of
from tokenizers import Tokenizer, models, pre_tokenizers

from nl2code.errors import UserError
from scripts.corpus.ledger import Ledger
from scripts.corpus.lines import corpus_files, read_lines
from scripts.corpus.near_copies import grams, jaccard, near_copies, signature
from scripts.corpus.sources import resolve
from scripts.prepare_corpus import main

LONG = "import pandas as pd\n" + "".join(f"value_{i} = pd.Series([{i}]).rolling({i} + 1).sum()\n" for i in range(60))


def run(output: Path, sources, *options) -> int:
    arguments = ["--sources", ",".join(map(str, sources)), "-o", output, "--workers", 1, *options]
    return main([str(argument) for argument in arguments])


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def copies(texts: list[str], threshold: float) -> list[bool]:
    return list(near_copies([signature(text) for text in texts], texts.__getitem__, threshold))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.85, 0.9, 1.0]))
def test_comparing_all_pairs_finds_the_same_near_copies(seed, threshold):
    rng = random.Random(seed)
    base = [[rng.choice("abcdefghij") + str(rng.randrange(50)) for _ in range(120)] for _ in range(3)]
    texts = []
    for _ in range(25):
        words = list(rng.choice(base))
        for _ in range(rng.choice([0, 1, 2, 6, 30])):  # 5 grams change with each; similarity 1, 0.92, 0.85, 0.6, 0.1
            words[rng.randrange(len(words))] = f"new{rng.random()}"
        texts.append(" ".join(words))
    kept = [i for i, is_copy in enumerate(copies(texts, threshold)) if not is_copy]
    for i in set(range(len(texts))) - set(kept):  # whatever is left out has a witness
        assert any(jaccard(grams(texts[i]), grams(texts[j])) >= threshold for j in kept if j < i)
    # MinHash misses a pair right at the threshold now and then, one clearly above it once in a million.
    highest = [max((jaccard(grams(texts[i]), grams(texts[j])) for j in kept if j < i), default=0) for i in kept]
    assert all(similarity < min(1.0, threshold + 0.08) for similarity in highest)


def test_short_texts_and_empty_ones():
    assert copies(["", " ", "a", "a b", "b a", "a\tb"], 0.85) == [False, True, False, False, False, True]


def test_near_copies_are_left_out_and_counted(tmp_path):
    files = {"a/one.py": LONG, "b/two.py": LONG.replace("59", "77"), "b/three.py": CODE.format(n=1)}
    write(tmp_path, files)
    sources = [tmp_path / "a", tmp_path / "b"]
    assert run(tmp_path / "all", sources, "--kinds", "code") == 0
    assert run(tmp_path / "few", sources, "--kinds", "code", "--near_copies", "0.85") == 0
    assert {row["path"] for row in rows_of(tmp_path / "all")} == {"one.py", "two.py", "three.py"}
    assert {row["path"] for row in rows_of(tmp_path / "few")} == {"one.py", "three.py"}
    total = stats_of(tmp_path / "few")["totals"]["code"]
    assert total["reasons"] == {"near copy of another document": 1}
    assert total["in"] == total["out"] + 1


def test_no_repository_is_on_both_sides(tmp_path):
    repositories = [f"r{i}" for i in range(12)]
    for number, name in enumerate(repositories):
        for n in range(number + 1):
            write(tmp_path / name, {f"f{n}.py": (DOC + CODE).format(n=100 * number + n)})
    sources = [tmp_path / name for name in repositories]
    for share in ("0.05", "0.2", "0.001"):
        output = tmp_path / f"out{share}"
        assert run(output, sources, "--split_by", "repository", "--valid_share", share) == 0
        sides = [
            {row["repo_name"].removesuffix(" (docs)") for row in rows_of(output, part)} for part in ("train", "valid")
        ]
        assert sides[0] and sides[1] and not sides[0] & sides[1]
        assert sides[0] | sides[1] == set(repositories)
        rows = len(rows_of(output, "valid"))
        assert rows <= max(float(share) * len(rows_of(output)), 2)
    assert stats_of(output)["split_by"] == "repository"


def test_one_repository_is_split_by_file_which_is_said_and_recorded(tmp_path, capsys):
    write(tmp_path / "a", {"f.py": CODE.format(n=1), "g.py": CODE.format(n=2)})
    assert run(tmp_path / "out", [tmp_path / "a"], "--split_by", "repository") == 0
    assert "all documents are in one repository: split by file" in capsys.readouterr().out
    assert len(rows_of(tmp_path / "out", "train")) == len(rows_of(tmp_path / "out", "valid")) == 1
    assert stats_of(tmp_path / "out")["split_by"] == "repository" and stats_of(tmp_path / "out")["split"] == "file"
    assert json.loads((tmp_path / "out/record.json").read_text())["split_by"] == "file"


@pytest.mark.parametrize("name", [f"notes{n}.py" for n in range(40)])  # some hash below the share, others above
def test_one_file_is_trained_on(tmp_path, capsys, name):
    write(tmp_path, {name: CODE.format(n=1)})
    assert run(tmp_path / "out", [tmp_path / name]) == 0
    assert "there is one document: it is trained on, valid is empty" in capsys.readouterr().out
    assert len(rows_of(tmp_path / "out", "train")) == 1 and not rows_of(tmp_path / "out", "valid")


def test_one_file_with_several_documents_is_split_by_document(tmp_path, capsys):
    text = "".join(f"def f{n}():\n    {DOC.format(n=n)}\n" for n in range(8))
    write(tmp_path, {"notes.py": text.replace('"""\n\n', '"""\n').replace("\n>>>", "\n    >>>")})
    assert run(tmp_path / "out", [tmp_path / "notes.py"]) == 0
    assert "all documents are in one file: split by document" in capsys.readouterr().out
    assert rows_of(tmp_path / "out", "train") and rows_of(tmp_path / "out", "valid")


GUIDE = (
    '"""A module.\n\nAdd {n} to all of them.\n\n>>> import pandas as pd\n>>> s = pd.Series([{n}])\n>>> {line}\n"""\n'
)


def test_snippets_that_do_not_run_are_left_out(tmp_path):
    lines = ["s + 1", "s.no_such_method()", "pd.read_csv('/nowhere/x.csv')", "open('/etc/hostname', 'w').write('x')"]
    lines += ["import no_such_package as n\n>>> n.f(s)", "s.sum() / 0 + (1 / 0)"]
    files = {f"d{n}.py": GUIDE.format(n=n, line=line) for n, line in enumerate(lines)}
    files["code.py"] = CODE.format(n=1) + "undefined_name()\n"  # code is never run
    write(tmp_path / "repo", files)
    assert run(tmp_path / "out", [tmp_path / "repo"], "--run_snippets") == 0
    rows = rows_of(tmp_path / "out")
    assert sorted(row["path"] for row in rows) == ["code.py", "d0.py#L1"]
    total = stats_of(tmp_path / "out")["totals"]["mined"]
    assert total["in"] == 6 == total["out"] + sum(total["reasons"].values())
    assert {"does not run: AttributeError", "does not run: FileNotFoundError"} <= total["reasons"].keys()
    assert total["reasons"]["does not run: ModuleNotFoundError"] == 1


def test_a_path_with_a_comma(tmp_path):
    (tmp_path / "a,b").mkdir()
    (tmp_path / "a,b/a.py").write_text(CODE.format(n=0))
    assert run(tmp_path / "out", [str(tmp_path / "a,b")], "--kinds", "code") == 0


@pytest.mark.parametrize(
    ("spec", "part"),
    [
        ("dataset:nowhere.jsonl", "neither a path that exists nor a hub id"),
        (f"dataset:{__file__}", "does not end in .jsonl, .json, .parquet"),
        ("installed:no_such_package", "no package of that import name is installed"),
        ("installed:a b", "no package of that import name is installed"),
    ],
)
def test_sources_that_are_not_there(tmp_path, capsys, spec, part):
    assert run(tmp_path / "out", [spec]) == 1
    error = capsys.readouterr().err
    assert part in error and error.startswith("error: ") and error.count("\n") == 1


def test_corpus_files_of_any_name(tmp_path):
    names = ("a\nb.jsonl", "x.JSONL", "y.Json.GZ", "z.jsonl.zst")
    for name in (*names, ".hidden.jsonl", "notes.txt"):
        (tmp_path / name).touch()
    assert {file.name for file in corpus_files(tmp_path)} == set(names)
    (tmp_path / "y.Json.GZ").write_bytes(gzip.compress(b"{}\n"))
    assert list(read_lines(tmp_path / "y.Json.GZ", Ledger())) == [b"{}\n"]


def test_installed_packages_bring_their_licence(tmp_path):
    source = resolve("installed:pandas", tmp_path)
    assert source.licence.startswith("BSD") and source.version and (source.path / "__init__.py").is_file()
    for name in ("one", "two"):
        write(tmp_path / f"site/{name}-1.dist-info", {"METADATA": f"Name: {name}\nLicense: MIT\n"})
    with pytest.raises(UserError, match="holds several packages.*as installed:NAME"):
        resolve(str(tmp_path / "site"), tmp_path)


def test_metadata_of_installed_packages_may_be_no_utf_8(tmp_path, monkeypatch):
    for name in ("first", "second"):
        write(tmp_path / name, {"__init__.py": ""})
        write(tmp_path / f"{name}-1.dist-info", {"RECORD": f"{name}/__init__.py,,\n"})
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\nAuthor: René\nLicense: MIT\n"
        (tmp_path / f"{name}-1.dist-info/METADATA").write_bytes(metadata.encode("latin-1"))
    monkeypatch.syspath_prepend(str(tmp_path))
    source = resolve("installed:second", tmp_path)
    assert (source.path, source.licence, source.version) == (tmp_path / "second", "MIT", "1.5")
    assert resolve("installed:pandas", tmp_path).licence.startswith("BSD")


def test_tokens_in_the_statistics(tmp_path):
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    (tmp_path / "model").mkdir()
    tokenizer.save(str(tmp_path / "model/tokenizer.json"))
    files = {f"f{n}.py": CODE.format(n=n) for n in range(3)} | {"copy.py": CODE.format(n=0)}
    files |= {"broken.py": "import pandas\n" * 5 + "print 1\n", "doc.py": DOC.format(n=1), "near.py": LONG}
    write(tmp_path / "repo", files)
    assert run(tmp_path / "plain", [tmp_path / "repo"]) == 0
    assert run(tmp_path / "out", [tmp_path / "repo"], "--tokenizer", tmp_path / "model") == 0
    assert bytes_of(tmp_path / "plain") == bytes_of(tmp_path / "out")
    totals = stats_of(tmp_path / "out")["totals"]
    for kind, total in totals.items():
        rows = [row for row in rows_of(tmp_path / "out") if row["repo_name"].endswith("(docs)") == (kind == "mined")]
        assert total["tokens"]["out"] == sum(len(row["content"].split()) for row in rows) > 0
        assert total["tokens"]["in"] == total["tokens"]["out"] + sum(total["tokens"]["reasons"].values())
    assert totals["code"]["tokens"]["reasons"]["does not parse"] == len(files["broken.py"].split())
    assert totals["code"]["tokens"]["reasons"]["copy of another document"] == len(files["copy.py"].split())
    assert "tokens" not in stats_of(tmp_path / "plain")["totals"]["code"]


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--near_copies", "0.5"], "--near_copies 0.5 must lie between 0.8 and 1"),
        (["--dataset_rows", "0"], "--dataset_rows 0 must be at least 1"),
        (["--tokenizer", "/nowhere"], "no tokenizer '/nowhere'"),
    ],
)
def test_bad_values(tmp_path, capsys, options, part):
    write(tmp_path / "repo", {"a.py": CODE.format(n=1)})
    assert run(tmp_path / "out", [tmp_path / "repo"], *options) == 1
    assert part in capsys.readouterr().err
