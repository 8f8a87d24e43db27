"""From the files of a source to documents: filters, scores, decontamination (see scripts/prepare_corpus.py)."""

import ast
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cache

from nl2code.parsing import try_parse
from scripts.corpus.dataset_rows import dataset_members
from scripts.corpus.docs.notebooks import notebook_code
from scripts.corpus.docs.snippets import MAX_LINES, imports_library, statements
from scripts.corpus.sources import UNKNOWN, Member, Source, is_permissive, licence_of, members, text_of
from scripts.decontaminate import Fingerprints, read_problems
from scripts.mine_docs import DOC_SUFFIXES, mine

DOCS = " (docs)"  # ends the repository's name of mined documents
MIN_LINES = 5
MAX_AVERAGE_LINE = 100
MAX_LINE = 1000
TEST_PATH = re.compile(r"(^|/)(tests?|testing)/|(^|/)(test_[^/]*|[^/]*_test|conftest)\.py$")


@dataclass
class Tally:
    """Where things of one kind went: `seen` = kept + the sum of `reasons`; the same in tokens, with a tokenizer."""

    seen: int = 0
    reasons: Counter = field(default_factory=Counter)
    tokenizer: str = ""  # a tokenizer.json, to count tokens with
    tokens_seen: int = 0
    tokens: Counter = field(default_factory=Counter)  # by reason

    def see(self, text: str) -> None:
        """Count a candidate."""
        self.seen += 1
        self.tokens_seen += count_tokens(text, self.tokenizer)

    def leave_out(self, reason: str, text: str) -> None:
        """Count a candidate, seen before, that is no document."""
        self.reasons[reason] += 1
        self.tokens[reason] += count_tokens(text, self.tokenizer)


@dataclass
class Harvest:
    """What one source gives. `documents` are corpus lines, each with its kind."""

    source: Source
    files: Tally = field(default_factory=Tally)
    kinds: dict[str, Tally] = field(default_factory=dict)
    documents: list[tuple[str, dict]] = field(default_factory=list)


@cache
def _load_tokenizer(file: str):
    from tokenizers import Tokenizer

    return Tokenizer.from_file(file)


def count_tokens(text: str, tokenizer: str) -> int:
    """Tokens of a text, by a `tokenizer.json`; 0 without one."""
    if not tokenizer:
        return 0
    text = text.encode("utf-8", "replace").decode()  # lone surrogates
    return len(_load_tokenizer(tokenizer).encode(text, add_special_tokens=False).ids)


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
    tokenizer: str = "",
    dataset_rows: int | None = None,
) -> Harvest:
    """All documents of one source that use `library`, filtered and decontaminated; nothing is executed."""
    fingerprints = fingerprints_from(fingerprint_files, benchmark_files)
    found = Harvest(source, kinds={kind: Tally(tokenizer=tokenizer) for kind in kinds})
    for member in dataset_members(source, dataset_rows) if source.dataset else members(source):
        found.files.seen += 1
        if not member.path.endswith(DOC_SUFFIXES):
            found.files.reasons["another kind of file"] += 1
            continue
        text, reason = text_of(member)
        if text is None:
            found.files.reasons[reason] += 1
            continue
        licence = licence_of(text, member, source)
        if not any_licence and licence != UNKNOWN and not is_permissive(licence):
            found.files.reasons["licence is not permissive"] += 1
            continue
        for kind in kinds:
            for content, path in candidates(kind, kinds, member, text, library, found.kinds[kind]):
                match = fingerprints.find(content)
                if match:
                    reason = f"benchmark {match[0].split('/')[0]}: {match[1]}"
                    found.kinds[kind].leave_out(reason, content)
                else:
                    found.documents.append((kind, document(kind, source, member, path, licence, content)))
    return found


def candidates(
    kind: str, kinds: tuple[str, ...], member: Member, text: str, library: str, tally: Tally
) -> list[tuple[str, str]]:
    """(content, path) of the documents of one kind in one file; the rest is counted in `tally`."""
    path = member.path
    if member.is_pair:
        return [(text, path)] if kind == "mined" and passes(tally, text, why_not_pair(text, library)) else []
    if kind == "mined":
        snippets, reasons = mine(path, text, library)
        tally.seen += sum(reasons.values())
        tally.reasons += reasons
        for snippet in snippets:
            tally.see(snippet.content)
        return [(snippet.content, f"{path}#L{snippet.line}") for snippet in snippets]
    if path.endswith(".ipynb") and "mined" not in kinds:  # else its sections are mined
        text, left_out = notebook_code(text)
        tally.seen += left_out.total()
        tally.reasons += left_out
        if text is None:
            return []
    elif not path.endswith(".py"):
        return []
    return [(text, path)] if passes(tally, text, why_not_code(text, library)) else []


def passes(tally: Tally, text: str, reason: str) -> bool:
    """Count a candidate, and where there is a reason against it, that; whether there is none."""
    tally.see(text)
    if reason:
        tally.leave_out(reason, text)
    return not reason


def why_not_code(text: str, library: str) -> str:
    """Why a file is no code document; empty where it is one."""
    if library.split(".")[0] not in text:
        return "does not import the library"
    tree = try_parse(text)
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


def why_not_pair(text: str, library: str) -> str:
    """Why a description with its code is no document; empty where it is one."""
    tree = try_parse(text)
    if tree is None:
        return "does not parse"
    if not imports_library(tree, library):
        return "does not import the library"
    return f"more than {MAX_LINES} lines" if text.count("\n") > MAX_LINES else ""


def document(kind: str, source: Source, member: Member, path: str, licence: str, content: str) -> dict:
    """One corpus line."""
    repository = member.repository or source.name
    ut_score, func_score = scores(content, path.partition("#L")[0] if kind == "code" else "")
    return {
        "content": content,
        "repo_name": f"{repository}{DOCS if kind == 'mined' else ''}",
        "path": path,
        "license": licence,
        "stars": member.stars,
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
    for node in statements(try_parse(content)):
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
