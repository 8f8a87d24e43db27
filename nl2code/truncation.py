"""Where a completion ends: the paper's `first_block` rule."""

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
