r"""The documents that sketcher and generator train on (paper, section 3).

>>> generator_document("import pandas as pd\n\n\ndf = pd.DataFrame([1])\n")
'import pandas as pd\n\n\ndf = pd.DataFrame([number])\n# [segmentation]\ndf = pd.DataFrame([1])'
"""

import re
from collections.abc import Callable

from scripts.sketches.blocks import CodeBlock, split_blocks
from scripts.sketches.lexer import BREAK
from scripts.sketches.sketch import CONSTANTS, SketchedText

SEGMENTATION = "\n# [segmentation]\n"
BLOCK_JOINER = "\n\n\n"
_BLANK_START = re.compile(rf"(?:[ \t\f]*{BREAK})+")


def code_to_blocks(code: str, operation: str = CONSTANTS, literals: str = "compat") -> list[tuple[str, str]]:
    """Pairs (sketch, code) of the blocks (see `split_blocks`); the codes, joined, are `code`.

    Raises:
        SyntaxError: `code` does not parse.
        ValueError: see `sketch_spans`.
    """
    blocks = split_blocks(code)
    sketched = SketchedText(code, operation, literals)
    return [(sketched.sketch(block.start, block.start + len(block.code)), block.code) for block in blocks]


def _documents(code: str, render: Callable[[str, str, CodeBlock], str], operation: str) -> str:
    code = code.removeprefix("\ufeff")
    blocks = split_blocks(code)
    sketched = SketchedText(code, operation)
    pieces = []
    for block in blocks:
        blank = _BLANK_START.match(block.code)
        start = block.start + (blank.end() if blank else 0)
        text = code[start : block.start + len(block.code)].rstrip()
        if text:
            pieces.append(render(sketched.sketch(start, start + len(text)), text, block))
    return BLOCK_JOINER.join(pieces)


def sketcher_document(code: str, operation: str = CONSTANTS) -> str:
    """The blocks' sketches, joined as in `generator_document`; blocks that need no sketch stay as they are.

    Raises:
        SyntaxError: `code` does not parse.
    """
    return _documents(code, lambda sketch, text, block: text if block.needs_no_sketch else sketch, operation)


def generator_document(code: str, operation: str = CONSTANTS) -> str:
    """Blocks `sketch + SEGMENTATION + code`, or the code alone where a sketch adds nothing, joined by BLOCK_JOINER.

    Raises:
        SyntaxError: `code` does not parse.
    """

    def render(sketch: str, text: str, block: CodeBlock) -> str:
        return text if block.needs_no_sketch or sketch == text else sketch + SEGMENTATION + text

    return _documents(code, render, operation)
