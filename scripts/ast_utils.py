r"""Code to sketches, and to the documents that sketcher and generator train on (paper, section 3).

>>> transform_code_to_sketch("def load(p):\n    return read(p, sep=',', n=-1)  # 2 'x'\n")
"def func(p):\n    return read(p, sep=string, n=-number)  # 2 'x'\n"
>>> generator_document("import pandas as pd\n\n\ndf = pd.DataFrame([1])\n")
'import pandas as pd\n\n\ndf = pd.DataFrame([number])\n# [segmentation]\ndf = pd.DataFrame([1])'
"""

import ast
import re
import warnings
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from scripts.placeholders import LITERALS, has_placeholder
from scripts.python_lexer import BREAK, LINE, WORD, literals
from scripts.user_names import name_spans

__all__ = [
    "BLOCK_JOINER",
    "SEGMENTATION",
    "code_to_blocks",
    "generator_document",
    "has_placeholder",
    "sketch_spans",
    "sketcher_document",
    "transform_code_to_sketch",
]

SEGMENTATION = "\n# [segmentation]\n"
BLOCK_JOINER = "\n\n\n"
CONSTANTS, NAMES, BOTH = OPERATIONS = ("constants", "names", "both")

_WORD = re.compile(f"[{WORD}]")
_BLANK_START = re.compile(rf"(?:[ \t\f]*{BREAK})+")


def sketch_spans(code: str, operation: str = CONSTANTS, literals: str = "compat") -> Iterator[tuple[int, int, str]]:
    """What the sketch replaces: (start, end, placeholder), in order, without overlap.

    Raises:
        ValueError: unknown operation or literals.
    """
    if operation not in OPERATIONS:
        raise ValueError(f"operation {operation!r} is unknown; use one of {', '.join(OPERATIONS)}")
    if literals not in LITERALS:
        raise ValueError(f"literals {literals!r} is unknown; use one of {', '.join(LITERALS)}")
    if operation == CONSTANTS:
        return _constant_spans(code, LITERALS[literals])
    return iter(_spans_with_names(code, LITERALS[literals] if operation == BOTH else {}))


def _constant_spans(code: str, table: dict[str, str]) -> Iterator[tuple[int, int, str]]:
    for kind, start, end in literals(code):
        if kind in table:
            yield start, end, table[kind]


def _spans_with_names(code: str, table: dict[str, str]) -> list[tuple[int, int, str]]:
    """Names and constants; the name in a def or class is both, and there the table decides."""
    try:
        found = {start: (start, end, word) for start, end, word in name_spans(code, parse(code))}
    except SyntaxError:
        found = {}
    if table:
        found.update((span[0], span) for span in _constant_spans(code, table))
    return [found[start] for start in sorted(found)]


def transform_code_to_sketch(code: str, operation: str = CONSTANTS, literals: str = "compat") -> str:
    """Replace what `sketch_spans` names; every other byte stays. A space keeps words apart that would run together.

    Args:
        code: any text: complete, truncated or Python 2.
        operation: "constants": literals and the names in `def` and `class`; "names": user-defined names wherever they
            stand (see `scripts.user_names`), in text that parses; "both".
        literals: "compat" leaves what the released code leaves (hexadecimal numbers, `br''`, ...), "strict" nothing but
            triple-quoted plain strings.

    Raises:
        ValueError: unknown operation or literals.

    >>> transform_code_to_sketch("x = 'a'if 0x1F else'b'", literals="strict")
    'x = string if number else string'
    >>> transform_code_to_sketch("x = y = len('a')", "both")
    'variable = variable = len(string)'
    """
    return replace_spans(code, sketch_spans(code, operation, literals))


def replace_spans(code: str, spans: Iterable[tuple[int, int, str]]) -> str:
    """`code` with the spans replaced by words, and a space where two words would touch."""
    parts: list[str] = []
    copied = 0
    for start, end, word in spans:
        parts.append(code[copied:start])
        before = code[start - 1 : start] if start > copied else parts[-2] if len(parts) > 1 else ""
        parts.append(f" {word}" if _WORD.match(before[-1:]) else word)
        if _WORD.match(code, end):
            parts[-1] += " "
        copied = end
    parts.append(code[copied:])
    return "".join(parts)


@dataclass(frozen=True)
class Block:
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
    return any(isinstance(s, ast.Name) and s.id == "__name__" for s in sides) and any(
        isinstance(s, ast.Constant) and s.value == "__main__" for s in sides
    )


@lru_cache(maxsize=1)
def parse(code: str) -> list[ast.stmt]:
    """Top-level statements.

    Raises:
        SyntaxError: the running Python cannot parse the text, for whatever reason (null bytes, depth, surrogates).
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(code.removeprefix("\ufeff")).body
    except SyntaxError:
        raise
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(f"does not parse: {type(error).__name__}: {error}") from error


@lru_cache(maxsize=1)
def split_blocks(code: str) -> tuple[Block, ...]:
    """Cut around every top-level def and class (decorators and attached comments with it) and at two blank lines.

    Comments are attached to the def right below them; blank lines belong to the block above. The blocks' code, joined,
    is the text.

    Raises:
        SyntaxError: see `parse`.
    """
    statements = parse(code)
    lines = LINE.findall(code)
    cuts = sorted(_cuts(lines, statements) - {0, len(lines)})
    blocks: list[Block] = []
    start = done = 0
    for first, last in zip([0, *cuts], [*cuts, len(lines)], strict=True):
        text = "".join(lines[first:last])
        behind = done
        while behind < len(statements) and statements[behind].lineno <= last:
            behind += 1
        if text:
            blocks.append(Block(text, start, tuple(statements[done:behind])))
        start, done = start + len(text), behind
    return tuple(blocks)


def _cuts(lines: list[str], statements: list[ast.stmt]) -> set[int]:
    """Indices of the lines that begin a block."""
    cuts: set[int] = set()
    end, after_definition = 0, False
    for statement in [*statements, None]:
        if statement is None:
            begin, is_definition = len(lines), False
        else:
            decorators = getattr(statement, "decorator_list", [])
            begin = min(node.lineno for node in [statement, *decorators]) - 1
            is_definition = isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if begin >= end:  # else it shares a line with the statement before it
            cuts |= _cuts_in_gap(lines, end, begin, after_definition, is_definition)
        if statement is not None:
            end, after_definition = statement.end_lineno, is_definition
    return cuts


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


class Sketcher:
    """Sketches of parts of one text; names are looked up in the whole text.

    Attributes:
        code: the text.
        spans: what its sketch replaces.
    """

    def __init__(self, code: str, operation: str = CONSTANTS, literals: str = "compat"):
        self.code = code
        self.spans = list(sketch_spans(code, operation, literals))

    def sketch(self, start: int, end: int) -> str:
        """The sketch of `code[start:end]`; a span that it cuts through is kept."""
        first = bisect_left(self.spans, (start,))
        last = bisect_left(self.spans, (end,), first)
        inside = ((a - start, b - start, word) for a, b, word in self.spans[first:last] if b <= end)
        return replace_spans(self.code[start:end], inside)


def code_to_blocks(code: str, operation: str = CONSTANTS, literals: str = "compat") -> list[tuple[str, str]]:
    """Pairs (sketch, code) of the blocks (see `split_blocks`); the codes, joined, are `code`.

    Raises:
        SyntaxError: `code` does not parse.
        ValueError: see `sketch_spans`.
    """
    blocks = split_blocks(code)
    sketcher = Sketcher(code, operation, literals)
    return [(sketcher.sketch(block.start, block.start + len(block.code)), block.code) for block in blocks]


def _documents(code: str, render: Callable[[str, str, Block], str], operation: str) -> str:
    code = code.removeprefix("\ufeff")
    blocks = split_blocks(code)
    sketcher = Sketcher(code, operation)
    pieces = []
    for block in blocks:
        blank = _BLANK_START.match(block.code)
        start = block.start + (blank.end() if blank else 0)
        text = code[start : block.start + len(block.code)].rstrip()
        if text:
            pieces.append(render(sketcher.sketch(start, start + len(text)), text, block))
    return BLOCK_JOINER.join(pieces)


def sketcher_document(code: str, operation: str = CONSTANTS) -> str:
    """The blocks' sketches, joined as in `generator_document`; blocks that need no sketch stay as they are.

    Raises:
        SyntaxError: `code` does not parse.
    """
    return _documents(code, lambda sketch, text, block: text if block.needs_no_sketch else sketch, operation)


def generator_document(code: str, operation: str = CONSTANTS) -> str:
    """Blocks `sketch + SEGMENTATION + code`, or the code alone where a sketch adds nothing, joined by BLOCK_JOINER.

    Raises:
        SyntaxError: `code` does not parse.
    """

    def render(sketch: str, text: str, block: Block) -> str:
        return text if block.needs_no_sketch or sketch == text else sketch + SEGMENTATION + text

    return _documents(code, render, operation)
