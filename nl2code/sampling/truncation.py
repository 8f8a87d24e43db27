"""Where a completion ends: the paper's `first_block` rule, and a stricter one that looks at the syntax tree."""

import ast

from nl2code.parsing import try_parse

BOUNDARIES = ("\nclass", "\ndef", "\n#", "\n@", "\nprint", "\nif")


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
    statement; one that stops between statements gets all. Where no line parses the `first_block` stays as it is.

    >>> syntax("x = ", "f(1,\n  2)\nx = x + 1\ny = (")
    'f(1,\n  2)'
    >>> syntax("def f(x):\n    return ", "x + 1\nf(2)")
    'x + 1'
    """
    text = first_block(text)
    ends = [at for at, char in enumerate(text) if char == "\n"] + [len(text)]
    for end in reversed(ends):
        tree = try_parse(prompt + text[:end])
        if tree:
            return text[: min(end, _end_of_open_statement(tree, prompt, text[:end]))].rstrip()
    return text


def _end_of_open_statement(tree: ast.Module, prompt: str, text: str) -> int:
    """Length of the part of `text` that finishes the top-level statement which the prompt left open, if it did."""
    lines = (prompt + text).encode().split(b"\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    cut = len(prompt.encode())
    for node in tree.body:
        first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
        end = starts[node.end_lineno - 1] + node.end_col_offset
        if starts[first - 1] < cut < end:
            return len(text.encode()[: end - cut].decode())
    return len(text)
