"""Samples of one prompt that have written the same tokens so far: one row of the batch, split where their draws differ.

At low temperatures most samples of a prompt agree for long, many to their end. What they share is computed once.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import torch

from nl2code.sampling.prompts import Completion
from nl2code.sampling.truncation import first_block

States = list[torch.Tensor]  # keys and values, see `row_cache.RowCache.take`


@dataclass(eq=False)
class Prompt:
    """Token ids of a prompt, whose samples are branches."""

    ids: list[int]


@dataclass(eq=False)
class Branch:
    """Samples with the same tokens so far.

    Attributes:
        places: of its samples in the result.
        draws: float64 (samples, max_new_tokens), uniform in [0, 1).
        pending: bytes of the prompt that are still to be spelled.
        text: without the bytes that belong to the prompt.
        token: the last one; its keys and values are not computed yet.
        prompt_states: of the tokens of the prompt; empty where no row will need them any more.
        states: of its own tokens; empty while it has a row.
    """

    prompt: Prompt
    places: list[int]
    draws: np.ndarray
    boundaries: tuple[str, ...]
    pending: bytes
    text: bytes = b""
    num_tokens: int = 0
    token: int = -1
    finish: str | None = None
    prompt_states: States = field(default_factory=list)
    states: States = field(default_factory=list)

    @property
    def next_draws(self) -> np.ndarray:
        """Float64 (samples,)."""
        return self.draws[:, self.num_tokens]

    def split(self, tokens: np.ndarray) -> list["Branch"]:
        """A branch for each different token of its samples, int64 (samples,), in the order of their first samples."""
        different = dict.fromkeys(tokens.tolist())
        if len(different) == 1:
            parts = [self]
        else:
            members = [np.flatnonzero(tokens == token) for token in different]
            parts = [replace(self, places=[self.places[i] for i in of], draws=self.draws[of]) for of in members]
        for part, token in zip(parts, different, strict=True):
            part.token = token
        return parts

    def take_row(self) -> None:
        """Forget the states that its row holds, and those of the prompt if it cannot split any more."""
        self.states = []
        if len(self.places) == 1:
            self.prompt_states = []

    def push(self, data: bytes | None) -> None:
        """Add its token, which spells `data`, None for one that ends a sample."""
        self.num_tokens += 1
        if data is None:
            self.finish = "eos"
            return
        healed = min(len(self.pending), len(data))
        self.pending, data = self.pending[healed:], data[healed:]
        before, self.text = len(self.text), self.text + data
        # A boundary may straddle the old end.
        if any(self.text.find(end.encode(), max(0, before - len(end) + 1)) >= 0 for end in self.boundaries):
            self.finish = "boundary"
        elif self.num_tokens == self.draws.shape[1]:
            self.finish = "length"

    def completion(self) -> Completion:
        """What each of its samples wrote."""
        assert self.finish, "the samples go on"
        raw = self.text.decode("utf-8", "replace")
        return Completion(first_block(raw, self.boundaries), raw, self.num_tokens, self.finish)
