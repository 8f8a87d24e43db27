r"""Code to sketches: literals and user-defined names become placeholders (paper, section 3).

>>> transform_code_to_sketch("def load(p):\n    return read(p, sep=',', n=-1)  # 2 'x'\n")
"def func(p):\n    return read(p, sep=string, n=-number)  # 2 'x'\n"
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from nl2code.parsing import parse_statements
from scripts.sketches.lexer import WORD, literals
from scripts.sketches.placeholders import LITERALS
from scripts.sketches.user_names import name_spans

CONSTANTS, NAMES, BOTH = OPERATIONS = ("constants", "names", "both")

_WORD = re.compile(f"[{WORD}]")


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
        found = {start: (start, end, word) for start, end, word in name_spans(code, parse_statements(code))}
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
            stand (see `scripts.sketches.user_names`), in text that parses; "both".
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


class SketchedText:
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
