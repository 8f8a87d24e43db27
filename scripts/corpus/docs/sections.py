"""Sections of examples, which docstrings, guides and notebooks are cut into, and the code of a literal block."""

import re
import textwrap
from collections import Counter
from dataclasses import dataclass, field

from nl2code.parsing import try_parse
from scripts.corpus.docs.python_lines import python_only

_OPTIONS = re.compile(  # of directives: empty lines, `:name: value`, YAML between two `---`
    r"(?>(?:[ \t]*+\n|:[\w-]++:[^\n]*+(?>(?:\n[ \t]++[^\s][^\n]*+)*)(?:\n|\Z)|"
    r"---[ \t]*+\n(?>(?:(?!---)[^\n]*+\n)*)---[ \t]*+(?:\n|\Z))*)"
)
# One blank belongs to the prompt; more is indentation.
_PROMPT = re.compile(r"\s*+(?:(?P<first>>>>|In \[\d*+\]:)|\.{3,}+:?+) ?+(?P<code>.*+)", re.DOTALL)


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


def inputs_of(lines: list[str]) -> str:
    """The inputs of a doctest or an IPython session, without prompts and outputs."""
    code, is_input = [], False
    for line in lines:
        match = _PROMPT.match(line)
        is_input = bool(match and (match["first"] or is_input))
        if is_input:
            code.append(match["code"])
    return "\n".join(code)


def code_of(lines: list[str]) -> str:
    """The code of a literal block: the inputs of a doctest or an IPython session, or the block without its options."""
    text, first = "\n".join(lines), next((line for line in lines if line.strip()), "")
    if first[:1].isspace():
        text = textwrap.dedent(text)  # which also empties lines of blanks, inside strings too
    text = text[_OPTIONS.match(text).end() :]
    is_doctest = ">>>" in text and try_parse(python_only(text)[0]) is None  # else a string holds the prompts
    return inputs_of(text.split("\n")) if is_doctest or text.startswith("In [") else text
