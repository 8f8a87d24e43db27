r"""A single-pass lexer for Python text: complete, truncated, or Python 2; linear time, never an error.

The rules are CPython's: every non-ASCII character may be part of an identifier, strings take the prefixes of Python 2.7
to 3.14, and f-strings nest (PEP 701). A string without closing quotes is `unterminated`: it ends with its line, or with
the text where it is triple-quoted.

>>> code = "def f(): return f'{a['b']}' + 1e5"
>>> [(kind, code[start:end]) for kind, start, end in tokens(code) if kind != "op"]
[('name', 'def'), ('function', 'f'), ('name', 'return'), ('interpolated', "f'{a['b']}'"), ('exponent', '1e5')]
"""

import re
from collections.abc import Iterator
from functools import cache

Token = tuple[str, int, int]  # kind, start, end

# Groups are kept whole by `(?>...)`: possessive repeats of groups match too much before Python 3.11.5.

# Like CPython's tokenizer: every non-ASCII character belongs to identifiers; the byte-order mark does not.
WORD = r"0-9A-Za-z_\x80-\ufefe\uff00-\U0010ffff"
BREAK = r"(?:\r\n|\r|\n)"
LINE = re.compile(rf"[^\r\n]*{BREAK}|[^\r\n]+")
_NAME = rf"(?![0-9])[{WORD}]++"
_GAP = rf"(?>(?:[ \t\f]|\\{BREAK})+)"
_DIGITS = r"(?>[0-9]+(?:_[0-9]+)*)"
_BASED = r"0(?>[xX](?:_?[0-9a-fA-F])+|[oO](?:_?[0-7])+|[bB](?:_?[01])+)"
_NUMBER = rf"(?:{_BASED}|(?>{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?>(?:[eE][+-]?{_DIGITS})?)[jJ]?+)[lL]?+"

_QUOTES = ("'''", '"""', "'", '"')
_ESCAPE = r"\\(?:\r\n|[\s\S]|\Z)"
# f-strings whose fields hold no quotes, braces or comments; `_interpolated_end` reads all others.
_SIMPLE_FIELD = r"""\\[^N{}\r\n]|\{\{|\}\}|\{[^'"{}\#\\\r\n]*+\}"""
_PLAIN_PREFIX = r"(?>(?:[rR][bB]?+|[bBuU][rR]?+)?)"


def _body(quote: str, part: str = _ESCAPE) -> str:
    """What may stand behind opening quotes; `part` matches all but plain characters: escapes, fields."""
    plain = quote[0] + r"\\" + ("" if part == _ESCAPE else "{}")
    if len(quote) == 3:
        return rf"(?>(?:[^{plain}]++|{quote[0]}(?!{quote[:2]})|{part})*)"
    return rf"(?>(?:[^{plain}\r\n]++|{part})*)"


def _quoted(part: str = _ESCAPE, closed: bool = True) -> str:
    """A string in any of the four kinds of quotes, its closing quotes included or missing."""
    opening = {quote: quote if len(quote) == 3 else rf"{quote}(?!{quote * 2})" for quote in _QUOTES}
    return "|".join(opening[quote] + _body(quote, part) + (quote if closed else "") for quote in _QUOTES)


_STRINGS = rf"(?P<string>{_PLAIN_PREFIX}(?:{_quoted()}))|(?P<unterminated>{_PLAIN_PREFIX}(?:{_quoted(closed=False)}))"
_EVENTS = rf"""
    (?P<comment>\#[^\r\n]*+)
  | (?:[fFtT][rR]?+|[rR][fFtT])(?:(?P<simple>{_quoted(_SIMPLE_FIELD)})|(?P<interpolated>'''|\"\"\"|'|\"))
  | {_STRINGS}
  | (?P<number>{_NUMBER})
  | def{_GAP}(?P<function>{_NAME})
  | class{_GAP}(?P<class>{_NAME})
  | (?P<name>{_NAME})"""
_OTHERS = rf"""
  | (?P<newline>{BREAK})
  | \\{BREAK}
  | (?P<op>(?:\*\*|//|<<|>>|[-+*/%&|^@<>=!:])=|->|\*\*|//|<<|>>|<>|\.\.\.|[^\s{WORD}\ufeff'\"\#\\])"""
# A run of names that begin no definition and no string, with what stands between them: one match instead of many.
_PLAIN_RUN = rf"""
    (?>(?:(?!(?:def|class)[ \t\f\\]){_NAME}(?!['\"])(?>(?:[^{WORD}'\"\#.]|\.(?![0-9.]))*))+)
  | """
_SPARSE = _PLAIN_RUN + _EVENTS.replace("(?P<name>", "(?:") + r"| \.\.\."
_COMPLETE = _EVENTS + _OTHERS

# The rule before PEP 701: an f-string ends at the first quotes of its kind.
_NAIVE_END = {quote: _body(quote) + rf"(?P<closed>{quote})?" for quote in _QUOTES}
_FIELD_EVENT = rf"""\#[^\r\n]*+ | (?:[fFtT](?P<raw>[rR])?|(?P<raw_first>[rR])[fFtT])(?P<quote>'''|\"\"\"|'|\")
    | {_STRINGS} | {_NUMBER} | {_NAME} | (?P<bracket>[()\[\]{{}}:])"""
_TEXT_EVENT = {
    (quote, raw): ("" if raw else r"\\N\{[^{}'\"\r\n]*+\}|")
    + r"\\(?:\r\n|[^{}])|(?P<brace>\{\{|[{}])|(?P<end>"
    + (quote if len(quote) == 3 else rf"{quote}|[\r\n]")
    + ")"
    for quote in _QUOTES
    for raw in (False, True)
}


@cache
def _compiled(pattern: str) -> re.Pattern:
    """A pattern, once it is needed: all of them take a tenth of a second."""
    return re.compile(pattern, re.VERBOSE)


def tokens(code: str, start: int = 0, failed: list[int] | None = None) -> Iterator[Token]:
    """Every token from `start` on but white space and continuation lines, in order, as (kind, start, end).

    Kinds: comment, newline, op, name, function and class (the name after `def`, `class`), unterminated; of strings
    string, docstring (triple quotes without a prefix), odd (short, holds triple quotes), raw, bytes, unicode,
    raw_bytes, raw_unicode, interpolated, raw_interpolated; of numbers int, float, exponent, imaginary,
    exponent_imaginary, based (hexadecimal, octal, binary, a leading zero), long.

    Who reads one text in several calls gives all of them one list `failed`, at first `[0]`: what `_close_interpolated`
    remembers, without which the time would be quadratic.
    """
    return _scan(_COMPLETE, code, start, failed)


def literals(code: str) -> Iterator[Token]:
    """`tokens` without newline, op and name, at half the time."""
    return _scan(_SPARSE, code)


def _scan(pattern: str, code: str, position: int = 0, failed: list[int] | None = None) -> Iterator[Token]:
    failed = [0] if failed is None else failed
    while position < len(code):
        for match in _compiled(pattern).finditer(code, position):
            kind = match.lastgroup
            if kind is None:
                continue
            start, end = match.span()
            if kind in _SUBKINDS:
                yield _SUBKINDS[kind](match[0]), start, end
            elif kind == "interpolated":
                position, failed[0], closed = _close_interpolated(code, match, failed[0])
                yield string_kind(match[0]) if closed else "unterminated", start, position
                break
            elif kind == "function" or kind == "class":
                if pattern is _COMPLETE:
                    yield "name", start, start + (3 if kind == "function" else 5)
                yield kind, *match.span(kind)
            else:
                yield kind, start, end
        else:
            return


def _close_interpolated(code: str, opening: re.Match, failed: int) -> tuple[int, int, bool]:
    """Read an f-string to its end.

    Args:
        opening: match of prefix and opening quotes.
        failed: end of the text that was read for an earlier f-string without finding its end; up to there only the rule
            before PEP 701 is tried, so that no text is read more than a few times.

    Returns:
        (end, failed, closed).
    """
    quote, raw = opening["interpolated"], "r" in opening[0].lower()
    if opening.start() >= failed:
        closed, position = _interpolated_end(code, opening.end(), quote, raw)
        if closed:
            return position, failed, True
        failed = position
    match = _compiled(_NAIVE_END[quote]).match(code, opening.end())
    return match.end(), failed, match["closed"] is not None


def _interpolated_end(code: str, position: int, quote: str, raw: bool) -> tuple[bool, int]:
    """Whether the f-string closes, and the position behind its closing quotes or where reading failed."""
    # Literal text and format specifications are (quote, raw, is a specification), replacement fields a bracket depth.
    stack: list[tuple[str, bool, bool] | int] = [(quote, raw, False)]
    while stack:
        top = stack[-1]
        match = _compiled(_FIELD_EVENT if isinstance(top, int) else _TEXT_EVENT[top[:2]]).search(code, position)
        if not match:
            return False, len(code)
        position = match.end()
        if isinstance(top, int):
            bracket = match["bracket"] or " "
            if match["unterminated"]:
                return False, position
            if match["quote"]:
                stack.append((match["quote"], bool(match["raw"] or match["raw_first"]), False))
            elif bracket in "([{":
                stack[-1] += 1
            elif bracket == ":" and top == 0:
                stack.append((*stack[-2][:2], True))
            elif bracket in ")]}" and top:
                stack[-1] -= 1
            elif bracket == "}":
                stack.pop()
        elif match["end"]:
            if match["end"] != top[0] or top[2]:
                return False, position
            stack.pop()
        elif match["brace"] == "{" or (match["brace"] == "{{" and top[2]):
            position = match.start() + 1
            stack.append(0)
        elif match["brace"] == "}" and top[2]:
            del stack[-2:]  # the specification and its field
    return True, position


_PREFIXES = {"b": "bytes", "u": "unicode", "r": "raw", "br": "raw_bytes", "rb": "raw_bytes", "ur": "raw_unicode"}
_PREFIXES |= {"f": "interpolated", "t": "interpolated", **dict.fromkeys(("fr", "rf", "tr", "rt"), "raw_interpolated")}


def string_kind(text: str) -> str:
    """Kind of a closed string, by its prefix and quotes."""
    if text[0] not in "'\"":
        return _PREFIXES[text[: 1 if text[1] in "'\"" else 2].lower()]
    if text.startswith(("'''", '"""')):
        return "docstring"
    return "odd" if "'''" in text or '"""' in text else "string"


def number_kind(text: str) -> str:
    """Kind of a number."""
    if text.isdecimal():
        return "int" if text[0] != "0" or text == "0" else "based"
    text = text.lower()
    if text.startswith(("0x", "0b", "0o")):
        return "based"
    if "j" in text:
        return "exponent_imaginary" if "e" in text else "imaginary"
    if "e" in text:
        return "exponent"
    if "." in text:
        return "float"
    if text[-1] == "l":
        return "long"
    return "based" if text[0] == "0" else "int"


_SUBKINDS = {"string": string_kind, "simple": string_kind, "number": number_kind}
