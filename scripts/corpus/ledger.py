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

    def see(self, text: str = "") -> int:
        """Count a candidate; return its tokens."""
        self.seen += 1
        tokens = count_tokens(text, self.tokenizer)
        self.tokens_seen += tokens
        return tokens

    def reject(self, reason: str, tokens: int = 0, place: str = "") -> None:
        """Count a candidate, seen before with so many tokens, as rejected; `place` is by default the last one seen."""
        self.rejected[reason] += 1
        self.tokens_rejected[reason] += tokens
        examples = self.examples.setdefault(reason, [])
        if len(examples) < MAX_EXAMPLES:
            examples.append(place or f"{self.file}:{self.seen}")

    def add(self, later: "Ledger") -> None:
        """Count the candidates of another ledger, which come after these."""
        self.seen += later.seen
        self.rejected += later.rejected
        self.tokens_seen += later.tokens_seen
        self.tokens_rejected += later.tokens_rejected
        for reason, places in later.examples.items():
            self.examples[reason] = [*self.examples.get(reason, []), *places][:MAX_EXAMPLES]

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
    if not tokenizer:
        return 0
    text = text.encode("utf-8", "replace").decode()  # lone surrogates
    return len(_tokenizer(tokenizer).encode_batch_fast([text], add_special_tokens=False)[0].ids)  # without offsets
