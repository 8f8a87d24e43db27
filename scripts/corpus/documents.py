"""From the files of a source to documents: filters, scores, decontamination (see scripts/prepare_corpus.py)."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nl2code.parsing import try_parse
from scripts.corpus.dataset_rows import dataset_members
from scripts.corpus.docs.notebooks import notebook_code
from scripts.corpus.docs.snippets import MAX_LINES, imports_library, statements
from scripts.corpus.functions import mine_functions
from scripts.corpus.ledger import Ledger
from scripts.corpus.licences import UNKNOWN, file_licence, is_permissive
from scripts.corpus.sources import Member, Source, members, text_of
from scripts.corpus.spill import Document, sign, spill
from scripts.corpus.usage import why_not_usage
from scripts.decontaminate import fingerprints_from
from scripts.mine_docs import DOC_SUFFIXES, mine

DOCS = " (docs)"  # ends the repository's name of mined documents
MIN_LINES = 5
MAX_AVERAGE_LINE = 100
MAX_LINE = 1000
Row = tuple[str, dict, int]  # kind, corpus line, tokens
TEST_PATH = re.compile(r"(^|/)(tests?|testing)/|(^|/)(test_[^/]*|[^/]*_test|conftest)\.py$")


@dataclass(frozen=True)
class HarvestOptions:
    """What becomes a document."""

    library: str  # import name that a document must import
    kinds: tuple[str, ...]  # code, mined, functions
    any_licence: bool  # keep files whose licence is not known to be permissive
    fingerprints: tuple[str, ...]  # fingerprint files to clean of
    benchmarks: tuple[str, ...]  # problem files to clean of
    tokenizer: str = ""  # of the model that counts tokens in the ledgers; empty for none
    dataset_rows: int | None = None  # maximum number of rows per data set, None for all
    min_calls: float = 0.0  # calls of the library per 100 lines that a code document needs
    near_copies: bool = False  # whether they are looked for, so that documents need a signature

    @property
    def benchmark_files(self) -> tuple[str, ...]:
        """All files to clean of."""
        return (*self.fingerprints, *self.benchmarks)


@dataclass
class Harvest:
    """What one source gives."""

    source: Source
    files: Ledger = field(default_factory=Ledger)
    kinds: dict[str, Ledger] = field(default_factory=dict)
    documents: list[Document] = field(default_factory=list)

    def add(self, later: "Harvest") -> None:
        """Append what a later share of the source gives."""
        self.files.add(later.files)
        for kind, ledger in later.kinds.items():
            self.kinds[kind].add(ledger)
        self.documents += later.documents


def keep(harvests: list[Harvest], why_not: Callable[[Document], str]) -> None:
    """Keep the documents for which `why_not` is empty; it is the reason to reject the others."""
    for found in harvests:
        kept = []
        for one in found.documents:
            if reason := why_not(one):
                found.kinds[one.kind].reject(reason, one.tokens, one.path)
            else:
                kept.append(one)
        found.documents = kept


def harvest(source: Source, options: HarvestOptions, file: Path, share: tuple[int, int] = (0, 1)) -> Harvest:
    """All documents of one source that use the library, filtered and decontaminated; nothing is executed.

    Their texts go to a new file. `share`: of the files of the source, see `members`.
    """
    return gather(source, options, file, lambda new: rows_of(new, options, share))


def gather(source: Source, options: HarvestOptions, file: Path, read: Callable[[Harvest], Iterator[Row]]) -> Harvest:
    """The documents of one source without those that hold benchmark text; their texts go to a new file.

    Args:
        read: yields the rows of the new harvest that it is given, and counts in its ledgers.
    """
    found = Harvest(source, kinds={kind: Ledger(tokenizer=options.tokenizer) for kind in options.kinds})
    fingerprints = fingerprints_from(options.fingerprints, options.benchmarks)
    with open(file, "wb") as stream:
        for kind, row, tokens in read(found):
            if reason := fingerprints.why_not(row["content"]):
                found.kinds[kind].reject(reason, tokens, row["path"])
            else:
                found.documents.append(spill(stream, kind, row, tokens))
    if options.near_copies:
        sign(found.documents)
    return found


def rows_of(found: Harvest, options: HarvestOptions, share: tuple[int, int]) -> Iterator[Row]:
    """The documents in a share of the files of a source; what is left out goes to the ledgers."""
    source = found.source
    rows = dataset_members(source, options.dataset_rows) if source.dataset else members(source.path, share)
    for member in rows:
        found.files.see()
        is_document = source.dataset or member.path.endswith(DOC_SUFFIXES)
        text, reason = text_of(member) if is_document else (None, "another kind of file")
        licence = file_licence(text or "") or member.licence or source.licence
        if text is not None and not options.any_licence and licence != UNKNOWN and not is_permissive(licence):
            reason = "licence is not permissive"
        if reason:
            found.files.reject(reason, place=member.path)
            continue
        for kind in options.kinds:
            for content, path, tokens in candidates(kind, member, text, options, found.kinds[kind]):
                yield kind, document(kind, source, member, path, licence, content), tokens


def candidates(
    kind: str, member: Member, text: str, options: HarvestOptions, ledger: Ledger
) -> list[tuple[str, str, int]]:
    """(content, path, tokens) of the documents of one kind in one file; what is left out goes to the ledger."""
    path, library = member.path, options.library
    suffix = path[path.rfind(".") :] if path.endswith(DOC_SUFFIXES) else ".py"  # a row of a data set is Python
    if member.is_pair:
        reason = why_not_pair(text, library)
    elif kind == "mined" or (kind == "functions" and suffix == ".py"):
        snippets, left_out = (
            mine(f"file{suffix}", text, library) if kind == "mined" else mine_functions(text, library, path)
        )
        count_left_out(ledger, left_out, path)
        return [(part.content, f"{path}#L{part.line}", ledger.see(part.content)) for part in snippets]
    elif kind == "code" and suffix == ".ipynb" and "mined" not in options.kinds:  # else its sections are mined
        text, left_out = notebook_code(text)
        count_left_out(ledger, left_out, path)
        reason = why_not_code(text, library, options.min_calls) if text is not None else ""
    elif kind == "code" and suffix == ".py":
        reason = why_not_code(text, library, options.min_calls)
    else:
        return []
    if text is None or member.is_pair != (kind == "mined"):
        return []
    tokens = ledger.see(text)
    if reason:
        ledger.reject(reason, tokens, path)
    return [] if reason else [(text, path, tokens)]


def count_left_out(ledger: Ledger, reasons: dict[str, int], path: str) -> None:
    """Add the parts of a file that give no text."""
    for reason, count in reasons.items():
        for _ in range(count):
            ledger.see()
            ledger.reject(reason, place=path)


def why_not_code(text: str, library: str, min_calls: float = 0.0) -> str:
    """Why a file is no code document; empty where it is one."""
    if reason := why_not_python(text, library):
        return reason
    lines = text.split("\n")
    if len(lines) - (lines[-1] == "") < MIN_LINES:
        return f"fewer than {MIN_LINES} lines"
    if len(text) / len(lines) > MAX_AVERAGE_LINE:
        return f"average line longer than {MAX_AVERAGE_LINE}"
    if max(map(len, lines)) > MAX_LINE:
        return f"a line longer than {MAX_LINE}"
    return why_not_usage(text, library, min_calls)


def why_not_pair(text: str, library: str) -> str:
    """Why a description with its code is no document; empty where it is one."""
    too_long = f"more than {MAX_LINES} lines" if text.count("\n") > MAX_LINES else ""
    return why_not_python(text, library) or too_long


def why_not_python(text: str, library: str) -> str:
    """Why a text is no Python that imports the library."""
    tree = try_parse(text) if library.split(".")[0] in text else None
    if tree is None:
        return "does not parse" if library.split(".")[0] in text else "does not import the library"
    return "" if imports_library(tree, library) else "does not import the library"


def document(kind: str, source: Source, member: Member, path: str, licence: str, content: str) -> dict:
    """One corpus line."""
    ut_score, func_score = scores(content, path if kind == "code" else "")
    return {
        "content": content,
        "repo_name": f"{member.repository or source.name}{DOCS if kind == 'mined' else ''}",
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
        function_lines.update(lines if is_function else ())
        test_lines.update(lines if is_test else ())
    total = max(sum(full), 1)
    func_score = sum(full[line] for line in function_lines) / total
    ut_score = sum(full[line] for line in test_lines) / total
    return round(max(ut_score, 0.5 if TEST_PATH.search(path) else 0), 3), round(func_score, 3)
