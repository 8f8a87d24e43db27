"""Which documents of all sources stay, on which side and in which order (see scripts/prepare_corpus.py)."""

from collections import Counter
from hashlib import sha256

from nl2code.errors import UserError
from scripts.corpus.documents import DOCS, Harvest, keep
from scripts.corpus.near_copies import near_copies
from scripts.corpus.spill import Document

UNITS = ("repository", "file", "document")  # what lies on one side, from coarse to fine


def without_copies(harvests: list[Harvest]) -> None:
    """Reject documents that equal an earlier one in all but white space."""
    seen: set[bytes] = set()

    def why_not(one: Document) -> str:
        is_copy = one.key in seen
        seen.add(one.key)
        return "copy of another document" if is_copy else ""

    keep(harvests, why_not)


def without_near_copies(harvests: list[Harvest], threshold: float) -> None:
    """Reject documents that are nearly equal to an earlier one (see `scripts.corpus.near_copies`)."""
    every = [one for found in harvests for one in found.documents]
    verdicts = near_copies([one.signature for one in every], lambda index: every[index].text(), threshold)
    keep(harvests, lambda one: "near copy of another document" if next(verdicts) else "")


def hashed(*parts: object) -> float:
    """A number in [0, 1) from the parts alone."""
    return int.from_bytes(sha256("\0".join(map(str, parts)).encode("utf-8", "surrogatepass")).digest()[:7]) / 2**56


def limit(harvests: list[Harvest], seed: int, most: int) -> None:
    """Keep a random choice of at most `most` documents."""
    every = [one for found in harvests for one in found.documents]
    chosen = set(sorted(every, key=lambda one: hashed(seed, one.repo_name, one.path))[:most])
    keep(harvests, lambda one: "" if one in chosen else "over --max_documents")


def limit_repositories(harvests: list[Harvest], seed: int, share: float) -> None:
    """Keep, of every repository, a random choice of documents of at most `share` of all characters that are kept.

    A large repository is cut to the cap that is this share of what all give under it, rounded down to whole documents;
    as those leave a bit free, its part can exceed the share by that bit.

    Raises:
        UserError: there are too few repositories.
    """
    every = [one for found in harvests for one in found.documents]
    sizes = Counter()
    for one in every:
        sizes[one.repo_name.removesuffix(DOCS)] += one.characters
    if every and len(sizes) * share <= 1:
        if len(sizes) == 1:
            raise UserError(f"--max_share {share:g} needs two repositories with documents; give more sources, or 1")
        advice = f"above {1 / len(sizes):.3g}, or give more sources"
        raise UserError(
            f"--max_share {share:g} is too low for {len(sizes)} repositories with documents; raise it {advice}"
        )
    rest, cap = sum(sizes.values()), 0.0
    for number, (_, size) in enumerate(sizes.most_common()):  # cap = share * (number * cap + rest)
        cap = share * rest / (1 - number * share)
        if size <= cap:
            break
        rest -= size
    room = dict.fromkeys(sizes, cap)
    chosen = set()
    for one in sorted(every, key=lambda one: hashed(seed, one.repo_name, one.path)):
        name = one.repo_name.removesuffix(DOCS)
        if one.characters <= room[name]:
            room[name] -= one.characters
            chosen.add(one)
    keep(harvests, lambda one: "" if one in chosen else "over --max_share")


def split(harvests: list[Harvest], seed: int, valid_share: float, by: str) -> tuple[dict[str, list[Document]], str]:
    """Shuffled documents of train and valid, and what was split by.

    The seed shuffles; a hash of the unit decides its side. Where all documents are in one unit (one repository, one
    file), the next finer unit is used; a single document is trained on.

    Args:
        valid_share: of the documents, 0 for no validation.
        by: one of UNITS: all documents of a repository, or of a file, lie on one side.
    """
    every = [one for found in harvests for one in found.documents]
    for unit in UNITS[UNITS.index(by) :]:
        place: dict[tuple[str, ...], list[Document]] = {}
        for one in every:
            names = (one.repo_name.removesuffix(DOCS), one.path.partition("#L")[0], one.path)
            place.setdefault(names[: UNITS.index(unit) + 1], []).append(one)
        if len(place) > 1 or not valid_share:
            break
    by_hash = sorted(place, key=lambda names: hashed(*names))
    whole = unit == "repository"
    chosen = _whole_repositories(by_hash, place, valid_share) if whole else lowest_hashes(by_hash, valid_share)
    held_out = set(chosen if valid_share and len(by_hash) > 1 else ())
    sides: dict[str, list[Document]] = {"train": [], "valid": []}
    for names in by_hash:
        sides["valid" if names in held_out else "train"] += place[names]
    for side in sides.values():
        side.sort(key=lambda one: hashed(seed, one.repo_name, one.path))
    return sides, unit


def lowest_hashes(by_hash: list[tuple], share: float) -> list[tuple]:
    """Of units in the order of their hashes, those whose hash lies below the share; at least one, and not all."""
    count = sum(hashed(*names) < share for names in by_hash)
    return by_hash[: min(max(count, 1), len(by_hash) - 1)]


def _whole_repositories(by_hash: list[tuple], place: dict[tuple, list[Document]], share: float) -> list[tuple]:
    """Repositories, by hash, that together hold no more than the share of the documents; else the smallest alone."""
    room = share * sum(map(len, place.values()))
    chosen = []
    for names in by_hash:
        if len(place[names]) <= room:
            chosen.append(names)
            room -= len(place[names])
    return chosen or [min(by_hash, key=lambda names: len(place[names]))]
