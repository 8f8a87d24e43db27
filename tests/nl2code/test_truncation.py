"""Truncation by syntax: equal to a plain second implementation, and fast on extreme texts."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nl2code.parsing import try_parse
from nl2code.sampling import truncation
from nl2code.sampling.truncation import end_of_open_statement, first_block, syntax

PROMPTS = [
    "",
    "x = ",
    "def f(a):\n    ",
    "def f(a):\n",
    "f(\n",
    "if a:\n    b\n",
    "try:\n    ",
    "s = '''",
    "a\r",
    "@d\n",
]
LINES = """x = 1|    y = f(x)|        return x|try:|except E:|    finally:|f(|)|[a, b|]|{'k': 1,|}|s = 'a|t = \"\"\"
|match x:|    case 1:|        pass|for a in b:|while 1:|    if x:|    else:|with a as b:|lambda x: (
|a = b = (c|1 = x|x := 2|f(a=1, b)|f'{x'|f'{x}'|async def g():|    await h()|yield|del x,|a \\\\|print x
|if x = 3:|(a b)|x: int = |0x|1_|\0|é = 'ü'|  z|\t\ty|return|;|a;|x = [i for i in y|global q|raise E from
|import a.b as|from . import (c|assert x, |elif:|not|*a, b = c|class_ = 1
""".replace("\n", "").split("|")


def plain(prompt: str, text: str) -> str:
    """The same by trying every line end, the last one first."""
    prompt, text = prompt.lstrip("\ufeff"), first_block(text)
    for end in reversed([*(match.start() for match in truncation.LINE_END.finditer(text)), len(text)]):
        if tree := try_parse(prompt + text[:end]):
            return text[: min(end, end_of_open_statement(tree.body, prompt + text[:end], len(prompt)))].rstrip()
    return text


@settings(max_examples=1000, deadline=None)
@given(
    st.sampled_from(PROMPTS),
    st.lists(st.tuples(st.sampled_from(LINES), st.sampled_from(["\n"] * 8 + ["\r", "\r\n"])), max_size=25),
)
def test_equal_to_trying_every_line(prompt, lines):
    text = "".join(line + end for line, end in lines)
    assert syntax(prompt, text) == plain(prompt, text)


@pytest.mark.parametrize(
    ("prompt", "text", "kept"),
    [
        ("x = ", "1\n" + "y = f(1)[2].a + b\n" * 1000 + "y = +* 2\n" + "y = 1\n" * 1000, "1"),
        ("", "y = f(1)[2].a + b\n" * 1000 + "y = (\n" * 90, ("y = f(1)[2].a + b\n" * 1000).rstrip()),
        ("try:\n", "    y = f(1)[2].a + b\n" * 2000, ("    y = f(1)[2].a + b\n" * 2000).rstrip()),
    ],
)
def test_many_lines_need_few_attempts(prompt, text, kept, monkeypatch):
    seen = []
    parse = truncation.parse_module
    monkeypatch.setattr(truncation, "parse_module", lambda code: seen.append(code) or parse(code))
    started = time.process_time()
    assert syntax(prompt, text) == kept
    assert len(seen) <= truncation.MAX_PARSES and time.process_time() - started < 10
