"""What every problem file of ours must satisfy, and a quick way to run many programs; shared by the problem tests.

    problems = check_problem_file("pandas-numpy-eval/pandas_numpy_eval/data/CertNumpy.jsonl")
    wrong = check_wrong_file("tests/evaluation/wrong_completions/CertNumpy.jsonl", problems)
    verdicts = run_cases([program_of(problem, "".join(problem["canonical_solution"])) for problem in problems])

Nothing here comes from `pandas_numpy_eval` or `nl2code`: what it shares with them is written a second time, so that it
can catch their mistakes too.
"""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

FIELDS = ("task_id", "prompt", "entry_point", "canonical_solution", "test", "category", "level")
LEVELS = ("basic", "intermediate", "hard")
STOPS = ("\nclass", "\ndef", "\n#", "\n@", "\nprint", "\nif")
MIN_ASSERTIONS, MAX_ASSERTIONS = 3, 10
MAX_SOLUTION_LINES = 5
MIN_WRONG = 5
MAX_SIMILARITY = 0.6
SECONDS_PER_CASE = 10
PASSED = "passed"

# One child imports the libraries once and gives every program a fresh namespace. No sandbox: the programs are ours.
_CHILD = """
import contextlib, io, json, os, signal, sys, warnings

def expire(signum, frame):
    raise TimeoutError("time limit")

def verdict(program):
    signal.alarm(SECONDS)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(compile(program, "program", "exec"), {"__name__": "program"})
        return "passed"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"[:300]
    finally:
        signal.alarm(0)

signal.signal(signal.SIGALRM, expire)
json.dump([verdict(program) for program in json.load(sys.stdin)], sys.stdout)
"""


def read_lines(path: str | Path) -> list[dict]:
    """Return the records of a JSONL file, which must hold no empty line and end with a newline."""
    text = Path(path).read_text(encoding="utf-8")
    assert text.endswith("\n"), f"{path}: the last line has no newline"
    return [json.loads(line) for line in text[:-1].split("\n")]


def truncate(completion: str) -> str:
    """Cut a completion where the pipeline cuts it: before the first stop, trailing white space removed.

    >>> truncate("x.sum()\\nprint(x)")
    'x.sum()'
    """
    ends = [completion.find(stop) for stop in STOPS if stop in completion]
    return completion[: min(ends, default=len(completion))].rstrip()


def program_of(problem: dict, completion: str) -> str:
    """Return the program that decides whether `completion` solves `problem`."""
    argument = "" if problem["entry_point"] == "none" else problem["entry_point"]
    return f"{problem['prompt']}{completion}\n{problem['test']}\ncheck({argument})\n"


def run_cases(cases: Sequence[str], python: str = sys.executable, seconds: int = SECONDS_PER_CASE) -> list[str]:
    """Run programs in one child process under `python`, each for at most `seconds`.

    Return "passed" or "ErrorType: message" for each, in order.
    """
    child = subprocess.run(
        [python, "-c", _CHILD.replace("SECONDS", str(seconds))],
        input=json.dumps(list(cases)),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert child.returncode == 0, f"the child process died: {child.stderr[-2000:]}"
    return json.loads(child.stdout)


def ending_of(prompt: str) -> str:
    """Return where a prompt hands over: "return", "=" or "newline" (or "other", which no problem of ours has)."""
    if prompt.endswith("\n"):
        return "newline"
    if prompt.endswith(" return "):
        return "return"
    return "=" if re.search(r"[^=<>!]= ?$", prompt) else "other"


def assertions_in(test: str) -> int:
    """Count the `assert` statements and `assert_*` calls that a test holds."""
    nodes = list(ast.walk(ast.parse(test)))
    calls = [node.func for node in nodes if isinstance(node, ast.Call)]
    helpers = [func for func in calls if isinstance(func, ast.Attribute) and func.attr.startswith("assert_")]
    return sum(isinstance(node, ast.Assert) for node in nodes) + len(helpers)


def near_duplicates(prompts: Iterable[str]) -> list[tuple[float, str, str]]:
    """Return the pairs of prompts whose word trigrams overlap by more than `MAX_SIMILARITY` (Jaccard), worst first."""
    shingled = [(prompt, _trigrams(prompt)) for prompt in prompts]
    pairs = []
    for position, (first, left) in enumerate(shingled):
        for second, right in shingled[position + 1 :]:
            similarity = len(left & right) / max(1, len(left | right))
            if similarity > MAX_SIMILARITY:
                pairs.append((similarity, first, second))
    return sorted(pairs, reverse=True)


def check_problem_file(path: str | Path) -> list[dict]:
    """Assert the form of every problem in a file and return the problems.

    Ids are `<file stem>/0, 1, 2, ...`; fields are complete and in order; the prompt ends after `return `, `=` or a
    newline; the test defines the right `check` with 3 to 10 assertions; the solution has 1 to 5 lines and survives
    truncation; no two prompts are near duplicates.
    """
    problems = read_lines(path)
    faults = [
        f"{path}: line {index + 1}: {fault}" for index, problem in enumerate(problems) for fault in _faults(problem)
    ]
    ids = [problem.get("task_id") for problem in problems]
    if ids != [f"{Path(path).stem}/{index}" for index in range(len(problems))]:
        faults.append(f"{path}: the ids are not {Path(path).stem}/0, 1, 2, ...: {ids}")
    similar = near_duplicates(problem["prompt"] for problem in problems)
    faults += [f"near duplicates ({share:.2f}):\n{first}\n{second}" for share, first, second in similar]
    assert not faults, "\n".join(faults)
    return problems


def check_wrong_file(path: str | Path, problems: Sequence[dict]) -> dict[str, list[str]]:
    """Assert the form of the wrong completions kept beside `problems` and return them by task id."""
    rows = read_lines(path)
    assert all(list(row) == ["task_id", "wrong"] for row in rows), f"{path}: a row is not {{task_id, wrong}}"
    assert [row["task_id"] for row in rows] == [problem["task_id"] for problem in problems], f"{path}: ids differ"
    faults = []
    for row, problem in zip(rows, problems, strict=True):
        distinct = {truncate(completion) for completion in row["wrong"]}
        if len(distinct) < max(MIN_WRONG, len(row["wrong"])):
            faults.append(f"{row['task_id']}: {len(distinct)} distinct of {len(row['wrong'])}, {MIN_WRONG} needed")
        for completion in distinct:
            try:
                ast.parse(problem["prompt"] + completion)
            except SyntaxError as error:
                faults.append(f"{row['task_id']}: not Python, so it proves nothing: {completion!r} ({error})")
    assert not faults, "\n".join(faults)
    return {row["task_id"]: row["wrong"] for row in rows}


def _faults(problem: dict) -> Iterable[str]:
    """Yield what is wrong with the form of one problem."""
    if tuple(problem) != FIELDS:
        yield f"the fields are {list(problem)}, not {list(FIELDS)}"
        return
    if problem["level"] not in LEVELS:
        yield f"the level is {problem['level']!r}, not one of {', '.join(LEVELS)}"
    solution = problem["canonical_solution"]
    texts = [value for field, value in problem.items() if field != "canonical_solution"]
    if not (
        isinstance(solution, list)
        and len(solution) == 1
        and all(isinstance(text, str) and text for text in texts + solution)
    ):
        yield "a field is empty or of the wrong type"
        return
    if ending_of(problem["prompt"]) == "other":
        yield f"the prompt ends in {problem['prompt'][-10:]!r}, not after `return `, `=` or a newline"
    if truncate(solution[0]) != solution[0].rstrip():
        yield f"the solution does not survive truncation: {solution[0]!r}"
    if not 1 <= len(solution[0].strip("\n").split("\n")) <= MAX_SOLUTION_LINES:
        yield f"the solution has more than {MAX_SOLUTION_LINES} lines"
    count = assertions_in(problem["test"])
    if not MIN_ASSERTIONS <= count <= MAX_ASSERTIONS:
        yield f"{count} assertions, not {MIN_ASSERTIONS} to {MAX_ASSERTIONS}"
    entry = problem["entry_point"]
    header = "def check():" if entry == "none" else "def check(candidate):"
    if f"\n{header}\n" not in "\n" + problem["test"]:
        yield f"the test does not define `{header}`"
    if entry != "none" and f"def {entry}(" not in problem["prompt"]:
        yield f"the prompt does not define {entry}"


def _trigrams(prompt: str) -> set[tuple[str, ...]]:
    """Return the word trigrams of a prompt without its imports, which nearly all prompts share."""
    words = re.findall(r"\w+|[^\w\s]", re.sub(r"(?m)^(import|from) .*$", "", prompt))
    return {tuple(words[i : i + 3]) for i in range(len(words) - 2)}
