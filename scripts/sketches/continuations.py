r"""Documents in the shape of a prompt and its completion, so that training matches generation.

At generation time the generator gets the sketch of a completion, then a prompt that ends inside a block; documents of
whole blocks (`scripts.sketches.documents`) never look like that.
"""

import ast
import builtins
import keyword
import random
from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple

from nl2code.sampling.truncation import end_of_open_statement
from scripts.sketches.blocks import CodeBlock, split_blocks
from scripts.sketches.documents import BLOCK_JOINER, SEGMENTATION, Pieces
from scripts.sketches.lexer import LINE, tokens
from scripts.sketches.sketch import CONSTANTS, SketchedText, transform_code_to_sketch

# In characters, as prompts and completions at evaluation.
PROMPT_LIMIT, IMPORTS_LIMIT, REST_LIMIT, CUT_ATTEMPTS = 2_000, 400, 600, 8
RESERVED = {*keyword.kwlist, *keyword.softkwlist, *dir(builtins)}


class Continuation(NamedTuple):
    """Code that breaks off where prompts do: `prompt + rest`, and the sketch of the rest."""

    prompt: str
    sketch: str
    rest: str

    def sketcher_pieces(self) -> Pieces:
        """The sketcher's document: `prompt + sketch`."""
        return [(self.prompt, False), (self.sketch, True)]

    def generator_pieces(self) -> Pieces:
        """The generator's document: `sketch + SEGMENTATION + prompt + rest`."""
        return [(self.sketch + SEGMENTATION + self.prompt, False), (self.rest, True)]


def continuation(
    code: str, rng: random.Random, truncate: Callable[[str], str] = str.rstrip, operation: str = CONSTANTS
) -> Continuation | None:
    """A prompt and its completion from a file, cut where the completions of models are (`truncation.syntax`).

    A block is drawn in proportion to its length, then the cut among the `cut_points` in its first PROMPT_LIMIT characters.
    The prompt begins with the file, or, where that exceeds PROMPT_LIMIT characters, with the file's imports and the first
    block in reach. The rest is what `truncate` leaves of what follows, and no more than the top-level statement that the
    prompt leaves open. It does something with a name that the prompt defines, because users ask about what is there: without
    this rule half of the rests of mined snippets are literals, such as `pd.Series([1, 2, 3])`.

    Args:
        code: a whole file.
        rng: draws block and cut.
        truncate: where a completion ends (`nl2code.sampling.truncation.first_block`).
        operation: of the sketch; names are those of the whole file.

    Returns:
        None where no cut that was tried gives such a rest of at most REST_LIMIT characters.

    Raises:
        SyntaxError: `code` does not parse.
    """
    code = code.lstrip("\ufeff")
    blocks = split_blocks(code)
    starts = [block.start for block in blocks]
    points: dict[int, list[int]] = {}  # of the blocks that were drawn
    for _ in range(CUT_ATTEMPTS if code else 0):
        index = bisect_right(starts, rng.randrange(len(code))) - 1
        if index not in points:
            points[index] = cut_points(blocks[index].code, PROMPT_LIMIT)  # a prompt reaches no further
        if not points[index]:
            continue
        cut = starts[index] + rng.choice(points[index])
        open_statement = end_of_open_statement(blocks[index].statements, code, cut)
        window = code[cut : cut + min(REST_LIMIT + 1, open_statement)]
        rest = truncate(window)
        is_whole = len(window) <= REST_LIMIT or len(rest) < len(window.rstrip())
        if not is_whole or rest.isidentifier():
            continue
        prompt = _prompt(code, blocks, cut)
        if _names(rest) & _names(prompt) - _imported(blocks):
            if operation == CONSTANTS:
                sketch = transform_code_to_sketch(rest)
            else:
                sketch = SketchedText(code, operation).sketch(cut, cut + len(rest))
            return Continuation(prompt, sketch, rest)
    return None


def _names(code: str) -> set[str]:
    """Names that a text uses or defines; no attributes, keywords of the language or builtins."""
    found, before = set(), ""
    for kind, start, end in tokens(code):
        text = code[start:end]
        if kind == "name" and before != ".":
            found.add(text)
        before = text
    return found - RESERVED


def _imported(blocks: tuple[CodeBlock, ...]) -> set[str]:
    """Names that the top level imports."""
    statements = (s for block in blocks for s in block.statements if isinstance(s, ast.Import | ast.ImportFrom))
    return {(alias.asname or alias.name).partition(".")[0] for statement in statements for alias in statement.names}


def _prompt(code: str, blocks: tuple[CodeBlock, ...], cut: int) -> str:
    """The text before `cut`, shortened to imports and the nearest blocks; the cut's own block begins in reach."""
    if cut <= PROMPT_LIMIT:
        return code[:cut]
    start = next(b.start for b in blocks if cut - PROMPT_LIMIT <= b.start < cut)
    lines, imports = LINE.findall(code[:start]), ""
    for statement in (s for block in blocks if block.start < start for s in block.statements):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            text = "".join(lines[statement.lineno - 1 : statement.end_lineno])
            if len(imports) + len(text) <= IMPORTS_LIMIT:
                imports += text
    return f"{imports}{BLOCK_JOINER[1:] if imports else ''}{code[start:cut]}"


def cut_points(code: str, limit: int | None = None) -> list[int]:
    r"""Positions where a prompt may end: after a comment or docstring that has lines of its own, `return ` and ` = `.

    Only at statement level, never inside brackets or strings, and only where code follows at once; with a limit, none
    beyond that position.

    >>> code = "# one\nx = f(a = 1)\n"
    >>> [code[:cut] for cut in cut_points(code)]
    ['# one\n', '# one\nx = ']
    """
    limit = len(code) if limit is None else limit
    points: list[int] = []
    depth = 0
    third = second = last = ("newline", 0, 0)  # the tokens before this one
    for token in tokens(code):
        kind, start, _ = token
        if last[2] > limit:
            break
        if depth == 0 and kind not in ("newline", "comment"):
            if last[0] == "newline":
                if second[0] in ("comment", "docstring") and third[0] == "newline":
                    points.append(last[2])
            elif start == last[2] + 1 <= limit and code[last[2]] == " ":
                word = code[last[1] : last[2]]
                if (last[0] == "name" and word == "return") or (word == "=" and code[last[1] - 1] == " "):
                    points.append(start)
        if kind == "op":
            depth = max(0, depth + (code[start] in "([{") - (code[start] in ")]}"))
        third, second, last = second, last, token
    return points
