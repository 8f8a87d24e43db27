r"""The names under which people know the sketches: import them from here; `scripts/sketches/` does the work.

>>> transform_code_to_sketch("def load(p):\n    return read(p, sep=',', n=-1)  # 2 'x'\n")
"def func(p):\n    return read(p, sep=string, n=-number)  # 2 'x'\n"
"""

from scripts.sketches.documents import BLOCK_JOINER, SEGMENTATION, code_to_blocks, generator_document, sketcher_document
from scripts.sketches.placeholders import has_placeholder
from scripts.sketches.sketch import OPERATIONS, sketch_spans, transform_code_to_sketch

__all__ = ["BLOCK_JOINER", "OPERATIONS", "SEGMENTATION", "code_to_blocks", "generator_document", "has_placeholder"]
__all__ += ["sketch_spans", "sketcher_document", "transform_code_to_sketch"]
