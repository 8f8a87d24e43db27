"""Find benchmark text in documents: against problem files, or against one-way fingerprints of them.

    python -m scripts.decontaminate BENCHMARK.jsonl ... > fingerprints.json

Fingerprints let a project be cleaned of a benchmark that it does not hold. Of each task the text is prompt + canonical
solution without import lines, lower-cased; its words are runs of [a-z_][a-z0-9_]*. Digits and punctuation do not count,
because `[1, 2, 3, 4` would hit half of all tasks. A run of words is joined by blanks, hashed with SHA-1 and cut to 16
hex digits. A fingerprint file is a JSON list with one object a benchmark:

    benchmark  its name, the part of `task_id` before the slash
    sha256     of the (compressed) problem file
    ngram10    {hash: task_id} of every run of 10 words
    solution   {hash: {"task_id", "words"}} of the whole solution, where it has 6 words or more

A document matches a task that shares a 10-gram or a whole solution with it; and, where the problem file itself is at
hand, a solution of 20 characters or more (indentation aside), however few words it has.
"""

import argparse
import gzip
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

NGRAM = 10
MIN_SOLUTION_WORDS = 6
MIN_VERBATIM = 20
WORD = re.compile(r"[a-z_][a-z0-9_]*")
IMPORT_LINE = re.compile(r"\s*(import|from)\s")


class DecontaminationError(Exception):
    """A benchmark or fingerprint file that cannot be used; the message is one line."""


def words_of(text: str) -> list[str]:
    """The words of a text that count: lower-cased, without import lines.

    >>> words_of("import pandas as pd\\nDF = pd.Series([1, 2])")
    ['df', 'pd', 'series']
    """
    return WORD.findall("\n".join(line for line in text.lower().split("\n") if not IMPORT_LINE.match(line)))


def digest(run: Sequence[str]) -> str:
    """16 hex digits for a run of words."""
    return hashlib.sha1(" ".join(run).encode()).hexdigest()[:16]


def squeeze(text: str) -> str:
    """The text with every line stripped and empty lines left out."""
    return "\n".join(filter(None, (line.strip() for line in text.split("\n"))))


def solutions_of(problem: dict) -> list[str]:
    """The canonical solutions of a problem; a single string stands for a list of one."""
    solutions = problem["canonical_solution"]
    return [solutions] if isinstance(solutions, str) else list(solutions)


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
    """The problems of a .jsonl or .jsonl.gz benchmark file."""
    path = Path(path)
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
        problems = [json.loads(line) for line in text.splitlines() if line.strip()]
        for problem in problems:
            if not {"task_id", "prompt", "canonical_solution"} <= problem.keys():
                raise DecontaminationError(f"{path}: a problem lacks task_id, prompt or canonical_solution")
    except (OSError, EOFError, ValueError, AttributeError) as error:
        raise DecontaminationError(f"{path} is not a .jsonl(.gz) benchmark file: {error}") from error
    return problems


class Fingerprints:
    """What documents are compared with. Runs are kept by length, so that a document is read once a length."""

    def __init__(self) -> None:
        self.runs: dict[int, dict[bytes, str]] = {NGRAM: {}}  # length in words -> first 8 bytes of SHA-1 -> task_id
        self.verbatim: dict[str, str] = {}  # squeezed solution -> task_id
        self.benchmarks: set[str] = set()

    @classmethod
    def load(cls, paths: Iterable[str | Path]) -> "Fingerprints":
        """Read fingerprint files (.json or .json.gz). Raises DecontaminationError."""
        found = cls()
        for path in map(Path, paths):
            try:
                raw = path.read_bytes()
                for entry in json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw):
                    found.add(entry)
            except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
                raise DecontaminationError(f"{path} is not a fingerprint file: {error!r}") from error
        return found

    @classmethod
    def of_problems(cls, problems: Iterable[dict]) -> "Fingerprints":
        """Fingerprints of problems at hand, verbatim solutions included; one call may hold several benchmarks."""
        found = cls()
        by_benchmark: dict[str, list[dict]] = {}
        for problem in problems:
            by_benchmark.setdefault(problem["task_id"].split("/")[0], []).append(problem)
            for solution in map(squeeze, solutions_of(problem)):
                # From 6 words on, the run of words finds it already.
                if len(solution) >= MIN_VERBATIM and len(words_of(solution)) < MIN_SOLUTION_WORDS:
                    found.verbatim.setdefault(solution, problem["task_id"])
        for group in by_benchmark.values():
            found.add(fingerprints_of(group, ""))
        return found

    def add(self, entry: dict) -> None:
        """Take in one entry of a fingerprint file."""
        self.benchmarks.add(entry["benchmark"])
        for run, task in entry["ngram10"].items():
            self.runs[NGRAM].setdefault(bytes.fromhex(run), task)
        for run, solution in entry["solution"].items():
            # A longer solution holds 10-grams of its own, which are in ngram10.
            if solution["words"] <= NGRAM:
                self.runs.setdefault(solution["words"], {}).setdefault(bytes.fromhex(run), solution["task_id"])

    def update(self, other: "Fingerprints") -> None:
        """Take in all of another set."""
        for length, runs in other.runs.items():
            self.runs[length] = {**runs, **self.runs.get(length, {})}
        self.verbatim = {**other.verbatim, **self.verbatim}
        self.benchmarks |= other.benchmarks

    def match(self, text: str) -> str | None:
        """The `task_id` of a task whose text is in `text`, or None."""
        found = self.find(text)
        return found[0] if found else None

    def find(self, text: str) -> tuple[str, str] | None:
        """(task_id, rule) of the first match, or None; the rule is `ngram10`, `solution` or `verbatim`."""
        words = words_of(text)
        joined = " ".join(words).encode()
        starts, position = [], 0
        for word in words:
            starts.append(position)
            position += len(word) + 1
        starts.append(position)
        for length in sorted(self.runs, reverse=True):
            known = self.runs[length]
            if not known:
                continue
            for start, end in zip(starts, starts[length:], strict=False):
                task = known.get(hashlib.sha1(joined[start : end - 1]).digest()[:8])
                if task:
                    return task, "ngram10" if length == NGRAM else "solution"
        if self.verbatim:
            squeezed = squeeze(text)
            for solution, task in self.verbatim.items():
                if solution in squeezed:
                    return task, "verbatim"
        return None


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "benchmarks", nargs="+", type=Path, metavar="BENCHMARK", help="problem file, .jsonl or .jsonl.gz"
    )
    args = parser.parse_args(argv)
    try:
        entries = []
        for path in args.benchmarks:
            problems = read_problems(path)
            entries.append(fingerprints_of(problems, hashlib.sha256(path.read_bytes()).hexdigest()))
    except DecontaminationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    json.dump(entries, sys.stdout, indent=0, sort_keys=True)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
