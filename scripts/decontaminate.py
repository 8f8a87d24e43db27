"""Find benchmark text in documents: against problem files, or against one-way fingerprints of them.

    python -m scripts.decontaminate BENCHMARK.jsonl ... > fingerprints.json

Fingerprints let a project be cleaned of a benchmark that it does not hold. Of each task the text is prompt + canonical
solution without import statements, lower-cased; its words are runs of [a-z_][a-z0-9_]*. Digits and punctuation do not count,
because `[1, 2, 3, 4` would hit half of all tasks. A run of words is joined by blanks, hashed with SHA-1 and cut to 16
hex digits. A fingerprint file is a JSON list with one object per benchmark:

    benchmark  its name, the part of `task_id` before the slash
    sha256     of the (compressed) problem file
    ngram10    {hash: task_id} of every run of 10 words
    solution   {hash: {"task_id", "words"}} of the whole solution, where it has 6 words or more

A document matches a task that shares a 10-gram or a whole solution with it; and, where the problem file itself is at
hand, a solution of 20 characters or more (indentation aside), however few words it has. Files of fingerprints made by
earlier versions lack the words of whole lines that begin with import or from, so a document is compared without these, too.
"""

import argparse
import gzip
import hashlib
import json
import re
import sys
import zlib
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import accumulate, chain
from pathlib import Path

from nl2code.errors import UserError, exit_status
from nl2code.hashes import sha256_file
from nl2code.parsing import LINE_END
from scripts.file_utils import GZIP, PROJECT_ROOT

NGRAM = 10
MIN_SOLUTION_WORDS = 6
MIN_VERBATIM = 20
WORD = re.compile(r"[a-z_][a-z0-9_]*")
IMPORT_LINE = re.compile(r"\s*(import|from)\s")
_NAME = r"[\w.]+(?:\s+as\s+\w+)?"
IMPORT = re.compile(rf"^\s*(?:import\s+{_NAME}(?:\s*,\s*{_NAME})*\s*(?=$|[;#\\])|from\s+[\w.]+\s+import\b[^;]*)")


def words_of(text: str) -> list[str]:
    """The words of a text that count: lower-cased, without the import statements at the beginning of lines.

    >>> words_of("import pandas as pd\\nDF = pd.Series([1, 2])")
    ['df', 'pd', 'series']
    >>> words_of("from the table above\\nimport math; area = math.pi")
    ['from', 'the', 'table', 'above', 'area', 'math', 'pi']
    """
    return [word for part in _parts_of(text) for word in part]


def _parts_of(text: str) -> list[list[str]]:
    """The words that count, in turns those of other lines and those that stand beside `import` or `from` in a line.

    >>> _parts_of("import math; area = math.pi\\nprint(area)")
    [[], ['area', 'math', 'pi'], ['print', 'area']]
    """
    parts, lines = [], []
    for line in LINE_END.split(text.lower()):
        if not IMPORT_LINE.match(line):
            lines.append(line)
        elif beside := WORD.findall(IMPORT.sub("", line, count=1)):
            parts += [WORD.findall("\n".join(lines)), beside]
            lines = []
    return [*parts, WORD.findall("\n".join(lines))]


def digest(run: Sequence[str]) -> str:
    """16 hex digits for a run of words."""
    return hashlib.sha1(" ".join(run).encode()).hexdigest()[:16]


def squeeze(text: str) -> str:
    """The text with every line stripped and empty lines left out."""
    return "\n".join(filter(None, (line.strip() for line in LINE_END.split(text))))


def solutions_of(problem: dict) -> list[str]:
    """The canonical solutions of a problem: a list of alternatives, or a single string; one empty text for none."""
    solutions = problem.get("canonical_solution") or [""]
    return [solutions] if isinstance(solutions, str) else [text for text in solutions if isinstance(text, str)]


def fingerprints_of(problems: Iterable[dict], sha256: str) -> dict:
    """The entry of a fingerprint file for the problems of one benchmark file."""
    grams, solutions, name = {}, {}, ""
    for problem in problems:
        task = problem["task_id"]
        name = task.split("/")[0]
        for solution in solutions_of(problem):
            words = words_of(problem["prompt"] + solution)
            for start in range(len(words) - NGRAM + 1):
                grams.setdefault(digest(words[start : start + NGRAM]), task)
            words = words_of(solution)
            if len(words) >= MIN_SOLUTION_WORDS:
                solutions[digest(words)] = {"task_id": task, "words": len(words)}
    return {"benchmark": name, "sha256": sha256, "ngram10": grams, "solution": solutions}


def read_problems(path: str | Path) -> list[dict]:
    """The problems of a .jsonl or .jsonl.gz benchmark file, as the evaluation reads it.

    Raises:
        UserError: it is no such file; the message names it.
    """
    try:
        from pandas_numpy_eval.data import read_problems as read
        from pandas_numpy_eval.errors import EvaluationError
    except ImportError as error:
        raise UserError(f"benchmarks need pandas_numpy_eval ({error}); pip install -e ./pandas-numpy-eval") from error
    try:
        return list(read(path).values())
    except (OSError, ValueError, EvaluationError) as error:
        raise UserError(f"{path} is not a .jsonl(.gz) benchmark file: {error}") from error


class Fingerprints:
    """What documents are compared with. Runs are kept by length, so that a document is read once per length."""

    def __init__(self) -> None:
        self.runs: dict[int, dict[bytes, str]] = {NGRAM: {}}  # length in words -> first 8 bytes of SHA-1 -> task_id
        self.verbatim: dict[str, str] = {}  # squeezed solution -> task_id
        self.benchmarks: set[str] = set()

    def add_file(self, path: str | Path) -> None:
        """Take in a fingerprint file (.json or .json.gz). Raises UserError."""
        try:
            raw = Path(path).read_bytes()
            entries = json.loads(gzip.decompress(raw) if raw[:2] == GZIP else raw)
            if not isinstance(entries, list) or not entries:
                raise ValueError("no list with an entry for each benchmark")
            for entry in entries:
                self.add(entry)
        except (
            OSError,
            EOFError,
            zlib.error,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            RecursionError,
        ) as error:
            raise UserError(f"{path} is not a fingerprint file: {error!r}") from error

    def add_problems(self, problems: Iterable[dict]) -> None:
        """Take in problems at hand, verbatim solutions included; they may be of several benchmarks."""
        by_benchmark: dict[str, list[dict]] = {}
        for problem in problems:
            by_benchmark.setdefault(problem["task_id"].split("/")[0], []).append(problem)
            for solution in map(squeeze, solutions_of(problem)):
                # From 6 words on, the run of words finds it already.
                if len(solution) >= MIN_VERBATIM and len(words_of(solution)) < MIN_SOLUTION_WORDS:
                    self.verbatim.setdefault(solution, problem["task_id"])
        for group in by_benchmark.values():
            self.add(fingerprints_of(group, ""))

    def add(self, entry: dict) -> None:
        """Take in one entry of a fingerprint file."""
        self.benchmarks.add(entry["benchmark"])
        for run, task in entry["ngram10"].items():
            self.runs[NGRAM].setdefault(bytes.fromhex(run), task)
        for run, solution in entry["solution"].items():
            if not isinstance(words := solution["words"], int) or words < 1:
                raise ValueError(f"a solution of {words!r} words")
            # A longer solution holds 10-grams of its own, which are in ngram10.
            if words <= NGRAM:
                self.runs.setdefault(words, {}).setdefault(bytes.fromhex(run), solution["task_id"])

    def find(self, text: str) -> tuple[str, str] | None:
        """(task_id, rule) of the first match, or None; the rule is `ngram10`, `solution` or `verbatim`."""
        parts = _parts_of(text)
        plain = parts[::2]  # the words without whole lines that begin with import or from
        gaps = list(accumulate(map(len, plain[:-1])))  # only runs that span one of them are not among all words
        if match := self._find_run(chain(*parts)) or (gaps and self._find_run(chain(*plain), gaps)):
            return match
        squeezed = squeeze(text) if self.verbatim else ""
        return next(((task, "verbatim") for solution, task in self.verbatim.items() if solution in squeezed), None)

    def _find_run(self, words: Iterable[str], gaps: Sequence[int] = ()) -> tuple[str, str] | None:
        """(task_id, rule) of the first known run of words, the longest first; with gaps, of runs that span one."""
        words = list(words)
        joined = " ".join(words).encode()
        starts = list(accumulate((len(word) + 1 for word in words), initial=0))
        for length in sorted(self.runs, reverse=True):
            known = self.runs[length]
            last = len(words) - length
            spanning = sorted({i for gap in gaps for i in range(max(0, gap - length + 1), min(gap, last + 1))})
            for i in spanning if gaps else range(last + 1 if known else 0):
                task = known.get(hashlib.sha1(joined[starts[i] : starts[i + length] - 1]).digest()[:8])
                if task:
                    return task, "ngram10" if length == NGRAM else "solution"
        return None

    def why_not(self, text: str) -> str:
        """Why a document is left out, `benchmark NAME: rule`; empty where nothing matches."""
        match = self.find(text)
        return f"benchmark {match[0].split('/')[0]}: {match[1]}" if match else ""


@cache
def fingerprints_from(fingerprint_files: tuple[str, ...], benchmark_files: tuple[str, ...]) -> Fingerprints:
    """What to clean of; read once per process. Raises UserError."""
    found = Fingerprints()
    for path in fingerprint_files:
        found.add_file(path)
    for path in benchmark_files:
        found.add_problems(read_problems(path))
    return found


def files_to_clean_of(fingerprints: list[Path], benchmarks: list[Path]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Fingerprint files (where none is given, the shipped ones), and problem files: the project's own and those given."""
    shipped = sorted(Path(__file__).with_name("fingerprints").glob("*.json*"))
    own = sorted((PROJECT_ROOT / "pandas-numpy-eval" / "pandas_numpy_eval" / "data").glob("*.jsonl*"))
    return tuple(map(str, fingerprints or shipped)), tuple(map(str, [*own, *benchmarks]))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told = "problem file, .jsonl or .jsonl.gz"
    parser.add_argument("benchmarks", nargs="+", type=Path, metavar="BENCHMARK", help=told)
    args = parser.parse_args(argv)

    def work() -> None:
        entries = [fingerprints_of(read_problems(path), sha256_file(path)) for path in args.benchmarks]
        json.dump(entries, sys.stdout, indent=0, sort_keys=True)
        print()

    return exit_status(work)


if __name__ == "__main__":
    sys.exit(main())
