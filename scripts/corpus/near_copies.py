"""Documents that are nearly equal: Jaccard similarity of their token 5-grams, candidates by MinHash (rensa).

Tokens are runs of word characters and single other characters; white space does not count. The text's 5-grams are a set,
so repetition does not count either. MinHash only proposes: every verdict is the exact similarity. With 16 bands of 8
values it proposes a pair of similarity 0.85 with 99.4 % probability, and of 0.9 with 99.99 %; fixed seeds make the
result the same in every run.

>>> copies = NearCopies(0.85)
>>> [copies.add(text) for text in ("a b c d e f g", "a b  c d e f\\tg", "a b c d e f h")]
[False, True, False]
"""

import re

GRAM = 5
BANDS, ROWS = 16, 8
SEED = 1
_TOKEN = re.compile(r"\w+|[^\w\s]")


def grams(text: str) -> set[str]:
    """The token 5-grams of a text; of fewer tokens, all of them as one."""
    tokens = _TOKEN.findall(text)
    return {" ".join(tokens[i : i + GRAM]) for i in range(max(1, len(tokens) - GRAM + 1))}


def jaccard(one: set[str], other: set[str]) -> float:
    """Size of the intersection by that of the union."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


class NearCopies:
    """Texts added so far that were no near copies of earlier ones.

    Args:
        threshold: similarity from which a text is a copy, above 0 and at most 1. Below 0.8 the candidates miss pairs.
    """

    def __init__(self, threshold: float):
        from rensa import RMinHashLSH

        self.threshold = threshold
        self.texts: list[str] = []
        self.index = RMinHashLSH(threshold, BANDS * ROWS, BANDS)

    def add(self, text: str) -> bool:
        """Whether the text is a near copy of one that was kept; if not, keep it."""
        from rensa import RMinHash

        found = grams(text)
        sketch = RMinHash(BANDS * ROWS, SEED)
        sketch.update(sorted(found))
        for candidate in self.index.query(sketch):
            if jaccard(found, grams(self.texts[candidate])) >= self.threshold:
                return True
        self.index.insert(len(self.texts), sketch)
        self.texts.append(text)
        return False
