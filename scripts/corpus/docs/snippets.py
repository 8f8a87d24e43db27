"""From mined examples to one document that stands alone: imports, data, comments, code (see scripts/mine_docs.py)."""

import ast
import builtins
import re
import textwrap
from collections.abc import Iterable, Iterator
from functools import cache

from nl2code.parsing import try_parse

KNOWN_IMPORTS = {
    "pd": "import pandas as pd",
    "np": "import numpy as np",
    "plt": "import matplotlib.pyplot as plt",
    "sns": "import seaborn as sns",
    "xr": "import xarray as xr",
    "sm": "import statsmodels.api as sm",
    "smf": "import statsmodels.formula.api as smf",
    "sp": "import scipy as sp",
    "dd": "import dask.dataframe as dd",
    "da": "import dask.array as da",
    "gpd": "import geopandas as gpd",
    "alt": "import altair as alt",
    "pa": "import pyarrow as pa",
    "math": "import math",
    "os": "import os",
    "re": "import re",
    "io": "import io",
    "StringIO": "from io import StringIO",
}
BUILTINS = frozenset(dir(builtins)) | {"__name__", "__file__", "_", "display", "get_ipython"}
NOT_USED = "does not use the library"
MAX_CARRIED = 8  # statements of earlier sections that a snippet may borrow
MAX_LINES = 150
MIN_STATEMENTS = 2
COMMENT_WIDTH = 100
MAX_COMMENT = 300
MARKUP = (
    (re.compile(r"\{[\w:+-]+\}(?=`)"), ""),  # {py:meth}`x`
    (re.compile(r"(?::[\w:+-]+:)?`+[~!]?([^`<]+?)(?:\s*<[^`>]*>)?`+_{0,2}"), r"\1"),  # :func:`x`, ``x``, `x <url>`_
    (re.compile(r"!?\[([^\]]*)\]\([^)]*\)"), r"\1"),  # [x](url)
    (re.compile(r"\*{1,2}([^*\s](?:[^*]*[^*\s])?)\*{1,2}"), r"\1"),  # **x**
    (re.compile(r"\[[\w#*-]+\]_"), ""),  # footnotes
    (re.compile(r"\|(\w+)\|"), r"\1"),  # substitutions
    (re.compile(r"^([-*+#]|\d+[.)])\s+"), ""),  # list items
)
SENTENCE_END = re.compile(r"(?<=[.!?:])\s+(?=[A-Z`\"'*:\[(])")


class Definitions:
    """Top-level statements seen so far in a guide, by the names that they define."""

    def __init__(self) -> None:
        self.source: dict[str, tuple[int, str]] = {}  # name -> (position, text of the statement)
        self.count = 0

    def add(self, node: ast.stmt, text: str) -> None:
        """Remember what an import, a definition or a plain assignment to names defines."""
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(part, (ast.Subscript, ast.Attribute)) for t in targets for part in ast.walk(t)):
                return
        elif not isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)):
            return
        self.count += 1
        for name in bound_names([node]):
            self.source[name] = (self.count, text)

    def needed_for(self, missing: set[str]) -> list[str]:
        """The statements that define the missing names, and the names that those need, in their order."""
        found: dict[int, str] = {}
        while missing:
            position, text = self.source.get(missing.pop(), (0, ""))
            if position and position not in found:
                found[position] = text
                missing |= free_names(ast.parse(text))
        return [found[position] for position in sorted(found)]


def build_snippet(section, library: str, definitions: Definitions | None) -> tuple[str | None, str]:
    """(content, "") of the document made of a section's blocks, or (None, reason).

    `section` has `summary` and `blocks`, each with `code` and `prose`. What it defines is added to `definitions`, from
    which it takes what it lacks; with None it stands alone.
    """
    if definitions is None:
        if not any(name in block.code for block in section.blocks for name in names_of(library)):
            return None, NOT_USED  # seen without parsing
        definitions = Definitions()
    imports, lines, known, seen, statements = [], [], set(), [], 0
    summary = comment_of(section.summary)
    for block in section.blocks:
        parsed = try_parse(block.code)
        if parsed is None:
            continue
        body = []
        for node, text in top_level(parsed, block.code):
            seen.append((node, text))
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                imports.append(ast.unparse(node))
            elif not is_display(node):
                body.append((node, text))
        place = first_action(body, known)
        comment = comment_of(block.prose)
        if comment == summary:
            comment = ""
        if not comment and place < len(body):  # the summary waits for a block that does something
            comment, summary = summary, ""
        lines.extend(commented([text for _, text in body], comment, place % max(len(body), 1), bool(lines)))
        statements += len(body)
    earlier = []
    try:
        if statements:
            missing = free_names(ast.parse("\n".join(imports + lines)))
            earlier = definitions.needed_for({name for name in missing if name not in KNOWN_IMPORTS})
    except SyntaxError:
        statements = 0
    for node, text in seen:
        definitions.add(node, text)
    if not statements:
        return None, "no code that parses"
    return finish(imports, earlier, lines, statements, library)


@cache
def names_of(library: str) -> tuple[str, ...]:
    """Text of which some must be in code that uses the library: its top-level name and its well-known aliases."""
    package = library.split(".")[0]
    aliases = [name for name, line in KNOWN_IMPORTS.items() if re.search(rf"\b{package}\b", line)]
    return package, *aliases


def finish(
    imports: list[str], earlier: list[str], lines: list[str], count: int, library: str
) -> tuple[str | None, str]:
    """Put the parts together and check them."""
    if len(earlier) > MAX_CARRIED:
        return None, "needs too much of earlier sections"
    code = "\n".join([*earlier, *([""] if earlier and lines[0].startswith("#") else []), *lines])
    missing = free_names(ast.parse("\n".join([*imports, code])))
    added = [KNOWN_IMPORTS[name] for name in KNOWN_IMPORTS if name in missing]
    if library in missing:
        added.append(f"import {library}")
    missing -= KNOWN_IMPORTS.keys() | {library}
    content = "\n".join([*dict.fromkeys(added + imports), code.strip("\n")]) + "\n"
    tree = try_parse(content)
    if tree is None:
        return None, "does not parse as a whole"
    if not imports_library(tree, library):
        return None, NOT_USED
    if missing:
        return None, "uses undefined names"
    if count + len(earlier) < MIN_STATEMENTS:
        return None, f"fewer than {MIN_STATEMENTS} statements"
    if content.count("\n") > MAX_LINES:
        return None, f"more than {MAX_LINES} lines"
    return content, ""


def top_level(tree: ast.Module, code: str) -> Iterator[tuple[ast.stmt, str]]:
    """(node, text) of the statements of a module; the text has the comments in front of the statement."""
    lines = code.split("\n")
    start = 0
    for node in tree.body:
        if node.end_lineno <= start:  # behind a semicolon, on a line that is out already
            continue
        yield node, "\n".join(lines[start : node.end_lineno]).strip("\n")
        start = node.end_lineno


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


def is_display(node: ast.stmt) -> bool:
    """Whether a statement is a bare name or constant, which only an interactive session shows."""
    return isinstance(node, ast.Expr) and isinstance(node.value, (ast.Name, ast.Constant))


def first_action(body: list[tuple[ast.stmt, str]], known: set[str]) -> int:
    """Index of the first statement that does more than make data, or their number where all of them make data.

    `known` are the names that the document has defined so far; it is extended.
    """
    place = len(body)
    for index, (node, _) in enumerate(body):
        makes_data = isinstance(node, (ast.Assign, ast.AnnAssign)) and not loaded_names([node]) & known
        if not makes_data:
            place = min(place, index)
        known |= bound_names([node])
    return place


def commented(texts: list[str], comment: str, place: int, continues: bool) -> list[str]:
    """The texts of a block with the comment at `place`, behind an empty line unless it is the document's first."""
    if not comment or not texts:
        return texts
    return [*texts[:place], *([""] if place or continues else []), comment, *texts[place:]]


def comment_of(prose: str) -> str:
    """The last sentence of a paragraph as a comment, without markup; empty where it says nothing.

    >>> comment_of("Both work. Use :meth:`~DataFrame.sum` to add the ``rows``::")
    '# Use DataFrame.sum to add the rows'
    """
    sentences = SENTENCE_END.split(" ".join(prose.split()))
    text = sentences[-1]
    if len(text.split()) < 4 and len(sentences) > 1:
        text = " ".join(sentences[-2:])
    for pattern, replacement in MARKUP:
        text = pattern.sub(replacement, text)
    text = " ".join(text.split()).rstrip(":").strip()
    words = [word for word in text.split() if re.search(r"[A-Za-z]", word)]
    if len(words) < 2 or len(text) > MAX_COMMENT or text.startswith((":", "<", "|", "+", "=")):
        return ""
    return "\n".join(textwrap.wrap(text, COMMENT_WIDTH, initial_indent="# ", subsequent_indent="# "))


def bound_names(nodes: Iterable[ast.AST]) -> set[str]:
    """Names that code binds anywhere: assignments, imports, definitions, parameters, handlers, patterns."""
    names = set()
    for node in (part for root in nodes for part in ast.walk(root)):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            names.add(node.name)
    return names


def loaded_names(nodes: Iterable[ast.AST]) -> set[str]:
    """Names that code reads."""
    parts = (part for root in nodes for part in ast.walk(root))
    return {node.id for node in parts if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def free_names(tree: ast.Module) -> set[str]:
    """Names that a module reads and binds nowhere, builtins aside; the order of statements is not looked at."""
    return loaded_names([tree]) - bound_names([tree]) - BUILTINS


def imports_library(tree: ast.Module, library: str) -> bool:
    """Whether an import statement anywhere names the library or a module inside it."""
    inside = library + "."
    for node in statements(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        if any(name == library or name.startswith(inside) for name in names):
            return True
    return False
