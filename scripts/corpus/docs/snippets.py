"""From mined examples to one document that stands alone: imports, data, comments, code (see scripts/mine_docs.py)."""

import ast
import re
import textwrap
from bisect import bisect_left
from collections.abc import Iterator, Set
from dataclasses import dataclass
from itertools import zip_longest
from math import inf
from operator import attrgetter

from nl2code.parsing import DEFINITIONS, try_parse
from scripts.corpus.docs.python_lines import IPYTHON_LINES, python_only
from scripts.corpus.docs.sections import Section
from scripts.corpus.scopes import Names, free_names

_ALIASES = (
    "pandas as pd, numpy as np, matplotlib.pyplot as plt, seaborn as sns, xarray as xr, statsmodels.api as sm, "
    "statsmodels.formula.api as smf, scipy as sp, dask.dataframe as dd, dask.array as da, geopandas as gpd, altair as alt, "
    "pyarrow as pa, math, os, re, io"
)
KNOWN_IMPORTS = {line.split()[-1]: f"import {line}" for line in _ALIASES.split(", ")}
KNOWN_IMPORTS["StringIO"] = "from io import StringIO"
NOT_USED = "does not use the library"
MAX_CARRIED = 8  # statements of earlier sections that a snippet may borrow
MAX_LINES = 150
MIN_STATEMENTS = 2
COMMENT_WIDTH = 100
MAX_COMMENT = 300
MAX_SENTENCE = 1200  # with markup, whose removal can take quadratic time
MARKUP = (
    (re.compile(r"\{[\w:+-]+\}(?=`)"), ""),  # {py:meth}`x`
    # :func:`x`, ``x``, `x <url>`_
    (re.compile(r"(?::[\w:+-]{1,40}:)?(?<!`)`++[~!]?([^`<]+?)(?:\s*<[^`>]*>)?`+_{0,2}"), r"\1"),
    (re.compile(r"!?\[([^\]]{0,300})\]\([^)]*\)"), r"\1"),  # [x](url)
    (re.compile(r"\*{1,2}([^*\s](?:[^*]*[^*\s])?)\*{1,2}"), r"\1"),  # **x**
    (re.compile(r"\[[\w#*-]+\]_"), ""),  # footnotes
    (re.compile(r"\|(\w+)\|"), r"\1"),  # substitutions
    (re.compile(r"^([-*+#]|\d+[.)])\s+"), ""),  # list items
)
SENTENCE_END = re.compile(r"(?<=[.!?:])\s+(?=[A-Z`\"'*:\[(])")
Statements = list[ast.stmt]  # those of one line; nearly always one


@dataclass(frozen=True)
class Definition:
    """A line that binds a name: its position, its text, the names it reads and those that only its functions read.

    The text is empty where it cannot be borrowed.
    """

    position: int
    text: str = ""
    reads: Set[str] = frozenset()
    inside: Set[str] = frozenset()


class Definitions:
    """What the earlier sections of a guide have bound at top level, but for the imports of KNOWN_IMPORTS."""

    def __init__(self) -> None:
        self.bound: dict[str, list[Definition]] = {}  # in the order of their positions
        self.count = 0

    def add(self, nodes: Statements, text: str) -> None:
        """Remember the names that the statements of one line bind."""
        self.count += 1
        names = Names(nodes)
        line = Definition(self.count, text, names.missing, names.free() - names.missing)
        for node in nodes:
            for name in Names([node]).bound:
                if is_import(node) and name in KNOWN_IMPORTS and KNOWN_IMPORTS[name] == ast.unparse(node):
                    self.bound.pop(name, None)
                elif is_definition(node):
                    self.bound.setdefault(name, []).append(line)
                else:
                    self.bound.setdefault(name, [Definition(self.count)])

    def needed_for(self, missing: set[str]) -> list[str]:
        """The statements that define the missing names, and those that they need, in order; stops above MAX_CARRIED.

        Of several that define a name, the last before the position that needs it.
        """
        found: dict[int, str] = {}
        pending: list[tuple[str, float]] = [(name, inf) for name in missing]
        while pending and len(found) <= MAX_CARRIED:
            name, end = pending.pop()
            bound = self.bound.get(name, [])
            before = bisect_left(bound, end, key=attrgetter("position"))
            if before and bound[before - 1].text and bound[before - 1].position not in found:
                one = bound[before - 1]
                found[one.position] = one.text
                pending += [(name, one.position) for name in one.reads] + [(name, inf) for name in one.inside]
        return [found[position] for position in sorted(found)]


def build_snippet(section: Section, library: str, definitions: Definitions | None) -> tuple[str | None, str]:
    """(content, "") of the document made of a section's examples, or (None, reason).

    What the section defines is added to `definitions`, from which it takes what it lacks; with None it stands alone.
    """
    alone, definitions = definitions is None, definitions or Definitions()
    package = library.split(".")[0]
    hints = [package, *(name for name, line in KNOWN_IMPORTS.items() if package in line)]
    if alone and not any(hint in example.code for example in section.examples for hint in hints):
        return None, NOT_USED  # seen without parsing
    imports, lines, seen, count = assemble(section)
    tree = try_parse("\n".join(imports + lines)) if count else None
    earlier = definitions.needed_for(free_names(tree)) if tree else []
    for nodes, text in [] if alone else seen:
        definitions.add(nodes, text)
    if tree is None:
        return None, "no code that parses"
    if len(earlier) > MAX_CARRIED:
        return None, "needs too much of earlier sections"
    count += len(earlier)
    code = "\n".join([*earlier, *([""] if earlier and lines[0].startswith("#") else []), *lines])
    whole = try_parse("\n".join([*imports, code]))
    if whole is None:
        return None, "does not parse as a whole"
    missing = free_names(whole)
    known = {name: line for name, line in KNOWN_IMPORTS.items() if name in missing and name not in definitions.bound}
    known |= {library: f"import {library}"} if library in missing - known.keys() else {}
    head = sorted(dict.fromkeys([*known.values(), *imports]), key=lambda line: not line.startswith("from __future__ "))
    content = "\n".join([*head, code]) + "\n"
    if not imports_library(try_parse(content), library):
        return None, NOT_USED
    if missing - known.keys():
        return None, "uses undefined names"
    if count < MIN_STATEMENTS:
        return None, f"fewer than {MIN_STATEMENTS} statements"
    return (content, "") if content.count("\n") <= MAX_LINES else (None, f"more than {MAX_LINES} lines")


def assemble(section: Section) -> tuple[list[str], list[str], list[tuple[Statements, str]], int]:
    """(imports, lines of code and comments, all statements with their texts, number of statements) of a section.

    IPython's lines, and examples that do not parse beside others that do, are counted in `section.left_out`.
    """
    imports, lines, known, seen, count, broken = [], [], set(), [], 0, 0
    summary = comment_of(section.summary)
    for example in section.examples:
        code, ipython_lines = python_only(example.code)
        parsed = try_parse(code)
        if parsed is None:
            broken += 1
            continue
        section.left_out.update({IPYTHON_LINES: ipython_lines} if ipython_lines else {})
        statements = list(top_level(parsed, code))
        imports += [ast.unparse(node) for nodes, _ in statements if all(map(is_import, nodes)) for node in nodes]
        body = [item for item in statements if not all(map(is_import, item[0])) and not all(map(is_display, item[0]))]
        place = first_action(body, known)
        comment = comment_of(example.prose)
        if comment == summary:
            comment = ""
        if not comment and place < len(body):  # the summary waits for an example that does something
            comment, summary = summary, ""
        texts = [text for _, text in body]
        if comment and texts:  # behind the lines that only make data, after an empty line
            place %= len(body)
            texts[place:place] = [*([""] if place or lines else []), comment]
        lines += texts
        seen += statements
        count += len(body)
    if broken and seen:
        section.left_out["example that does not parse"] += broken
    return imports, lines, seen, count


def top_level(tree: ast.Module, code: str) -> Iterator[tuple[Statements, str]]:
    """(nodes, text) of the top-level statements; those that share a line are together, comments belong to the next."""
    lines, start, nodes = code.split("\n"), 0, []
    for node, following in zip_longest(tree.body, tree.body[1:]):
        nodes.append(node)
        if following is None or following.lineno > node.end_lineno:
            # A backslash at the end was in front of an empty line.
            yield nodes, "\n".join(lines[start : node.end_lineno]).strip("\n").rstrip("\\ ")
            start, nodes = node.end_lineno, []


def statements(tree: ast.AST) -> Iterator[ast.stmt]:
    """All statements of a module, nested ones included; much faster than ast.walk, which visits expressions too."""
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.stmt):
            yield node
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            children = getattr(node, name, None)
            if isinstance(children, list):  # an IfExp's or a Lambda's body is an expression
                pending.extend(children)


def is_import(node: ast.stmt) -> bool:
    return isinstance(node, (ast.Import, ast.ImportFrom))


def is_display(node: ast.stmt) -> bool:
    """Whether a statement is a bare name or constant, which only an interactive session shows."""
    return isinstance(node, ast.Expr) and isinstance(node.value, (ast.Name, ast.Constant))


def is_definition(node: ast.stmt) -> bool:
    """Whether a statement is an import, a definition, or an assignment to names alone."""
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return not any(isinstance(part, (ast.Subscript, ast.Attribute)) for t in targets for part in ast.walk(t))
    return is_import(node) or isinstance(node, DEFINITIONS)


def first_action(body: list[tuple[Statements, str]], known: set[str]) -> int:
    """Index of the first statement that does more than make data, or their number where all of them make data.

    `known` are the names that the document has defined so far; it is extended.
    """
    place = len(body)
    for index, (nodes, _) in enumerate(body):
        makes_data = all(isinstance(node, (ast.Assign, ast.AnnAssign)) or is_display(node) for node in nodes)
        names = Names(nodes)
        if not makes_data or names.free() & known:
            place = min(place, index)
        known |= names.bound
    return place


def comment_of(prose: str) -> str:
    """The last sentence of a paragraph as a comment, without markup; empty where it says nothing.

    >>> comment_of("Both work. Use :meth:`~DataFrame.sum` to add the ``rows``::")
    '# Use DataFrame.sum to add the rows'
    """
    sentences = SENTENCE_END.split(" ".join(prose.split()))
    text = sentences[-1]
    if len(text.split()) < 4 and len(sentences) > 1:
        text = " ".join(sentences[-2:])
    if len(text) > MAX_SENTENCE:
        return ""
    for pattern, replacement in MARKUP:
        text = pattern.sub(replacement, text)
    text = " ".join(text.split()).rstrip(":").strip()
    words = [word for word in text.split() if re.search(r"[A-Za-z]", word)]
    if len(words) < 2 or len(text) > MAX_COMMENT or text.startswith((":", "<", "|", "+", "=")):
        return ""
    return "\n".join(textwrap.wrap(text, COMMENT_WIDTH, initial_indent="# ", subsequent_indent="# "))


def imports_library(tree: ast.Module, library: str) -> bool:
    """Whether an import statement anywhere names the library or a module inside it."""
    return bool(library_names(tree, library))


def library_names(tree: ast.Module, library: str) -> set[str]:
    """Names that import statements anywhere bind to the library or a part of it; `*` where all names are imported."""
    aliases = (
        (alias.name if isinstance(node, ast.Import) else f"{node.module}.{alias.name}", alias)
        for node in statements(tree)
        if is_import(node) and not getattr(node, "level", 0)
        for alias in node.names
    )
    return {alias.asname or alias.name.split(".")[0] for name, alias in aliases if f"{name}.".startswith(f"{library}.")}
