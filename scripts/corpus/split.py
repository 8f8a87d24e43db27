"""Which documents of all sources stay, on which side and in which order (see scripts/prepare_corpus.py)."""

from hashlib import sha256

from scripts.corpus.documents import DOCS, Harvest
from scripts.corpus.near_copies import NearCopies


def without_copies(harvests: list[Harvest]) -> None:
    """Leave out documents that equal an earlier one in all but white space; count them."""
    seen: set[bytes] = set()
    for found in harvests:
        kept = []
        for kind, row in found.documents:
            key = sha256(" ".join(row["content"].split()).encode("utf-8", "surrogatepass")).digest()
            if key in seen:
                found.kinds[kind].leave_out("copy of another document", row["content"])
            else:
                seen.add(key)
                kept.append((kind, row))
        found.documents = kept


def without_near_copies(harvests: list[Harvest], threshold: float) -> None:
    """Leave out documents that are nearly an earlier one (see `scripts.corpus.near_copies`); count them."""
    copies = NearCopies(threshold)
    for found in harvests:
        kept = []
        for kind, row in found.documents:
            if copies.add(row["content"]):
                found.kinds[kind].leave_out("near copy of another document", row["content"])
            else:
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
            if id(row) not in keep:
                found.kinds[kind].leave_out("over --max_documents", row["content"])
        found.documents = [(kind, row) for kind, row in found.documents if id(row) in keep]


def split(harvests: list[Harvest], seed: int, valid_share: float, by: str) -> dict[str, list[dict]]:
    """Shuffled rows of train and valid; the seed shuffles, it does not move documents between the two.

    Args:
        by: "file" keeps all documents of a file on one side, "repository" all of a repository.
    """
    place: dict[tuple[str, ...], list[dict]] = {}
    for found in harvests:
        for _, row in found.documents:
            repository = row["repo_name"].removesuffix(DOCS)
            unit = (repository,) if by == "repository" else (repository, row["path"].partition("#L")[0])
            place.setdefault(unit, []).append(row)
    by_hash = sorted(place, key=lambda unit: hashed(*unit))
    held_out = set((_whole_repositories if by == "repository" else _below)(by_hash, place, valid_share))
    groups = {
        "train": [unit for unit in by_hash if unit not in held_out],
        "valid": [unit for unit in by_hash if unit in held_out],
    }
    return {
        part: sorted(
            (row for unit in units for row in place[unit]), key=lambda row: hashed(seed, row["repo_name"], row["path"])
        )
        for part, units in groups.items()
    }


def _below(by_hash: list[tuple], place: dict[tuple, list[dict]], share: float) -> list[tuple]:
    """The files whose hash lies below the share; neither side is empty where there are two files."""
    count = sum(hashed(*unit) < share for unit in by_hash)
    if share and len(by_hash) > 1:
        count = min(max(count, 1), len(by_hash) - 1)
    return by_hash[:count]


def _whole_repositories(by_hash: list[tuple], place: dict[tuple, list[dict]], share: float) -> list[tuple]:
    """Repositories, by hash, that together hold no more than the share of the documents; else the smallest alone."""
    room = share * sum(map(len, place.values()))
    chosen = []
    for unit in by_hash:
        if len(place[unit]) <= room:
            chosen.append(unit)
            room -= len(place[unit])
    if not chosen and share and len(by_hash) > 1:
        chosen = [min(by_hash, key=lambda unit: len(place[unit]))]
    return chosen
