"""Text from results in Markdown, so that nothing in it is markup."""

import re


def cell(text: str) -> str:
    """Text as a cell, heading or line of Markdown: nothing in it is markup.

    >>> cell("a_cert|<b>\\n`c`")
    'a\\\\_cert\\\\|\\\\<b\\\\> \\\\`c\\\\`'
    """
    return re.sub(r"([\\`*_\[\]<>|~#&])", r"\\\1", " ".join(str(text).split()))


def fence(code: str | None, language: str = "python") -> str:
    """Code as a fenced block of Markdown, whatever backticks it holds."""
    ticks = _ticks(code or "", 3)
    return f"{ticks}{language}\n{code or ''}\n{ticks}"


def code_cell(code: str) -> str:
    r"""Code of one line as a cell; GitHub takes `\|` for a bar there.

    >>> code_cell("a | b"), code_cell("`c`")
    ('`a \\| b`', '`` `c` ``')
    """
    text, ticks = code.strip(), _ticks(code, 1)
    space = " " * ("`" in (text[:1], text[-1:]))
    return f"{ticks}{space}{text}{space}{ticks}".replace("|", "\\|")


def _ticks(code: str, least: int) -> str:
    """More backticks than stand together in the code."""
    return "`" * max(least, 1 + max(map(len, re.findall("`+", code)), default=0))
