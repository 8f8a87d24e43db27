"""Python code out of what notebooks and guides call code: IPython's own lines and comments for tools are cut.

The project's lexer decides where a logical line begins, so that a string that holds `!ls`, or a line `% 5` that
continues an expression, stays as it is.
"""

import re

from scripts.sketches.lexer import tokens

_EDGES = "\n\ufeff"
IPYTHON_LINES = "line of IPython syntax"  # the reason under which they are counted
# A text without a match has nothing to cut; most texts are done with this one search.
_SUSPECT = re.compile(
    r"^[ \t\f]*+[%!?,;/@]|\?|=[ \t]*+[%!]|#[ \t]*+(?i:x?doctest:|noqa|type:)|\binstall\b|[ \t]$", re.MULTILINE
)
_INDENTATION = re.compile(r"[ \t\f]*+")
_REST = r"(?>(?:\\\n|[^\n])*)"
_REST_OF_LINE = re.compile(_REST)
# Magics, shell commands, help, automatic calls, pip without its magic; the pseudo-decorators of `.. ipython::`.
_ESCAPE = re.compile(
    r"[ \t\f]*+(?:[%!?,;/]|(?:pip3?|conda|mamba)[ \t]++(?:un)?install\b"
    r"|@(?:savefig|suppress|supress|okexcept|okwarning|verbatim|doctest)\b(?![.(])"
    rf"(?!{_REST}\n[ \t]*+(?:def|class|async)\b)){_REST}"  # which are decorators of that name
)
_FOR_TOOLS = re.compile(r"#[ \t]*+(?:x?doctest:|noqa\b|type:)", re.IGNORECASE)


def python_only(code: str) -> tuple[str, int]:
    r"""(the code as Python, the number of IPython's lines that were left out).

    Besides those lines, comments for tools (`# doctest: `, `# noqa`, `# type: `) and blanks at the ends of lines go,
    outside strings. A block whose first line is left out gets `pass`. Text that no lexer can read comes back as it is.

    >>> python_only("%time f()\nfiles = !ls\nx = (a\n% 5)  # noqa\ns = '''\n!ls'''\ndf.head?")
    ("x = (a\n% 5)\ns = '''\n!ls'''", 3)
    """
    if not _SUSPECT.search(code):
        return _trimmed(code), 0
    kept, left_out, position, opens_block, failed = [], 0, 0, False, [0]
    while position < len(code):
        line, end, last = _logical_line(code, position, failed)
        if last == "unterminated":
            return _trimmed(code), 0
        if line is None:
            left_out += 1
            line = f"{_INDENTATION.match(code, position)[0]}pass" if opens_block else None
            opens_block = False
        elif last:
            opens_block = last == ":"
        if line is not None:
            kept.append(line)
        position = end
    return _trimmed("\n".join(kept)), left_out


def _trimmed(code: str) -> str:
    """The code without blank lines at its ends, nor a backslash that continued its last line with one of them."""
    text = code.strip(_EDGES)
    if text.endswith("\\") and code.endswith("\n"):
        last = next((kind for kind, *_ in reversed(list(tokens(text)))), "")
        return text if last in ("comment", "unterminated") else text.rstrip("\\ \t\f\n")
    return text


def _logical_line(code: str, position: int, failed: list[int]) -> tuple[str | None, int, str]:
    """(the logical line without comments for tools, None where it is IPython's; start of the next; its last token)."""
    escape = _ESCAPE.match(code, position)
    if escape:
        return None, escape.end() + 1, ""
    parts, copied, depth, last, end = [], position, 0, "", position
    for kind, start, end in tokens(code, position, failed):
        word = code[start:end] if kind == "op" else kind
        if kind == "newline":
            parts.append(code[copied:start].rstrip(" \t\f"))
            copied = start
            if depth <= 0:
                break
        elif kind == "comment":
            match = _FOR_TOOLS.search(code, start, end)
            if match:
                parts.append(code[copied : match.start()].rstrip(" \t\f"))
                copied = end
        elif last == "=" and word in ("%", "!"):
            return None, _REST_OF_LINE.match(code, start).end() + 1, ""
        else:
            depth += (word in ("(", "[", "{")) - (word in (")", "]", "}"))
            last = word
            if word == "unterminated":
                return "", end, word
    else:
        parts.append(code[copied:].rstrip(" \t\f"))
        end = len(code)
    return None if last == "?" else "".join(parts), end, last
