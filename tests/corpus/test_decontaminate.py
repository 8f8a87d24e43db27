"""Decontamination: the fingerprint format, what matches and what does not."""

import gzip
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training_runs import environment

from nl2code.errors import UserError
from scripts.decontaminate import (
    Fingerprints,
    digest,
    fingerprints_from,
    fingerprints_of,
    main,
    read_problems,
    words_of,
)

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "scripts" / "fingerprints" / "pandas_numpy_eval_original.json"
PROBLEMS = [
    {
        "task_id": "Demo/0",
        "prompt": "import pandas as pd\nfrom io import StringIO\n\ndef oldest_of(people):\n"
        '    """Give back the name of whoever has lived the longest among all these people."""\n',
        "canonical_solution": [
            "    ordered = people.sort_values('age', ascending=False)\n    return ordered.iloc[0]['name']"
        ],
    },
    {
        "task_id": "Demo/1",
        "prompt": "import numpy as np\na = np.arange(6)\n# halve a\nb = ",
        "canonical_solution": ["np.true_divide(a, 2.0)"],
    },
    {"task_id": "Other/0", "prompt": "# one\n", "canonical_solution": "np.abs(a)"},
]


def naive_match(text: str, entries: list[dict]) -> set[str]:
    """The tasks that a text matches, by the definition of the format, with no care for speed."""
    lines = [line for line in text.lower().split("\n") if not re.match(r"\s*(import|from)\s", line)]
    words = re.findall(r"[a-z_][a-z0-9_]*", "\n".join(lines))
    found = set()
    for entry in entries:
        for start in range(len(words)):
            for length in {10} | {solution["words"] for solution in entry["solution"].values()}:
                run = words[start : start + length]
                key = hashlib.sha1(" ".join(run).encode()).hexdigest()[:16]
                if len(run) == 10 and key in entry["ngram10"]:
                    found.add(entry["ngram10"][key])
                solution = entry["solution"].get(key)
                if solution and solution["words"] == len(run):
                    found.add(solution["task_id"])
    return found


for problem in PROBLEMS:
    problem |= {"entry_point": "none", "test": "def check():\n    pass"}


def of_problems(problems: list[dict]) -> Fingerprints:
    found = Fingerprints()
    found.add_problems(problems)
    return found


def match(prints: Fingerprints, text: str) -> str | None:
    """The task that is found in a text."""
    return (prints.find(text) or (None,))[0]


@pytest.fixture(scope="module")
def prints() -> Fingerprints:
    return of_problems(PROBLEMS)


def test_ten_words_in_a_row_match_whatever_stands_between_them(prints):
    text = "NAME of (whoever), has 12 lived -- the longest among\nall 'these' people!"
    assert prints.find(text) == ("Demo/0", "ngram10")
    assert match(prints, "x = 1\n" + text + "\ny = 2") == "Demo/0"
    assert match(prints, text.replace("lived", "been")) is None


def test_nine_words_do_not_match(prints):
    assert match(prints, "of whoever has lived the longest among all these") is None
    assert match(prints, "of whoever has lived the longest among all these people") == "Demo/0"


def test_import_lines_do_not_count(prints):
    text = "of whoever has lived the longest\nimport pandas as pd\nfrom x import y\n among all these people"
    assert match(prints, text) == "Demo/0"
    assert words_of("import a\n  from b import c\nimportant = d") == ["important", "d"]
    assert words_of("import a\rone two\r\nfrom b import c") == ["one", "two"]
    text = (
        "import pandas as pd\n"
        + "df.groupby('city').agg(first=('a', 'sum'), second=('b', 'mean')).reset_index().head(3)"
    )
    assert prints.find(text.replace("\n", "\r")) == prints.find(text)


def test_text_beside_an_import_and_prose_that_begins_like_one_count():
    problem = {"task_id": "Demo/7", "canonical_solution": "x", "entry_point": "none", "test": ""}
    prose = "from the sales table keep rows\nwhere the region equals north and sort"
    prints = of_problems([problem | {"prompt": f'"""\n{prose}\n"""\n'}])
    assert match(prints, prose) == match(prints, f"import math; '{prose[5:]} it'") == "Demo/7"
    assert words_of("import data from the file") == ["import", "data", "from", "the", "file"]
    assert words_of("import a.b as c, d  # e\nfrom . import (f, g); h") == ["e", "h"]


def test_fingerprints_of_earlier_versions_match_what_they_matched():
    """Their runs of words pass over whole lines that begin with import or from."""
    words = [f"w{letter}" for letter in "abcdefghij"]
    found = Fingerprints()
    found.add({"benchmark": "Old", "ngram10": {digest(words): "Old/0"}, "solution": {}})
    text = " ".join(words[:5]) + "\nfrom here on it goes\n" + " ".join(words[5:])
    assert match(found, text) == "Old/0" and match(found, text.replace("from", "so from")) is None


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(["a b", "c", "from d", "import e f", "import g", "import h; c", ""]), max_size=14),
    st.data(),
)
def test_words_beside_imports_count_and_do_not(lines, data):
    """Found is what stands in either reading of a text: with the words beside imports, and without these lines."""
    with_them = words_of("\n".join(lines))
    without = words_of("\n".join(line for line in lines if not line.startswith(("from", "import"))))
    length = data.draw(st.integers(2, 6))
    run = data.draw(st.lists(st.sampled_from("abcdefgh"), min_size=length, max_size=length))
    found = Fingerprints()
    found.add({"benchmark": "X", "ngram10": {}, "solution": {digest(run): {"task_id": "X/0", "words": length}}})
    stands = any(run == words[i : i + length] for words in (with_them, without) for i in range(len(words)))
    assert (match(found, "\n".join(lines)) == "X/0") == stands


def test_a_short_solution_matches_verbatim_whatever_its_indentation(prints):
    assert prints.find("if x:\n        b = np.true_divide(a, 2.0)\n") == ("Demo/1", "verbatim")
    assert match(prints, "np.true_divide(a,  2.0)") is None
    assert match(prints, "b = np.abs(a)") is None  # shorter than 20 characters


def test_a_whole_solution_of_six_to_ten_words_matches():
    problem = {"task_id": "Demo/2", "prompt": "x", "canonical_solution": "alpha(beta, gamma).delta(epsilon='zeta')"}
    entry = fingerprints_of([problem], "")
    (solution,) = entry["solution"].values()
    assert solution == {"task_id": "Demo/2", "words": 6}
    found = Fingerprints()
    found.add(entry)
    assert found.find("alpha beta gamma delta epsilon zeta") == ("Demo/2", "solution")
    assert match(found, "alpha beta gamma delta epsilon") is None


def test_every_solution_of_the_own_problems_is_found():
    files = sorted((ROOT / "pandas-numpy-eval" / "pandas_numpy_eval" / "data").glob("*.jsonl"))
    problems = [problem for path in files for problem in read_problems(path)]
    found = of_problems(problems)
    assert problems
    for problem in problems:
        solution = problem["canonical_solution"]
        solution = solution if isinstance(solution, str) else solution[0]
        text = problem["prompt"] + solution
        if len(words_of(text)) >= 10 or len(solution.strip()) >= 20:
            assert match(found, "before = 1\n" + text + "\nafter = 2\n"), problem["task_id"]


def test_shipped_fingerprints_load_and_spare_ordinary_code():
    found = fingerprints_from((str(SHIPPED),), ())
    assert found.benchmarks == {"PandasEval", "NumpyEval"}
    assert len(found.runs[10]) > 5000
    assert match(found, "def add(a, b):\n    return a + b\n") is None


def test_shipped_fingerprints_have_the_documented_form():
    for entry in json.loads(SHIPPED.read_text()):
        assert set(entry) == {"benchmark", "sha256", "ngram10", "solution"}
        assert all(re.fullmatch("[0-9a-f]{16}", key) for key in [*entry["ngram10"], *entry["solution"]])
        assert all(solution["words"] >= 6 for solution in entry["solution"].values())


WORDS = st.sampled_from(words_of("of whoever has lived the longest among all these people ordered sort_values age x"))


@settings(max_examples=200, deadline=None)
@given(st.lists(WORDS, max_size=40), st.integers(0, 30), st.integers(0, 30))
def test_equals_the_definition(words, start, length):
    """On texts woven from the problems' own words, the fast search agrees with the plain definition."""
    entries = [fingerprints_of(PROBLEMS[:2], "")]
    found = Fingerprints()
    found.add(entries[0])
    own = words_of(PROBLEMS[0]["prompt"] + PROBLEMS[0]["canonical_solution"][0])
    text = " ".join([*words, *own[start : start + length], *words[::-1]])
    expected = naive_match(text, entries)
    task = match(found, text)
    assert (task in expected) if expected else (task is None)


def test_the_command_writes_what_load_reads(tmp_path):
    path = tmp_path / "demo.jsonl.gz"
    path.write_bytes(gzip.compress("".join(json.dumps(problem) + "\n" for problem in PROBLEMS[:2]).encode()))
    command = [sys.executable, "-m", "scripts.decontaminate", str(path)]
    output = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, check=True).stdout
    (tmp_path / "prints.json").write_bytes(output)
    (entry,) = json.loads(output)
    assert entry["benchmark"] == "Demo"
    assert entry["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert b"whoever" not in output
    text = "of whoever has lived the longest among all these people"
    assert match(fingerprints_from((str(tmp_path / "prints.json"),), ()), text) == "Demo/0"


@pytest.mark.parametrize("content", ["", "{", '{"task_id": "a/0"}\n', "[1]\n"])
def test_bad_files_are_one_line(tmp_path, capsys, content):
    path = tmp_path / "bad.jsonl"
    path.write_text(content or "\ud800", errors="surrogatepass")
    assert main([str(path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {path}") and error.count("\n") == 1
    with pytest.raises(UserError, match="not a fingerprint file"):
        Fingerprints().add_file(path)


SOLUTION = '[{"benchmark": "A", "ngram10": {}, "solution": {"00": {"task_id": "A/0", "words": %s}}}]'


@pytest.mark.parametrize(
    "content", ["{}", "[]", pytest.param("[" * 100_000, id="deep"), SOLUTION % -5, SOLUTION % 0, SOLUTION % "6.5"]
)
def test_fingerprints_that_would_clean_of_nothing_are_refused(tmp_path, content):
    path = tmp_path / "prints.json"
    path.write_text(content)
    with pytest.raises(UserError, match=f"^{path} is not a fingerprint file: "):
        Fingerprints().add_file(path)
