"""Ledger: candidates seen, and rejected per reason with examples of where; kept = seen - rejected."""

from collections import Counter
from dataclasses import dataclass, field
from functools import cache

MAX_EXAMPLES = 5


@dataclass
class Ledger:
    """The account of one kind of candidates (lines of a file, files of a source, documents of one kind).

    Attributes:
        file: names the place of an example, with the number of the candidate: `file:number`.
        tokenizer: a model whose tokenizer counts tokens as well; empty for none.
    """

    file: str = ""
    tokenizer: str = ""
    seen: int = 0
    rejected: Counter = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    tokens_seen: int = 0
    tokens_rejected: Counter = field(default_factory=Counter)

    def see(self, text: str = "") -> None:
        """Count a candidate."""
        self.seen += 1
        self.tokens_seen += count_tokens(text, self.tokenizer)

    def reject(self, reason: str, text: str = "", place: str = "") -> None:
        """Count a candidate, seen before, as rejected; `place` is by default the last one seen."""
        self.rejected[reason] += 1
        self.tokens_rejected[reason] += count_tokens(text, self.tokenizer)
        examples = self.examples.setdefault(reason, [])
        if len(examples) < MAX_EXAMPLES:
            examples.append(place or f"{self.file}:{self.seen}")

    def left_out(self) -> dict[str, dict]:
        """JSON form of the rejections: reason, in alphabetical order -> {"count", "examples"}."""
        return {
            reason: {"count": count, "examples": self.examples[reason]}
            for reason, count in sorted(self.rejected.items())
        }


@cache
def _tokenizer(name: str):
    from nl2code.models import load_tokenizer

    return load_tokenizer(name).backend_tokenizer


def count_tokens(text: str, tokenizer: str) -> int:
    """Tokens of a text, special ones left out; 0 where `tokenizer` is empty. Raises ModelError."""
    text = text.encode("utf-8", "replace").decode()  # lone surrogates
    return len(_tokenizer(tokenizer).encode(text, add_special_tokens=False).ids) if tokenizer else 0
