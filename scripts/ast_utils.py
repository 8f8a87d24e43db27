r"""Code to sketches, and to the documents that sketcher and generator train on (paper, section 3).

>>> transform_code_to_sketch("def load(p):\n    return read(p, sep=',', n=-1)  # 2 'x'\n")
"def func(p):\n    return read(p, sep=string, n=-number)  # 2 'x'\n"
>>> generator_document("import pandas as pd\n\n\ndf = pd.DataFrame([1])\n")
'import pandas as pd\n\n\ndf = pd.DataFrame([number])\n# [segmentation]\ndf = pd.DataFrame([1])'
"""

import ast
import random
import re
import warnings
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from scripts.placeholders import LITERALS, has_placeholder
from scripts.python_lexer import BREAK, WORD, literals, tokens

__all__ = [
    "BLOCK_JOINER",
    "SEGMENTATION",
    "code_to_blocks",
    "continuation_documents",
    "generator_document",
    "has_placeholder",
    "sketch_spans",
    "sketcher_document",
    "transform_code_to_sketch",
]

SEGMENTATION = "\n# [segmentation]\n"
BLOCK_JOINER = "\n\n\n"
OPERATIONS = ("constants",)

# A continuation document holds a prompt and a completion of the sizes that evaluation has.
PROMPT_LIMIT, IMPORTS_LIMIT, REST_LIMIT, CUT_ATTEMPTS = 2_000, 400, 600, 8

_WORD = re.compile(f"[{WORD}]")
_LINE = re.compile(rf"[^\r\n]*{BREAK}|[^\r\n]+")
_BLANK_START = re.compile(rf"(?:[ \t\f]*{BREAK})+")


def sketch_spans(code: str, operation: str = "constants", literals: str = "compat") -> Iterator[tuple[int, int, str]]:
    """What the sketch replaces: (start, end, placeholder), in order, without overlap.

    Raises:
        ValueError: unknown operation or literals.
    """
    if operation not in OPERATIONS:
        raise ValueError(f"operation {operation!r} is unknown; use one of {', '.join(OPERATIONS)}")
    if literals not in LITERALS:
        raise ValueError(f"literals {literals!r} is unknown; use one of {', '.join(LITERALS)}")
    return _constant_spans(code, LITERALS[literals])


def _constant_spans(code: str, table: dict[str, str]) -> Iterator[tuple[int, int, str]]:
    for kind, start, end in literals(code):
        if kind in table:
            yield start, end, table[kind]


def transform_code_to_sketch(code: str, operation: str = "constants", literals: str = "compat") -> str:
    """Replace what `sketch_spans` names; every other byte stays. A space keeps words apart that would run together.

    Args:
        code: any text: complete, truncated or Python 2.
        operation: "constants": literals and the names in `def` and `class`.
        literals: "compat" leaves what the released code leaves (hexadecimal numbers, `br''`, ...), "strict" nothing but
            triple-quoted plain strings.

    Raises:
        ValueError: unknown operation or literals.

    >>> transform_code_to_sketch("x = 'a'if 0x1F else'b'", literals="strict")
    'x = string if number else string'
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
    lines = _LINE.findall(code)
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


def code_to_blocks(code: str) -> list[tuple[str, str]]:
    """Pairs (sketch, code) of the blocks (see `split_blocks`); the codes, joined, are `code`.

    Raises:
        SyntaxError: `code` does not parse.
    """
    return [(transform_code_to_sketch(block.code), block.code) for block in split_blocks(code)]


def _trimmed(text: str) -> str:
    """`text` without blank lines at its start and white space at its end."""
    blank = _BLANK_START.match(text)
    return text[blank.end() if blank else 0 :].rstrip()


def _documents(code: str, render: Callable[[str, str, Block], str]) -> str:
    pieces = ((_trimmed(block.code), block) for block in split_blocks(code.removeprefix("\ufeff")))
    return BLOCK_JOINER.join(render(transform_code_to_sketch(text), text, block) for text, block in pieces if text)


def sketcher_document(code: str) -> str:
    """The blocks' sketches, joined as in `generator_document`; blocks that need no sketch stay as they are.

    Raises:
        SyntaxError: `code` does not parse.
    """
    return _documents(code, lambda sketch, text, block: text if block.needs_no_sketch else sketch)


def generator_document(code: str) -> str:
    """Blocks `sketch + SEGMENTATION + code`, or the code alone where a sketch adds nothing, joined by BLOCK_JOINER.

    Raises:
        SyntaxError: `code` does not parse.
    """

    def render(sketch: str, text: str, block: Block) -> str:
        return text if block.needs_no_sketch or sketch == text else sketch + SEGMENTATION + text

    return _documents(code, render)


def continuation_documents(
    code: str, rng: random.Random, truncate: Callable[[str], str] = str.rstrip
) -> tuple[str, str] | None:
    """One document each for sketcher and generator in the shape of a prompt: the code breaks off where prompts do.

    The sketcher's is `prompt + sketch(rest)`, the generator's `sketch(rest) + SEGMENTATION + prompt + rest`. The cut is
    drawn among the `cut_points` of a block, which is drawn in proportion to its length; the prompt begins with the
    file, or, where that exceeds PROMPT_LIMIT characters, with the file's imports and the first block in reach; the rest
    is the completion that `truncate` leaves of what follows.

    Args:
        code: a whole file.
        rng: draws the cut.
        truncate: where a completion ends (`nl2code.truncation.first_block`).

    Returns:
        None where no cut gives a prompt and a rest (REST_LIMIT characters at most) that fit.

    Raises:
        SyntaxError: `code` does not parse.
    """
    code = code.removeprefix("\ufeff")
    blocks = split_blocks(code)
    starts = [block.start for block in blocks]
    points: dict[int, list[int]] = {}  # of the blocks that were drawn
    for _ in range(CUT_ATTEMPTS if code else 0):
        index = bisect_right(starts, rng.randrange(len(code))) - 1
        if index not in points:
            points[index] = cut_points(blocks[index].code)
        if not points[index]:
            continue
        cut = starts[index] + rng.choice(points[index])
        window = code[cut : cut + REST_LIMIT + 1]
        rest = truncate(window)
        prompt = _prompt(code, blocks, cut)
        if prompt and rest.strip() and (len(window) <= REST_LIMIT or len(rest) < len(window.rstrip())):
            sketch = transform_code_to_sketch(rest)
            return prompt + sketch, sketch + SEGMENTATION + prompt + rest
    return None


def _prompt(code: str, blocks: tuple[Block, ...], cut: int) -> str | None:
    """The text before `cut`, shortened to imports and the nearest blocks; None where one block is too long."""
    if cut <= PROMPT_LIMIT:
        return code[:cut]
    start = next((b.start for b in blocks if cut - PROMPT_LIMIT <= b.start < cut), None)
    if start is None:
        return None
    lines = _LINE.findall(code[:start])
    imports = ""
    for statement in (s for block in blocks if block.start < start for s in block.statements):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            text = "".join(lines[statement.lineno - 1 : statement.end_lineno])
            if len(imports) + len(text) <= IMPORTS_LIMIT:
                imports += text
    return f"{imports}{BLOCK_JOINER[1:] if imports else ''}{code[start:cut]}"


def cut_points(code: str) -> list[int]:
    r"""Positions where a prompt may end: after a comment or docstring that has lines of its own, `return ` and ` = `.

    Only at statement level, never inside brackets or strings, and only where code follows at once.

    >>> code = "# one\nx = f(a = 1)\n"
    >>> [code[:cut] for cut in cut_points(code)]
    ['# one\n', '# one\nx = ']
    """
    points: list[int] = []
    depth = 0
    recent: list[tuple[str, int, int]] = [("newline", 0, 0)] * 3  # kinds and places of the last tokens
    for kind, start, end in tokens(code):
        last = recent[-1]
        if depth == 0 and kind not in ("newline", "comment"):
            if last[0] == "newline" and recent[-2][0] in ("comment", "docstring") and recent[-3][0] == "newline":
                points.append(last[2])
            elif start == last[2] + 1 and code[last[2]] == " ":
                word = code[last[1] : last[2]]
                if (last[0] == "name" and word == "return") or (word == "=" and code[last[1] - 1] == " "):
                    points.append(start)
        if kind == "op":
            depth = max(0, depth + (code[start] in "([{") - (code[start] in ")]}"))
        recent = [*recent[1:], (kind, start, end)]
    return points
