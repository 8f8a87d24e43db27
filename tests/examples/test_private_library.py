"""The private library: it and its guide run; problems tell right from wrong completions; the corpus holds none of them."""

import doctest
import importlib
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from evaluation.problem_checks import (
    PASSED,
    check_problem_file,
    check_wrong_file,
    near_duplicates,
    program_of,
    run_cases,
    truncate,
)

from examples.private_library import make_corpus, tasks, wording, wording_conditions
from examples.private_library.pools import NUMBER_WORDS
from pandas_numpy_eval import evaluate_functional_correctness
from scripts.decontaminate import fingerprints_from, squeeze
from scripts.file_utils import read_jsonl

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples/private_library"
LIBRARY = EXAMPLE / "library"
SIZES = {"Dorvex": 40, "DorvexDev": 20}
NUMBER = re.compile(rf"\b(\d[\d.]*(nd|rd|th)?|second|third|fourth|fifth|{'|'.join(NUMBER_WORDS)})\b")


@pytest.fixture(params=SIZES)
def name(request) -> str:
    """The name of a problem file."""
    return request.param


@pytest.fixture
def problems(name, monkeypatch) -> list[dict]:
    """The problems of one file; the programs that are run find the library."""
    monkeypatch.setenv("PYTHONPATH", str(LIBRARY))
    return check_problem_file(EXAMPLE / f"problems/{name}.jsonl")


@pytest.fixture(scope="module")
def programs(tmp_path_factory) -> dict[str, str]:
    """Path -> text of a small corpus."""
    folder = tmp_path_factory.mktemp("corpus") / "programs"
    assert make_corpus.main(["-o", str(folder), "--files", "200"]) == 0
    return {str(file.relative_to(folder)): file.read_text() for file in sorted(folder.rglob("*.py"))}


@pytest.mark.parametrize("module", ["dorvex", "dorvex.brods", "dorvex.selecting", "dorvex.shaping", "dorvex.reading"])
def test_examples_of_the_library(module):
    found = doctest.testmod(importlib.import_module(module))
    assert found.failed == 0 and found.attempted >= 3


def test_every_method_has_a_documented_example():
    from dorvex import Brod

    methods = {name for name in dir(Brod) if not name.startswith("_")}
    assert methods | {"knit", "plex"} == {*wording.CALLS, *wording.PAIRS}
    assert all(f".{name}(" in getattr(Brod, name).__doc__ for name in methods)


def test_guide_runs_and_shows_every_method():
    guide = (LIBRARY / "docs/guide.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    for block in blocks:
        exec(compile(block, "guide", "exec"), {})
    assert set(re.findall(r"\.(\w+)\(", "".join(blocks))) >= {*wording.CALLS, *wording.PAIRS} - {"drepek", "drepor"} - {
        *("drepis", "drepam", "torvno")  # what the guide says about the endings
    }


def test_number_of_problems(name, problems):
    assert len(problems) == SIZES[name]


def test_solutions_pass(problems):
    solutions = [problem["canonical_solution"][0] for problem in problems]
    assert list(map(truncate, solutions)) == solutions
    verdicts = run_cases(list(map(program_of, problems, solutions)))
    assert {p["task_id"]: v for p, v in zip(problems, verdicts, strict=True) if v != PASSED} == {}


def test_wrong_completions_fail(name, problems):
    wrong = check_wrong_file(ROOT / f"tests/examples/{name}_wrong.jsonl", problems)
    cases = [(problem, truncate(text)) for problem in problems for text in wrong[problem["task_id"]]]
    cases += [(problem, "") for problem in problems]
    verdicts = run_cases([program_of(problem, text) for problem, text in cases])
    assert [(p["task_id"], text) for (p, text), v in zip(cases, verdicts, strict=True) if v == PASSED] == []
    # A misspelt call would fail whatever the test checks.
    misspelt = re.compile(r"NameError: name '(?!\w+' is not defined$)|object has no attribute '_")
    assert [(p["task_id"], text, v) for (p, text), v in zip(cases, verdicts, strict=True) if misspelt.search(v)] == []
    calls = {call for problem, text in cases for call in re.findall(r"\.([a-z]+)\(", text)}
    assert calls <= {*wording.CALLS, *wording.PAIRS}


def test_dev_and_final_problems_do_not_overlap():
    prompts = [problem["prompt"] for name in SIZES for problem in read_jsonl(EXAMPLE / f"problems/{name}.jsonl")]
    assert near_duplicates(prompts) == []


def test_corpus_is_deterministic(programs):
    shapes = {path.partition("/")[0] for path in programs}
    assert shapes == {"scripts", "functions", "tests"} and len(programs) == 200
    for path, text in programs.items():
        number = int(re.search(r"_(\d+)\.py", path)[1])
        assert make_corpus.make_program(42, number) == (path.partition("/")[0], text)
    assert make_corpus.make_program(43, 0)[1] != make_corpus.make_program(42, 0)[1]


def test_a_folder_of_other_things_is_not_replaced(tmp_path, capsys):
    folder = tmp_path / "work"
    (folder / "tests").mkdir(parents=True)
    (folder / "mine.txt").write_text("x")
    assert make_corpus.main(["-o", str(folder), "--files", "1"]) == 1
    assert f"-o {folder} holds mine.txt" in capsys.readouterr().err
    assert make_corpus.main(["-o", str(folder / "mine.txt"), "--files", "1"]) == 1
    assert "is a file, not a folder" in capsys.readouterr().err and (folder / "mine.txt").read_text() == "x"
    (folder / "mine.txt").unlink()
    assert make_corpus.main(["-o", str(folder), "--files", "1"]) == 0
    with pytest.raises(SystemExit):
        make_corpus.main(["-o", str(folder), "--files", "0"])
    assert "--files 0 is below 1" in capsys.readouterr().err and len(list(folder.rglob("*.py"))) == 1


def test_corpus_runs(programs, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(LIBRARY))
    texts = [
        f"{text}\nfor name in [n for n in dir() if n[:5] == 'test_']:\n    globals()[name]()\n"
        for text in programs.values()
    ]
    assert set(run_cases(texts)) == {PASSED}


def test_corpus_holds_no_problem(programs):
    """No sentence of a prompt occurs, and the filter of the corpus finds what it should find."""
    problems = [problem for name in SIZES for problem in read_jsonl(EXAMPLE / f"problems/{name}.jsonl")]
    library = [file.read_text() for file in sorted(LIBRARY.rglob("*")) if file.suffix in (".py", ".md")]
    assert len(library) == 6
    corpus = squeeze("\n".join([*programs.values(), *library])).lower()
    for problem in problems:
        sentences = re.findall(r'(?m)^# (.*)$|"""(.*?)"""', problem["prompt"])
        assert sentences
        for sentence in ("".join(pair).lower() for pair in sentences):
            assert sentence not in corpus
    found = fingerprints_from((), tuple(str(EXAMPLE / f"problems/{name}.jsonl") for name in SIZES))
    assert found.find(problems[0]["prompt"] + problems[0]["canonical_solution"][0])
    assert sum(found.find(text) is not None for text in programs.values()) <= len(programs) // 50


@pytest.mark.parametrize("call", wording.CALLS)
def test_every_call_has_thirty_paraphrases(call):
    said = set()
    for number in range(400):
        scene = tasks.Scene(random.Random(number))
        scene.brod, scene.records, scene.quote, scene.quote_value = "rows", "records", "", ""
        scene.texts, scene.numbers = ["city"], ["depth", "price"]
        phrase = tasks.describe(scene, call, "these")
        said |= {NUMBER.sub("0", text) for text in (phrase.noun, phrase.order, phrase.line)}
    assert len(said) >= 30


def test_every_call_occurs():
    """At least one in a hundred programs has the call, and half of them at least three in a hundred."""
    texts = [make_corpus.make_program(1, number)[1] for number in range(1000)]
    counts = {call: sum(f".{call}(" in text for text in texts) for call in {*wording.CALLS, *wording.PAIRS}}
    assert {call: count for call, count in counts.items() if count < 10} == {}
    assert sorted(counts.values())[len(counts) // 2] >= 30


def test_descriptions_hold_what_the_code_needs():
    """Every field and value of a call is in its description."""
    for number in range(600):
        scene = tasks.Scene(random.Random(number))
        scene.quote = scene.quote_value = '"'
        one = tasks.draw_task(scene)
        used = set(re.findall(r'"[^"]+"', one.code))
        adjectives = {f'"{name}"' for name in wording_conditions.ADJECTIVES}
        assert [text for text in used - adjectives if text not in one.text] == [], (one.text, one.code)


def test_a_changed_library_gets_another_environment(tmp_path):
    """The line of run.sh, on a copy of the library."""
    (line,) = re.findall(r"(?m)^CONTENT=.*", (EXAMPLE / "run.sh").read_text())
    assert 'CERT_LIBS="$WORK/libs/${CONTENT:0:16}"' in (EXAMPLE / "run.sh").read_text()
    shutil.copytree(LIBRARY, tmp_path / "library")

    def content() -> str:
        command = ["bash", "-euc", f'HERE="{tmp_path}"; {line}; echo "${{CONTENT:0:16}}"']
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    before = content()
    assert re.fullmatch("[0-9a-f]{16}", before) and content() == before
    (tmp_path / "library/dorvex/__pycache__").mkdir(exist_ok=True)
    (tmp_path / "library/dorvex/__pycache__/x.pyc").write_bytes(b"x")
    assert content() == before
    with open(tmp_path / "library/dorvex/brods.py", "a") as file:
        file.write("# changed\n")
    assert content() != before


@pytest.mark.slow
def test_sandbox_has_the_library_from_its_wheel(tmp_path, monkeypatch, capsys):
    shutil.copytree(LIBRARY, tmp_path / "build")
    build = f"-m pip wheel --quiet --no-deps --no-build-isolation -w {tmp_path}/wheels {tmp_path}/build".split()
    subprocess.run([sys.executable, *build], check=True)
    for name, value in (("PIP_FIND_LINKS", "wheels"), ("CERT_LIBS", "libs")):
        monkeypatch.setenv(name, str(tmp_path / value))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    flags = ["--check_references", "-d", str(EXAMPLE / "problems/Dorvex.jsonl"), "--libs", "dorvex==1.0.0"]
    assert evaluate_functional_correctness.main([*flags, "--n_workers", "1"]) == 0
    assert "40 of 40 references pass" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("setting", "status", "words"),
    [
        ("STEPS=30", 0, "run_evaluating_codes.sh: settings are fine"),
        ("TEMP=5", 2, "TEMP=5 is not a number from 0 to 2"),
        ("PROBLEMS=/nope.jsonl", 2, "PROBLEMS=/nope.jsonl is not allowed"),
        ("TYPE=generator", 2, "TYPE=generator is set by this command; unset it"),
        ("CERT_LIBS=/libs", 2, "CERT_LIBS=/libs is set by this command; unset it"),
    ],
)
def test_settings_of_later_steps_are_checked_first(setting, status, words, tmp_path):
    name, _, value = setting.partition("=")
    own = {name: value, "DATA_DIR": f"{tmp_path}/data", "RESULTS_DIR": f"{tmp_path}/results"}
    command = ["bash", EXAMPLE / "run.sh", "--check"]
    done = subprocess.run(
        command, env={**os.environ, "CERT_PYTHON": sys.executable, **own}, capture_output=True, text=True
    )
    assert words in done.stdout + done.stderr and (done.returncode == 0) == (status == 0)
