"""What corpus_stats.json says: for every source and kind, in = out + reasons (see scripts/prepare_corpus.py)."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from nl2code.hashes import sha256_file
from scripts.corpus.documents import Harvest
from scripts.corpus.ledger import Ledger
from scripts.corpus.sources import readable


def account(*ledgers: Ledger) -> dict:
    """The account of ledgers together: in = out + reasons; with a tokenizer in tokens as well.

    What gives no text (a section of a guide without code that parses, say) has no tokens.
    """

    def balance(seen: str, rejected: str) -> dict:
        total = sum(getattr(ledger, seen) for ledger in ledgers)
        reasons = sum((getattr(ledger, rejected) for ledger in ledgers), Counter())
        return {"in": total, "out": total - reasons.total(), "reasons": dict(sorted(reasons.items()))}

    has_tokens = any(ledger.tokenizer for ledger in ledgers)
    return balance("seen", "rejected") | ({"tokens": balance("tokens_seen", "tokens_rejected")} if has_tokens else {})


def characters(harvests: Iterable[Harvest], *kinds: str) -> int:
    """Characters of the documents of some kinds."""
    return sum(one.characters for found in harvests for one in found.documents if one.kind in kinds)


def source_stats(found: Harvest) -> dict:
    """The accounts of one source: for files and for each kind, with examples of what was rejected."""
    ledgers = {"files": found.files, **found.kinds}
    return {
        "name": found.source.name,
        "version": found.source.version,
        "file": readable(found.source.path.name),
        "sha256": found.source.sha256,
        "licence": found.source.licence,
        **{name: account(ledger) for name, ledger in ledgers.items()},
        "characters": characters([found], *found.kinds),
        "examples": {name: dict(sorted(ledger.examples.items())) for name, ledger in ledgers.items()},
    }


def statistics(settings: dict, harvests: list[Harvest], benchmarks: Iterable[str]) -> dict:
    """What goes into corpus_stats.json, but for the output."""
    totals = {
        kind: account(*(found.kinds[kind] for found in harvests)) | {"characters": characters(harvests, kind)}
        for kind in settings["kinds"]
    }
    dropped: dict[str, Counter] = {}
    for total in totals.values():
        for reason, count in total["reasons"].items():
            if reason.startswith("benchmark "):
                benchmark, _, rule = reason.removeprefix("benchmark ").rpartition(": ")
                dropped.setdefault(benchmark, Counter())[rule] += count
    licences = Counter(one.licence for found in harvests for one in found.documents)
    return {
        **settings,
        "totals": totals,
        "licences": dict(licences.most_common()),
        "decontamination": {
            "against": [{"file": Path(path).name, "sha256": sha256_file(path)} for path in benchmarks],
            "documents left out": {name: dict(sorted(counts.items())) for name, counts in sorted(dropped.items())},
        },
        "sources": [source_stats(found) for found in harvests],
    }


def why_empty(harvests: list[Harvest]) -> str:
    """The most frequent reasons, or where there are none the number of files, for an error message."""
    reasons = sum((ledger.rejected for found in harvests for ledger in (found.files, *found.kinds.values())), Counter())
    listed = ", ".join(f"{count} x {reason}" for reason, count in reasons.most_common(4))
    read = f"nothing of these --kinds in {sum(found.files.seen for found in harvests)} files or rows"
    return (listed or read) + "; give other --sources, more --kinds (code: source files), or --any_licence for licences"


def summary(stats: dict) -> str:
    """Documents and characters in a few words."""
    kinds = ", ".join(f"{total['out']} {kind}" for kind, total in stats["totals"].items())
    parts = stats["output"].items()
    sizes = ", ".join(f"{part} {o['documents']} ({o['characters'] / 1e6:.2f} M characters)" for part, o in parts)
    return f"documents: {kinds}; {sizes}"
