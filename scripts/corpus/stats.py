"""What corpus_stats.json says: for every source and kind, in = out + reasons (see scripts/prepare_corpus.py)."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from scripts.corpus.documents import Harvest
from scripts.corpus.ledger import Ledger, count_tokens
from scripts.corpus.sources import readable
from scripts.file_utils import sha256_file


def account(ledgers: Iterable[Ledger], texts: list[str] | None = None) -> dict:
    """The account of ledgers together: in = out + reasons; with a tokenizer in tokens as well.

    What gives no text (a section of a guide without code that parses, say) has no tokens.

    Args:
        texts: the documents that stayed; None where these are not at hand (files), only their number.
    """
    ledgers = list(ledgers)
    reasons = sum((ledger.rejected for ledger in ledgers), Counter())
    seen = sum(ledger.seen for ledger in ledgers)
    out = seen - reasons.total() if texts is None else len(texts)
    found = {"in": seen, "out": out, "reasons": dict(sorted(reasons.items()))}
    tokenizer = ledgers[0].tokenizer if ledgers else ""
    if tokenizer:
        tokens = sum((ledger.tokens_rejected for ledger in ledgers), Counter())
        found["tokens"] = {
            "in": sum(ledger.tokens_seen for ledger in ledgers),
            "out": sum(count_tokens(text, tokenizer) for text in texts),
            "reasons": {reason: tokens[reason] for reason in found["reasons"]},
        }
    return found


def texts_of(harvests: Iterable[Harvest], kind: str) -> list[str]:
    """The documents of one kind."""
    return [row["content"] for found in harvests for of, row in found.documents if of == kind]


def source_stats(found: Harvest) -> dict:
    """The accounts of one source: for files and for each kind, with examples of what was rejected."""
    source = found.source
    ledgers = {"files": found.files, **found.kinds}
    accounts = {name: account([ledger], texts_of([found], name)) for name, ledger in found.kinds.items()}
    return {
        "name": source.name,
        "version": source.version,
        "file": readable(source.path.name),
        "sha256": source.sha256,
        "licence": source.licence,
        "files": account([found.files]),
        **accounts,
        "characters": sum(len(row["content"]) for _, row in found.documents),
        "examples": {name: dict(sorted(ledger.examples.items())) for name, ledger in ledgers.items()},
    }


def statistics(settings: dict, harvests: list[Harvest], benchmarks: Iterable[str]) -> dict:
    """What goes into corpus_stats.json, but for the output."""
    totals = {}
    for kind in settings["kinds"]:
        texts = texts_of(harvests, kind)
        totals[kind] = account([found.kinds[kind] for found in harvests], texts) | {"characters": sum(map(len, texts))}
    dropped: dict[str, Counter] = {}
    for total in totals.values():
        for reason, count in total["reasons"].items():
            if reason.startswith("benchmark "):
                benchmark, _, rule = reason.removeprefix("benchmark ").rpartition(": ")
                dropped.setdefault(benchmark, Counter())[rule] += count
    licences = Counter(row["license"] for found in harvests for _, row in found.documents)
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
    """The most frequent reasons, for an error message."""
    reasons = sum((ledger.rejected for found in harvests for ledger in (found.files, *found.kinds.values())), Counter())
    listed = ", ".join(f"{count} x {reason}" for reason, count in reasons.most_common(4)) or "no files"
    return listed + "; give other --sources, or --any_licence if licences are the cause"


def summary(stats: dict) -> str:
    """Documents and characters in a few words."""
    kinds = ", ".join(f"{total['out']} {kind}" for kind, total in stats["totals"].items())
    sizes = [
        f"{part} {o['documents']} ({o['characters'] / 1e6:.2f} M characters)" for part, o in stats["output"].items()
    ]
    return f"documents: {kinds}; {', '.join(sizes)}"
