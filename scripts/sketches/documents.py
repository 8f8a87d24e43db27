r"""The documents that sketcher and generator train on (paper, section 3).

>>> generator_document("import pandas as pd\n\n\ndf = pd.DataFrame([1])\n")
'import pandas as pd\n\n\ndf = pd.DataFrame([number])\n# [segmentation]\ndf = pd.DataFrame([1])'
"""

import re
from collections.abc import Iterator

from scripts.sketches.blocks import split_blocks
from scripts.sketches.lexer import BREAK
from scripts.sketches.sketch import CONSTANTS, SketchedText

SEGMENTATION = "\n# [segmentation]\n"
BLOCK_JOINER = "\n\n\n"
Pieces = list[tuple[str, bool]]  # a document: (text, whether the model writes it, or gets it as its prompt)
_BLANK_LINES = re.compile(rf"(?:[ \t\f]*{BREAK})*")


def code_to_blocks(code: str, operation: str = CONSTANTS, literals: str = "compat") -> list[tuple[str, str]]:
    """Pairs (sketch, code) of the blocks (see `split_blocks`); the codes, joined, are `code`.

    Raises:
        SyntaxError: `code` does not parse.
        ValueError: unknown operation or literals.
    """
    sketched = SketchedText(code, operation, literals)
    return [(sketched.sketch(b.start, b.start + len(b.code)), b.code) for b in split_blocks(code)]


def _stripped_blocks(code: str, operation: str) -> Iterator[tuple[str, str]]:
    """(sketch, code) of each block without blank lines around it; the sketch is the code where none is needed."""
    code = code.lstrip("\ufeff")  # all of them: parse_module ignores one, and positions are those in its text
    blocks, sketched = split_blocks(code), SketchedText(code, operation)
    for block in blocks:
        start = block.start + _BLANK_LINES.match(block.code).end()
        text = code[start : block.start + len(block.code)].rstrip()
        if text:
            yield text if block.needs_no_sketch else sketched.sketch(start, start + len(text)), text


def generator_pieces(code: str, operation: str = CONSTANTS) -> Pieces:
    """The generator's document in pieces; the sketches are its prompts.

    Raises:
        SyntaxError: `code` does not parse.
    """
    pieces: Pieces = []
    for sketch, text in _stripped_blocks(code, operation):
        if pieces:
            pieces.append((BLOCK_JOINER, True))  # where the code before it ends
        if sketch != text:
            pieces.append((sketch + SEGMENTATION, False))
        pieces.append((text, True))
    return pieces


def sketcher_document(code: str, operation: str = CONSTANTS) -> str:
    """The blocks' sketches, joined by BLOCK_JOINER; blocks that need no sketch stay as they are.

    Raises:
        SyntaxError: `code` does not parse.
    """
    return BLOCK_JOINER.join(sketch for sketch, _ in _stripped_blocks(code, operation))


def generator_document(code: str, operation: str = CONSTANTS) -> str:
    """Blocks `sketch + SEGMENTATION + code`, or the code alone where a sketch adds nothing, joined by BLOCK_JOINER.

    Raises:
        SyntaxError: `code` does not parse.
    """
    return "".join(text for text, _ in generator_pieces(code, operation))
