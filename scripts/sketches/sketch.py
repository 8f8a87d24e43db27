r"""Code to sketches: literals and user-defined names become placeholders (paper, section 3).

>>> transform_code_to_sketch("def load(p):\n    return read(p, sep=',', n=-1)  # 2 'x'\n")
"def func(p):\n    return read(p, sep=string, n=-number)  # 2 'x'\n"
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from nl2code.parsing import parse_module
from scripts.sketches import lexer
from scripts.sketches.placeholders import LITERALS
from scripts.sketches.user_names import name_spans

CONSTANTS, NAMES, BOTH = OPERATIONS = ("constants", "names", "both")
_WORD = re.compile(f"[{lexer.WORD}]")
Span = tuple[int, int, str]  # start, end, placeholder


def sketch_spans(code: str, operation: str = CONSTANTS, literals: str = "compat") -> Iterator[Span]:
    """What the sketch replaces, in order, without overlap. See `transform_code_to_sketch` for arguments and errors."""
    for name, value, known in (("operation", operation, OPERATIONS), ("literals", literals, LITERALS)):
        if value not in known:
            raise ValueError(f"{name} {value!r} is unknown; use one of {', '.join(known)}")
    table = {} if operation == NAMES else LITERALS[literals]
    constants = ((start, end, table[kind]) for kind, start, end in lexer.literals(code) if kind in table)
    if operation == CONSTANTS:
        return constants
    try:
        found = {span[0]: span for span in name_spans(code, parse_module(code).body)}
    except SyntaxError:
        found = {}
    if table:  # the name in a def or class is a name and a constant: the table decides
        found.update((span[0], span) for span in constants)
    return iter(sorted(found.values()))


def transform_code_to_sketch(code: str, operation: str = CONSTANTS, literals: str = "compat") -> str:
    """Replace what `sketch_spans` names; every other byte stays. A space keeps words apart that would run together.

    Args:
        code: any text: complete, truncated or Python 2.
        operation: "constants": literals and the names in `def` and `class`; "names": user-defined names wherever they
            stand (see `scripts.sketches.user_names`), in text that parses; "both".
        literals: "compat" leaves what the released code leaves (hexadecimal numbers, `br''`, ...), "strict" leaves only
            triple-quoted plain strings.

    Raises:
        ValueError: unknown operation or literals.

    >>> transform_code_to_sketch("x = 'a'if 0x1F else'b'", literals="strict")
    'x = string if number else string'
    >>> transform_code_to_sketch("x = y = len('a')", "both")
    'variable = variable = len(string)'
    """
    return replace_spans(code, sketch_spans(code, operation, literals))


def replace_spans(code: str, spans: Iterable[Span]) -> str:
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
    return "".join([*parts, code[copied:]])


class SketchedText:
    """Sketches of parts of a text, with names looked up in the whole text. `spans` is what its sketch replaces."""

    def __init__(self, code: str, operation: str = CONSTANTS, literals: str = "compat"):
        self.code, self.spans = code, list(sketch_spans(code, operation, literals))

    def sketch(self, start: int, end: int) -> str:
        """The sketch of `code[start:end]`; a span that reaches beyond `end` is kept."""
        first = bisect_left(self.spans, (start,))
        last = bisect_left(self.spans, (end,), first)
        inside = ((a - start, b - start, word) for a, b, word in self.spans[first:last] if b <= end)
        return replace_spans(self.code[start:end], inside)


def sketch_of_completion(prompt: str, completion: str, operation: str = CONSTANTS) -> str:
    """The sketch of a completion; the names in its prompt are user-defined names of the completion too.

    >>> sketch_of_completion("def head(frame):\\n    return ", "frame.head(3)", "both")
    'argument.head(number)'
    """
    if operation == CONSTANTS:
        return transform_code_to_sketch(completion)
    return SketchedText(prompt + completion, operation).sketch(len(prompt), len(prompt) + len(completion))
