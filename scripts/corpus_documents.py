"""From the files of a source to documents: filters, scores, decontamination (see scripts/prepare_corpus.py)."""

import ast
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cache

from scripts.corpus_sources import UNKNOWN, Source, is_permissive, licence_of, members, text_of
from scripts.decontaminate import Fingerprints, read_problems
from scripts.doc_sections import notebook_cells
from scripts.mine_docs import DOC_SUFFIXES, mine
from scripts.snippets import imports_library, parse, statements

MIN_LINES = 5
MAX_AVERAGE_LINE = 100
MAX_LINE = 1000
TEST_PATH = re.compile(r"(^|/)(tests?|testing)/|(^|/)(test_[^/]*|[^/]*_test|conftest)\.py$")


@dataclass
class Tally:
    """Where things of one kind went: `seen` = kept + the sum of `reasons`."""

    seen: int = 0
    reasons: Counter = field(default_factory=Counter)


@dataclass
class Harvest:
    """What one source gives. `documents` are corpus lines, each with its kind."""

    source: Source
    files: Tally = field(default_factory=Tally)
    kinds: dict[str, Tally] = field(default_factory=dict)
    documents: list[tuple[str, dict]] = field(default_factory=list)


@cache
def fingerprints_from(fingerprint_files: tuple[str, ...], benchmark_files: tuple[str, ...]) -> Fingerprints:
    """What to clean of; read once a process."""
    found = Fingerprints.load(fingerprint_files)
    for path in benchmark_files:
        found.update(Fingerprints.of_problems(read_problems(path)))
    return found


def harvest(
    source: Source,
    library: str,
    kinds: tuple[str, ...],
    any_licence: bool,
    fingerprint_files: tuple[str, ...],
    benchmark_files: tuple[str, ...],
) -> Harvest:
    """All documents of one source that use `library`, filtered and decontaminated; nothing is executed."""
    fingerprints = fingerprints_from(fingerprint_files, benchmark_files)
    found = Harvest(source, kinds={kind: Tally() for kind in kinds})
    for member in members(source):
        found.files.seen += 1
        if not member.path.endswith(DOC_SUFFIXES):
            found.files.reasons["another kind of file"] += 1
            continue
        text, reason = text_of(member)
        if text is None:
            found.files.reasons[reason] += 1
            continue
        licence = licence_of(text, source)
        if not any_licence and licence != UNKNOWN and not is_permissive(licence):
            found.files.reasons["licence is not permissive"] += 1
            continue
        for kind in kinds:
            for content, path in candidates(kind, kinds, member.path, text, library, found.kinds[kind]):
                match = fingerprints.find(content)
                if match:
                    found.kinds[kind].reasons[f"benchmark {match[0].split('/')[0]}: {match[1]}"] += 1
                else:
                    found.documents.append((kind, document(kind, source, path, licence, content)))
    return found


def candidates(
    kind: str, kinds: tuple[str, ...], path: str, text: str, library: str, tally: Tally
) -> list[tuple[str, str]]:
    """(content, path) of the documents of one kind in one file; the rest is counted in `tally`."""
    if kind == "mined":
        snippets, reasons = mine(path, text, library)
        tally.seen += len(snippets) + sum(reasons.values())
        tally.reasons += reasons
        return [(snippet.content, f"{path}#L{snippet.line}") for snippet in snippets]
    if path.endswith(".ipynb") and "mined" not in kinds:  # else its sections are mined
        text = notebook_code(text)
    elif not path.endswith(".py"):
        return []
    tally.seen += 1
    reason = why_not_code(text, library)
    if reason:
        tally.reasons[reason] += 1
        return []
    return [(text, path)]


def notebook_code(text: str) -> str:
    """A notebook as a script: Markdown as comments, magics and shell lines left out."""
    parts = []
    for kind, source in notebook_cells(text):
        lines = source.strip("\n").split("\n")
        if kind == "markdown":
            parts.append("\n".join(f"# {line}".rstrip() for line in lines))
        else:
            parts.append("\n".join(line for line in lines if not line.lstrip().startswith(("%", "!"))))
    return "\n\n".join(parts) + "\n"


def why_not_code(text: str, library: str) -> str:
    """Why a file is no code document; empty where it is one."""
    if library.split(".")[0] not in text:
        return "does not import the library"
    tree = parse(text)
    if tree is None:
        return "does not parse"
    if not imports_library(tree, library):
        return "does not import the library"
    lines = text.split("\n")
    if len(text.splitlines()) < MIN_LINES:
        return f"fewer than {MIN_LINES} lines"
    if len(text) / len(lines) > MAX_AVERAGE_LINE:
        return f"average line longer than {MAX_AVERAGE_LINE}"
    if max(map(len, lines)) > MAX_LINE:
        return f"a line longer than {MAX_LINE}"
    return ""


def document(kind: str, source: Source, path: str, licence: str, content: str) -> dict:
    """One corpus line."""
    ut_score, func_score = scores(content, path.partition("#L")[0] if kind == "code" else "")
    return {
        "content": content,
        "repo_name": source.name if kind == "code" else f"{source.name} (docs)",
        "path": path,
        "license": licence,
        "stars": 0,
        "feature": {"ut_score": ut_score, "func_score": func_score},
    }


def scores(content: str, path: str) -> tuple[float, float]:
    """(ut_score, func_score) of parsable code, each between 0 and 1, to three places.

    func_score: the share of non-empty lines that lie in functions or methods (decorators left out).
    ut_score: how test-like; the share of non-empty lines that lie in functions named test*, in classes named Test* or
    in assert statements, but at least 0.5 where the path says test (tests/, test_*.py, *_test.py, conftest.py).
    """
    full = [bool(line.strip()) for line in content.split("\n")]
    function_lines, test_lines = set(), set()
    for node in statements(parse(content)):
        is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        is_test = isinstance(node, ast.Assert) or (is_function and node.name.startswith("test"))
        is_test = is_test or (isinstance(node, ast.ClassDef) and node.name.startswith("Test"))
        lines = range(node.lineno - 1, node.end_lineno)
        if is_function:
            function_lines.update(lines)
        if is_test:
            test_lines.update(lines)
    total = max(sum(full), 1)
    func_score = sum(full[line] for line in function_lines) / total
    ut_score = sum(full[line] for line in test_lines) / total
    if TEST_PATH.search(path):
        ut_score = max(ut_score, 0.5)
    return round(ut_score, 3), round(func_score, 3)
