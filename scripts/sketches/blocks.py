"""Cutting a module at its top level, on the syntax tree: the code blocks that sketcher and generator are trained on."""

import ast
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from nl2code.parsing import DEFINITIONS, first_line, parse_module
from scripts.sketches.lexer import LINE


@dataclass(frozen=True)
class CodeBlock:
    """A run of whole lines at the top level.

    Attributes:
        code: its text, line ends included.
        start: its position in the file.
        statements: the top-level statements in it.
    """

    code: str
    start: int
    statements: tuple[ast.stmt, ...]

    @property
    def needs_no_sketch(self) -> bool:
        """Whether it only imports, or is the `__main__` guard."""
        return all(isinstance(s, ast.Import | ast.ImportFrom) or _is_text(s) or _is_guard(s) for s in self.statements)


def _is_text(statement: ast.stmt) -> bool:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _is_guard(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.If) or not isinstance(statement.test, ast.Compare):
        return False
    sides = [statement.test.left, *statement.test.comparators]
    names = {side.id if isinstance(side, ast.Name) else None for side in sides}
    return "__name__" in names and any(isinstance(s, ast.Constant) and s.value == "__main__" for s in sides)


@lru_cache(maxsize=1)
def split_blocks(code: str) -> tuple[CodeBlock, ...]:
    """Cut around every top-level def and class (decorators and attached comments with it) and at two blank lines.

    Comments are attached to the def right below them; blank lines belong to the block above. The blocks' code, joined,
    is the text.

    Raises:
        SyntaxError: see `parse_module`.
    """
    statements, lines = parse_module(code).body, LINE.findall(code)
    numbers = [statement.lineno for statement in statements]
    cuts = sorted(_cuts(lines, statements) - {0, len(lines)})
    blocks: list[CodeBlock] = []
    start = 0
    for first, last in pairwise([0, *cuts, len(lines)] if lines else ()):
        inside = statements[bisect_right(numbers, first) : bisect_right(numbers, last)]
        blocks.append(CodeBlock("".join(lines[first:last]), start, tuple(inside)))
        start += len(blocks[-1].code)
    return tuple(blocks)


def _cuts(lines: list[str], statements: list[ast.stmt]) -> set[int]:
    """Indices of the lines that begin a block."""
    cuts: set[int] = set()
    end, after_definition = 0, False
    for statement in statements:
        begin = first_line(statement, lines) - 1
        is_definition = isinstance(statement, DEFINITIONS)
        if begin >= end:  # else it shares a line with the statement before it
            cuts |= _cuts_in_gap(lines, end, begin, after_definition, is_definition)
        end, after_definition = statement.end_lineno, is_definition
    return cuts | _cuts_in_gap(lines, end, len(lines), after_definition, False)


def _cuts_in_gap(lines: list[str], end: int, begin: int, after_definition: bool, before_definition: bool) -> set[int]:
    """Cuts among the comments and blank lines between two statements: lines[end:begin]."""
    firsts = [line.strip()[:1] for line in lines[end:begin]]
    if not all(first in ("", "#") for first in firsts):
        return set()  # a lone semicolon or a continuation line
    # Not before an indented comment, which belongs to the body above it.
    possible = {i for i in range(end, begin) if lines[i][0] == "#"} | {begin}
    cuts = {i for i in possible if i - end >= 2 and not firsts[i - end - 2] and not firsts[i - end - 1]}
    if after_definition:
        cuts.add(min(possible))
    if before_definition:
        attached = begin
        while attached - 1 in possible:
            attached -= 1
        cuts.add(attached)
    return cuts
