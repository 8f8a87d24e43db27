"""What corpus_stats.json says: for every source and kind, in = out + reasons (see scripts/prepare_corpus.py)."""

from collections import Counter
from pathlib import Path

from scripts.corpus.documents import Harvest, Tally, count_tokens
from scripts.file_utils import sha256_file


def source_stats(found: Harvest, tokenizer: str = "") -> dict:
    """The accounts of one source: for files and for each kind, in = out + reasons; with a tokenizer in tokens as well.

    What gives no text (a section of a guide without code that parses, say) has no tokens.
    """

    source, rows = found.source, found.documents
    counts = Counter(kind for kind, _ in rows)
    tokens = Counter()
    for kind, row in rows:
        tokens[kind] += count_tokens(row["content"], tokenizer)

    def account(tally: Tally, out: int, kind: str = "") -> dict:
        row = {"in": tally.seen, "out": out, "reasons": dict(sorted(tally.reasons.items()))}
        if tally.tokenizer:
            row["tokens"] = {
                "in": tally.tokens_seen,
                "out": tokens[kind],
                "reasons": dict(sorted(tally.tokens.items())),
            }
        return row

    return {
        "name": source.name,
        "version": source.version,
        "file": source.path.name,
        "sha256": source.sha256,
        "licence": source.licence,
        "files": account(found.files, found.files.seen - found.files.reasons.total()),
        **{kind: account(tally, counts[kind], kind) for kind, tally in found.kinds.items()},
        "characters": sum(len(row["content"]) for _, row in rows),
    }


def statistics(
    settings: dict, harvests: list[Harvest], files: tuple[list[Path], list[Path]], mark: str, tokenizer: str = ""
) -> dict:
    """What goes into corpus_stats.json, but for the output and the run."""
    reasons = {kind: Counter() for kind in settings["kinds"]}
    for found in harvests:
        for kind, tally in found.kinds.items():
            reasons[kind] += tally.reasons
    dropped: dict[str, Counter] = {}
    for kind in reasons.values():
        for reason, count in kind.items():
            if reason.startswith("benchmark "):
                benchmark, rule = reason.removeprefix("benchmark ").split(": ")
                dropped.setdefault(benchmark, Counter())[rule] += count
    kept = Counter(kind for found in harvests for kind, _ in found.documents)
    licences = Counter(row["license"] for found in harvests for _, row in found.documents)
    sources = [source_stats(found, tokenizer) for found in harvests]
    totals = {
        kind: {
            "in": sum(found.kinds[kind].seen for found in harvests),
            "out": kept[kind],
            "characters": sum(len(r["content"]) for f in harvests for k, r in f.documents if k == kind),
            "reasons": dict(sorted(reasons[kind].items())),
        }
        for kind in settings["kinds"]
    }
    if tokenizer:
        for kind, total in totals.items():
            counted = [source[kind]["tokens"] for source in sources]
            by_reason = sum((Counter(tokens["reasons"]) for tokens in counted), Counter())
            total["tokens"] = {side: sum(tokens[side] for tokens in counted) for side in ("in", "out")}
            total["tokens"]["reasons"] = dict(sorted(by_reason.items()))
    return {
        "fingerprint": mark,
        **settings,
        "totals": totals,
        "licences": dict(licences.most_common()),
        "decontamination": {
            "against": [{"file": path.name, "sha256": sha256_file(path)} for path in [*files[0], *files[1]]],
            "documents left out": {name: dict(sorted(counts.items())) for name, counts in sorted(dropped.items())},
        },
        "sources": sources,
    }


def why_empty(harvests: list[Harvest]) -> str:
    """The most frequent reasons, for an error message."""
    reasons = Counter()
    for found in harvests:
        for tally in (found.files, *found.kinds.values()):
            reasons += tally.reasons
    listed = ", ".join(f"{count} x {reason}" for reason, count in reasons.most_common(4)) or "no files"
    return listed + "; give other --sources, or --any_licence if licences are the cause"


def summary(stats: dict) -> str:
    """Documents and characters in a few words."""
    kinds = ", ".join(f"{total['out']} {kind}" for kind, total in stats["totals"].items())
    sizes = [
        f"{part} {o['documents']} ({o['characters'] / 1e6:.2f} M characters)" for part, o in stats["output"].items()
    ]
    return f"documents: {kinds}; {', '.join(sizes)}"
