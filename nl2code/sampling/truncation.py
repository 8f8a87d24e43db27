"""Where a completion ends: the paper's `first_block` rule, and a stricter one that looks at the syntax tree."""

import ast
import re

from nl2code.parsing import try_parse

BOUNDARIES = ("\nclass", "\ndef", "\n#", "\n@", "\nprint", "\nif")
_LINE_END = re.compile(r"\r\n?|\n")  # as Python's own parser counts lines


def first_block(text: str) -> str:
    r"""Cut a completion before the first line that opens something new, trailing white space removed.

    >>> first_block("df.dropna()\nprint(df)")
    'df.dropna()'
    >>> first_block("a + b\n\n\ndef g():\n    pass")
    'a + b'
    """
    ends = [end for boundary in BOUNDARIES if (end := text.find(boundary)) >= 0]
    return text[: min(ends, default=len(text))].rstrip()


def syntax(prompt: str, text: str) -> str:
    r"""Of the `first_block`, the longest run of lines that parses after the prompt and belongs to it.

    A prompt that stops inside a function gets the rest of that function; one that stops inside a statement gets that
    statement; one that stops between statements gets all. Where no line parses, the `first_block` is returned.

    >>> syntax("x = ", "f(1,\n  2)\nx = x + 1\ny = (")
    'f(1,\n  2)'
    >>> syntax("def f(x):\n    return ", "x + 1\nf(2)")
    'x + 1'
    """
    prompt, text = prompt.removeprefix("\ufeff"), first_block(text)
    for end in reversed([*(match.start() for match in _LINE_END.finditer(text)), len(text)]):
        tree = try_parse(prompt + text[:end])
        if tree:
            return text[: min(end, _end_of_open_statement(tree, prompt, text[:end]))].rstrip()
    return text


def _end_of_open_statement(tree: ast.Module, prompt: str, text: str) -> int:
    """Length of the part of `text` that finishes the top-level statement which the prompt left open, if it did."""
    code, cut = prompt + text, len(prompt)
    starts = [0, *(match.end() for match in _LINE_END.finditer(code))]
    for node in tree.body:
        first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
        begin = starts[node.end_lineno - 1]
        end = begin + len(code[begin:].encode()[: node.end_col_offset].decode())  # the tree counts bytes
        if starts[first - 1] < cut < end:
            return end - cut
    return len(text)
