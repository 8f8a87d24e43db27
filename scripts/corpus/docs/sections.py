"""Sections of examples, which docstrings, guides and notebooks are cut into, and the code of a literal block."""

import re
import textwrap
from collections import Counter
from dataclasses import dataclass, field

from nl2code.parsing import try_parse
from scripts.corpus.docs.python_lines import python_only

_OPTIONS = re.compile(  # of directives: empty lines, `:name: value`, YAML between two `---`
    r"(?:[ \t]*+\n|:[\w-]++:[^\n]*+(?:\n|\Z)|---[ \t]*+\n(?:(?!---)[^\n]*+\n)*+---[ \t]*+(?:\n|\Z))*+"
)
_SESSION_INPUT = re.compile(r"In \[\d*\]: ?(.*)$")
_SESSION_CONTINUED = re.compile(r"\s*\.{3,}: ?(.*)$")


@dataclass
class Example:
    """One example: its code, which may hold IPython's own lines, and the paragraph in front of it."""

    code: str
    prose: str = ""


@dataclass
class Section:
    """Examples that belong together.

    `line` is the first line they come from, `summary` stands in for the prose of the first that does something,
    `left_out` counts parts that were not read, by reason.
    """

    line: int
    summary: str = ""
    examples: list[Example] = field(default_factory=list)
    left_out: Counter = field(default_factory=Counter)


def lines_of(text: str) -> list[str]:
    r"""The lines of a text, which end at \n, \r\n or \r as in Python; other Unicode line ends are plain characters."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def take_doctest(lines: list[str], at: int) -> tuple[str, int]:
    """The code of the `>>>` example that begins at line `at`, without outputs, and the index behind it."""
    code, prompted = [], False
    while at < len(lines) and lines[at].strip():
        line = lines[at].lstrip()
        prompted = line.startswith(">>>") or (prompted and line.startswith("..."))
        if prompted:
            code.append(line[3:].removeprefix(" "))  # one blank belongs to the prompt; more is indentation
        at += 1
    return "\n".join(code), at


def code_of(body: list[str]) -> str:
    """The code of a literal block: the inputs of a doctest or an IPython session, or the block without its options."""
    first = next((line for line in body if line.strip()), "")
    text = textwrap.dedent("\n".join(body)) if first[:1].isspace() else "\n".join(body)  # it empties lines of blanks
    text = text[_OPTIONS.match(text).end() :]
    lines = text.split("\n")
    if _SESSION_INPUT.match(lines[0]):
        return _session_code(lines)
    if any(line.lstrip().startswith(">>>") for line in lines) and try_parse(python_only(text)[0]) is None:
        parts, at = [], 0
        while at < len(lines):
            code, at = take_doctest(lines, at) if lines[at].strip() else ("", at + 1)
            parts.append(code)
        return "\n".join(filter(None, parts))
    return text


def _session_code(lines: list[str]) -> str:
    """The inputs of an IPython session."""
    code, open_input = [], False
    for line in lines:
        match = _SESSION_INPUT.match(line) or (open_input and _SESSION_CONTINUED.match(line))
        open_input = bool(match)
        if match:
            code.append(match[1])
    return "\n".join(code)
