"""Where a completion ends: the paper's `first_block` rule, and a stricter one that looks at the syntax tree."""

import ast
from bisect import bisect_left
from collections.abc import Iterable

from nl2code.parsing import LINE_END, parse_module

BOUNDARIES = ("\nclass", "\ndef", "\n#", "\n@", "\nprint", "\nif")
MAX_PARSES = 100  # of one completion in `syntax`


def first_block(text: str, boundaries: tuple[str, ...] = BOUNDARIES) -> str:
    r"""Cut a completion before the first line that opens something new, trailing white space removed.

    >>> first_block("df.dropna()\nprint(df)")
    'df.dropna()'
    >>> first_block("a + b\n\n\ndef g():\n    pass")
    'a + b'
    """
    ends = [end for boundary in boundaries if (end := text.find(boundary)) >= 0]
    return text[: min(ends, default=len(text))].rstrip()


def syntax(prompt: str, text: str) -> str:
    r"""Of the `first_block`, the longest run of lines that parses after the prompt and belongs to it.

    A prompt that stops inside a function gets the rest of that function; one that stops inside a statement gets that
    statement; one that stops between statements gets all. Where no line parses, the `first_block` is returned, and so
    it is after MAX_PARSES attempts, so that the time stays linear in the length of the text.

    >>> syntax("x = ", "f(1,\n  2)\nx = x + 1\ny = (")
    'f(1,\n  2)'
    >>> syntax("def f(x):\n    return ", "x + 1\nf(2)")
    'x + 1'
    """
    prompt, text = prompt.lstrip("\ufeff"), first_block(text)
    line_ends = [match.start() for match in LINE_END.finditer(prompt + text)]
    ends = [*(match.start() for match in LINE_END.finditer(text)), len(text)]
    for _ in range(MAX_PARSES):
        end = ends.pop()
        try:
            tree = parse_module(prompt + text[:end])
        except SyntaxError as error:
            # What holds the line of an error does not parse either.
            while ends and error.lineno and bisect_left(line_ends, len(prompt) + ends[-1]) + 1 >= error.lineno:
                ends.pop()
            if not ends:
                break
        else:
            return text[: min(end, end_of_open_statement(tree.body, prompt + text[:end], len(prompt)))].rstrip()
    return text


def end_of_open_statement(statements: Iterable[ast.stmt], code: str, cut: int) -> int:
    r"""Characters from `cut` to the end of the statement that `cut` lies in; to the end of `code` where it lies in none.

    Args:
        statements: top-level statements of `code`, at least those around `cut`.

    >>> end_of_open_statement(ast.parse("x = f(1)\ny = 2").body, "x = f(1)\ny = 2", 4)
    4
    """
    starts = [0, *(match.end() for match in LINE_END.finditer(code))]
    for node in statements:
        first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
        assert node.end_lineno is not None and node.end_col_offset is not None  # a parser sets both
        begin = starts[node.end_lineno - 1]
        end = begin + len(
            code[begin : begin + node.end_col_offset].encode()[: node.end_col_offset].decode()
        )  # the tree counts bytes
        if starts[first - 1] < cut < end:
            return end - cut
    return len(code) - cut
