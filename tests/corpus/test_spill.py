"""Texts of documents lie in a file while a corpus is made: memory does not depend on their length."""

import pickle
from collections import Counter

import pytest
from test_corpus_options import LONG
from test_prepare_corpus import CODE, stats_of

from scripts.corpus import ledger
from scripts.corpus.documents import HarvestOptions, harvest
from scripts.corpus.sources import resolve
from scripts.corpus.spill import spill
from scripts.prepare_corpus import main


def folder_of(place, lines: int):
    """A source of three files."""
    place.mkdir()
    for n in range(3):
        (place / f"f{n}.py").write_text(CODE.format(n=n) + f"x = {n}\n" * lines)
    return resolve(str(place), place)


@pytest.mark.parametrize("near_copies", [False, True])
def test_what_a_worker_returns_does_not_grow_with_the_texts(tmp_path, near_copies):
    options = HarvestOptions("pandas", ("code",), False, (), (), near_copies=near_copies)
    sizes = []
    for name, lines in (("short", 10), ("long", 20_000)):
        found = harvest(folder_of(tmp_path / name, lines), options, tmp_path / f"{name}.texts")
        assert [one.characters for one in found.documents] == [len(one.text()) for one in found.documents]
        assert found.documents[1].text() == (tmp_path / name / "f1.py").read_text()
        sizes.append(len(pickle.dumps(found.documents)))
    assert sizes[1] < sizes[0] + 100


@pytest.mark.parametrize("count", [1, 2, 3, 7, 40])
def test_shares_of_a_source_are_the_whole(tmp_path, count):
    """As one worker reads it: documents, counts and examples, in order."""
    source = folder_of(tmp_path / "source", 10)
    for n in range(20):
        (tmp_path / f"source/g{n}.py").write_text(CODE.format(n=n % 5) if n % 3 else "import pandas as pd\n" * (n % 2))
    options = HarvestOptions("pandas", ("code", "functions"), False, (), ())
    whole, *shares = (
        harvest(source, options, tmp_path / f"{k}.texts", share)
        for k, share in enumerate([(0, 1), *((k, count) for k in range(count))])
    )
    for later in shares[1:]:
        shares[0].add(later)
    assert [one.row() for one in shares[0].documents] == [one.row() for one in whole.documents]
    assert (shares[0].files, shares[0].kinds) == (whole.files, whole.kinds)
    assert sum(whole.kinds["code"].rejected.values()) > 5


def test_a_row_comes_back_as_it_was(tmp_path):
    rows = [
        {
            "content": text,
            "repo_name": "r",
            "path": "p\udcff",
            "license": "MIT",
            "stars": 3,
            "feature": {"ut_score": 0.1},
        }
        for text in ("", "\ud800 é\r\n\u2028", "\U0001f40d" * 9)
    ]
    with open(tmp_path / "texts", "wb") as stream:
        found = [spill(stream, "code", row, 7) for row in rows]
    assert [one.row() for one in found] == rows


def test_no_text_is_tokenized_twice_and_nothing_is_left_in_the_folder(tmp_path, monkeypatch):
    texts = Counter()
    monkeypatch.setattr(ledger, "count_tokens", lambda text, _: texts.update([text]) or len(text))
    source = folder_of(tmp_path / "repo", 10).path
    (source / "broken.py").write_text("import pandas as pd\nprint 1\n" * 6)
    (source / "short.py").write_text("import pandas\n")
    (source / "one.py").write_text(LONG)
    (source / "two.py").write_text(LONG.replace("59", "77"))
    flags = ["--sources", str(source), "--kinds", "code", "--workers", "1", "-o", str(tmp_path / "out")]
    assert main([*flags, "--near_copies", "0.85"]) == 0
    texts.pop("", None)
    assert set(texts.values()) == {1} and len(texts) == 7
    assert stats_of(tmp_path / "out")["totals"]["code"]["reasons"].keys() == {  # at three stages
        "does not parse",
        "fewer than 5 lines",
        "near copy of another document",
    }
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "train",
        "valid",
        "corpus_stats.json",
        "record.json",
    }
