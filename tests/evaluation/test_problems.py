"""Our Pandas and NumPy problems: well-formed, solvable, and able to tell a wrong completion from a right one."""

from collections import Counter
from pathlib import Path

import pytest
from problem_checks import (
    LEVELS,
    PASSED,
    assertions_in,
    check_problem_file,
    check_wrong_file,
    ending_of,
    near_duplicates,
    program_of,
    run_cases,
    truncate,
)

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "pandas-numpy-eval" / "pandas_numpy_eval" / "data"
WRONG = ROOT / "tests" / "evaluation" / "wrong_completions"
SIZES = {"CertPandas": 201, "CertNumpy": 201, "CertPandasDev": 150, "CertNumpyDev": 150}
BASIC = {"CertPandas": 100, "CertNumpy": 100}


@pytest.fixture(scope="module", params=SIZES)
def name(request) -> str:
    """The name of a problem file."""
    return request.param


@pytest.fixture(scope="module")
def problems(name) -> list[dict]:
    """The problems of one file; loading them checks their form."""
    return check_problem_file(DATA / f"{name}.jsonl")


@pytest.fixture(scope="module")
def wrong(name, problems) -> dict[str, list[str]]:
    """The wrong completions kept beside one file, by task id."""
    return check_wrong_file(WRONG / f"{name}.jsonl", problems)


def test_number_of_problems(name, problems):
    assert len(problems) == SIZES[name]
    levels = Counter(problem["level"] for problem in problems)
    assert min(levels[level] for level in LEVELS) > 0
    assert levels["basic"] == BASIC.get(name, levels["basic"])


def test_canonical_solutions_pass(problems):
    solutions = [problem["canonical_solution"][0] for problem in problems]
    assert list(map(truncate, solutions)) == solutions
    verdicts = run_cases(list(map(program_of, problems, solutions)))
    failed = {p["task_id"]: v for p, v in zip(problems, verdicts, strict=True) if v != PASSED}
    assert not failed


def test_wrong_completions_fail(problems, wrong):
    cases = [(problem, truncate(text)) for problem in problems for text in wrong[problem["task_id"]]]
    verdicts = run_cases([program_of(problem, text) for problem, text in cases])
    passed = [(p["task_id"], text) for (p, text), v in zip(cases, verdicts, strict=True) if v == PASSED]
    assert not passed
    # A misspelt name would fail whatever the test checks.
    misspelt = [(p["task_id"], text, v) for (p, text), v in zip(cases, verdicts, strict=True) if "NameError" in v]
    assert not misspelt


def test_empty_completion_fails(problems):
    verdicts = run_cases([program_of(problem, "") for problem in problems])
    assert PASSED not in verdicts


def test_every_prefix_is_balanced(problems):
    """From the first 20 on: half functions, half scripts; a third of the prompts ends at each place; categories mix."""
    for end in range(20, len(problems) + 1):
        prefix = problems[:end]
        scripts = sum(problem["entry_point"] == "none" for problem in prefix)
        assert 0.45 <= scripts / end <= 0.55, end
        endings = Counter(ending_of(problem["prompt"]) for problem in prefix)
        assert all(0.25 <= endings[place] / end <= 0.4 for place in ("return", "=", "newline")), (end, endings)
        assert max(Counter(problem["category"] for problem in prefix).values()) <= 0.2 * end, end


def test_splits_do_not_overlap():
    """No prompt is a near duplicate of one in another file."""
    prompts = [problem["prompt"] for stem in SIZES for problem in check_problem_file(DATA / f"{stem}.jsonl")]
    assert not near_duplicates(prompts)


def test_the_checks_can_fail(tmp_path):
    """The helpers that judge the files do find what they look for."""
    line = (DATA / "CertPandas.jsonl").read_text().split("\n")[0]
    (tmp_path / "CertPandas.jsonl").write_text(line.replace('"level": "intermediate"', '"level": "easy"') + "\n")
    with pytest.raises(AssertionError, match="the level is 'easy', not one of basic"):
        check_problem_file(tmp_path / "CertPandas.jsonl")
    problem = {
        "prompt": "def one():\n    return ",
        "entry_point": "one",
        "test": "def check(candidate):\n    assert candidate() == 1",
    }
    stuck = "while True:\n    pass\n"
    verdicts = run_cases(
        [program_of(problem, "1"), program_of(problem, "2"), program_of(problem, "("), "raise SystemExit"]
    )
    assert [verdict.split(":")[0] for verdict in verdicts] == [PASSED, "AssertionError", "SyntaxError", "SystemExit"]
    assert run_cases([stuck], seconds=1) == ["TimeoutError: time limit"]
    assert truncate("1\n# more\nclass A: pass") == "1"
    assert truncate("1\n    if x:\n        y \n") == "1\n    if x:\n        y"
    assert [ending_of(text) for text in ("    return ", "x =", "x = ", "x\n", "x ==", "x")] == [
        "return",
        "=",
        "=",
        "newline",
        "other",
        "other",
    ]
    assert assertions_in("def check():\n    assert 1\n    np.testing.assert_equal(1, 1)") == 2
    assert (
        len(near_duplicates(["sort the rows of a table by column", "sort the rows of a table by name", "a b c d"])) == 1
    )
