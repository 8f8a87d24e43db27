"""Which documents of all sources stay, on which side and in which order (see scripts/prepare_corpus.py)."""

from collections import Counter
from hashlib import sha256

from scripts.corpus_documents import Harvest


def without_copies(harvests: list[Harvest]) -> None:
    """Leave out documents that equal an earlier one in all but white space; count them."""
    seen: set[bytes] = set()
    for found in harvests:
        kept = []
        for kind, row in found.documents:
            key = sha256(" ".join(row["content"].split()).encode("utf-8", "surrogatepass")).digest()
            if key in seen:
                found.kinds[kind].reasons["copy of another document"] += 1
            else:
                seen.add(key)
                kept.append((kind, row))
        found.documents = kept


def hashed(*parts: object) -> float:
    """A number in [0, 1) from the parts alone."""
    return int.from_bytes(sha256("\0".join(map(str, parts)).encode("utf-8", "surrogatepass")).digest()[:7]) / 2**56


def limit(harvests: list[Harvest], seed: int, most: int | None) -> None:
    """Keep a random choice of `most` documents; count the others."""
    rows = [(hashed(seed, row["repo_name"], row["path"]), id(row)) for found in harvests for _, row in found.documents]
    keep = {row for _, row in sorted(rows)[:most]}
    for found in harvests:
        for kind, row in found.documents:
            found.kinds[kind].reasons["over --max_documents"] += id(row) not in keep
        found.documents = [(kind, row) for kind, row in found.documents if id(row) in keep]
        for tally in found.kinds.values():
            tally.reasons += Counter()  # drops zero counts


def split(harvests: list[Harvest], seed: int, valid_share: float) -> dict[str, list[dict]]:
    """Shuffled rows of train and valid; the seed shuffles, it does not move files between the two."""
    place = {}
    for found in harvests:
        for _, row in found.documents:
            file = (found.source.name, row["path"].partition("#L")[0])
            place.setdefault(file, []).append(row)
    by_hash = sorted(place, key=lambda file: hashed(*file))
    count = sum(hashed(*file) < valid_share for file in by_hash)
    if valid_share and len(by_hash) > 1:
        count = min(max(count, 1), len(by_hash) - 1)  # neither side may be empty
    groups = {"train": by_hash[count:], "valid": by_hash[:count]}
    return {
        part: sorted(
            (row for file in files for row in place[file]), key=lambda row: hashed(seed, row["repo_name"], row["path"])
        )
        for part, files in groups.items()
    }
