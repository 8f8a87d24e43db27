"""Documents that are nearly equal: Jaccard similarity of their token 5-grams, candidates by MinHash (rensa).

Tokens are runs of word characters and single other characters; white space does not count. The text's 5-grams are a set,
so repetition does not count either. MinHash only proposes: every verdict is the exact similarity. With 16 bands of 8
values it proposes a pair of similarity 0.85 with 99.4 % probability, and of 0.9 with 99.99 %; fixed seeds make the
result the same in every run.

>>> texts = ["a b c d e f g", "a b  c d e f\\tg", "a b c d e f h"]
>>> list(near_copies([signature(text) for text in texts], texts.__getitem__, 0.85))
[False, True, False]
"""

import re
import struct
from collections import defaultdict
from collections.abc import Callable, Iterator
from hashlib import blake2b

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


def signature(text: str) -> bytes:
    """The bands of a text's MinHash, a hash of 8 bytes each; two texts are candidates where one band is equal."""
    from rensa import RMinHash

    sketch = RMinHash(BANDS * ROWS, SEED)
    sketch.update(list(grams(text)))
    values = struct.pack(f"<{BANDS * ROWS}I", *sketch.digest())
    bands = (values[start : start + 4 * ROWS] for start in range(0, len(values), 4 * ROWS))
    return b"".join(blake2b(band, digest_size=8).digest() for band in bands)


def near_copies(signatures: list[bytes], text_of: Callable[[int], str], threshold: float) -> Iterator[bool]:
    """Of every text, in order, whether it is a near copy of an earlier one that is none itself.

    Args:
        signatures: one per text.
        text_of: the text at an index; called for candidates alone.
        threshold: similarity from which a text is a copy, above 0 and at most 1. Below 0.8 the candidates miss pairs.
    """
    import numpy as np  # a corpus that keeps near copies does without

    bands = np.frombuffer(b"".join(signatures), "<u8").reshape(-1, BANDS)
    buckets = defaultdict(list)  # index -> for each band that others have too, the texts so far that are no copies
    for column in bands.T:
        _, inverse, counts = np.unique(column, return_inverse=True, return_counts=True)
        shared: dict[int, list[int]] = defaultdict(list)
        for index in np.flatnonzero(counts[inverse] > 1).tolist():
            buckets[index].append(shared[inverse[index]])
    for index in range(len(signatures)):
        originals = sorted({other for bucket in buckets[index] for other in bucket}) if index in buckets else ()
        found = grams(text_of(index)) if originals else set()
        is_copy = any(jaccard(found, grams(text_of(other))) >= threshold for other in originals)
        for bucket in () if is_copy else buckets.pop(index, ()):
            bucket.append(index)
        yield is_copy
