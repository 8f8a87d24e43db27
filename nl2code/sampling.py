"""The generation engine: n completions for one prompt, by exact nucleus sampling, deterministic per sample.

Sample i draws its uniforms from a counter-based stream (Philox) keyed by (seed, task) at position i, so the batch size,
the number of workers and a restart change nothing but the rounding of the logits. The prompt is computed once and its
key/value cache shared by all rows; a row leaves the batch as soon as its text is decided.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from transformers import DynamicCache

from nl2code.token_bytes import TokenBytes
from nl2code.truncation import BOUNDARIES, first_block

_BOUNDARY_BYTES = tuple(boundary.encode() for boundary in BOUNDARIES)


class PromptTooLongError(ValueError):
    """Prompt and new tokens together exceed the model's context."""


@dataclass(frozen=True)
class Completion:
    """One sample. `raw` is all that was written after the prompt, `text` its truncated form (`first_block`)."""

    text: str
    raw: str
    num_tokens: int
    finish: str  # "eos", "boundary" or "length"


def uniforms(seed: int, task_id: str, first: int, count: int, length: int) -> np.ndarray:
    """Float64 (count, length) draws in [0, 1) for samples first .. first + count - 1 of a task."""
    key = np.frombuffer(hashlib.sha256(f"{seed}|{task_id}".encode()).digest()[:16], dtype=np.uint64)
    rows = [
        np.random.Generator(np.random.Philox(key=key, counter=[0, sample, 0, 0])).random(length)
        for sample in range(first, first + count)
    ]
    return np.stack(rows) if rows else np.empty((0, length))


def nucleus_sample(logits: torch.Tensor, u: torch.Tensor, temperature: float, top_p: float) -> torch.Tensor:
    """Draw one token a row from the nucleus: the smallest set of most likely tokens whose mass reaches `top_p`.

    Args:
        logits: (B, V), any float dtype; -inf marks tokens that are not allowed.
        u: float64 (B,), uniform in [0, 1); the draw is its inverse-CDF image, so equal u give equal tokens.
        temperature: 0 takes the most likely token.
        top_p: in (0, 1].

    Returns:
        int64 (B,).
    """
    if temperature == 0:
        return logits.argmax(-1)
    probabilities = torch.softmax(logits.double() / temperature, -1)  # (B, V)
    vocab_size = logits.shape[-1]
    # Most nuclei are small: take a top-k prefix and widen it until it holds the mass, instead of sorting everything.
    width = vocab_size if top_p >= 1 else min(64, vocab_size)
    while True:
        top, index = probabilities.topk(width, dim=-1)  # (B, k), descending
        mass = top.cumsum(-1)
        if width == vocab_size or bool((mass[:, -1] >= top_p).all()):
            break
        width = min(width * 8, vocab_size)
    inside = (mass - top) < top_p if top_p < 1 else top > 0
    mass = (top * inside).cumsum(-1)
    rank = (mass <= (u * mass[:, -1]).unsqueeze(-1)).sum(-1)
    rank = torch.minimum(rank, inside.sum(-1) - 1)  # rounding at the far end
    return index.gather(-1, rank.unsqueeze(-1)).squeeze(-1)


class Sampler:
    """A model with its tokenizer's byte table, ready to complete prompts."""

    def __init__(self, model, tokenizer):
        self.model = model
        self.tokenizer = tokenizer
        self.vocab_size = model.get_output_embeddings().weight.shape[0]
        self.tokens = TokenBytes(tokenizer, self.vocab_size)
        eos = model.generation_config.eos_token_id
        model_eos = set() if eos is None else {eos} if isinstance(eos, int) else set(eos)
        self.stop_ids = model_eos | set(tokenizer.all_special_ids)
        self.bos = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
        self.context = getattr(model.config, "max_position_embeddings", None)

    def encode(self, prompt: str, max_new_tokens: int) -> tuple[list[int], bytes]:
        """Token ids to condition on ([bos] + prompt, as in training) and the bytes that healing took back.

        Raises:
            PromptTooLongError: naming the lengths, the limit and the fix.
        """
        ids, pending = self.tokens.encode_healed(prompt)
        ids = ([self.bos] if self.bos is not None else []) + ids
        if self.context and len(ids) + max_new_tokens > self.context:
            raise PromptTooLongError(
                f"prompt of {len(ids)} tokens + {max_new_tokens} new ones exceed the context of {self.context}; "
                "shorten the prompt or lower the number of new tokens"
            )
        if not ids:
            raise PromptTooLongError("an empty prompt needs a tokenizer with a bos or eos token; give it one")
        return ids, pending

    def sample(
        self,
        prompt: str,
        n: int,
        *,
        temperature: float,
        top_p: float,
        max_new_tokens: int,
        seed: int,
        task_id: str,
        first: int = 0,
        batch_size: int = 50,
    ) -> list[Completion]:
        """Samples first .. first + n - 1 of a task, in order; see `sample_completions`."""
        ids, pending = self.encode(prompt, max_new_tokens)
        done: list[Completion] = []
        for start in range(first, first + n, batch_size):
            count = min(batch_size, first + n - start)
            u = uniforms(seed, task_id, start, count, max_new_tokens)
            done.extend(self._decode(ids, pending, u, temperature, top_p))
        return done

    @torch.inference_mode()
    def _decode(self, ids, pending: bytes, u: np.ndarray, temperature: float, top_p: float) -> Iterator[Completion]:
        count, max_new_tokens = u.shape
        device = self.model.device
        cache = DynamicCache(config=self.model.config)
        rows = [_Row(pending) for _ in range(count)]
        live = list(range(count))
        uniform = torch.from_numpy(u).to(device)

        output = self.model(
            input_ids=torch.tensor([ids], device=device), past_key_values=cache, use_cache=True, logits_to_keep=1
        )
        logits = output.logits[:, -1].expand(count, -1)  # (B, V)
        cache.batch_repeat_interleave(count)
        for step in range(max_new_tokens):
            logits = self._constrain(logits, [rows[i].pending for i in live])
            chosen = nucleus_sample(logits, uniform[live, step], temperature, top_p)  # (B,)
            for i, token in zip(live, chosen.tolist(), strict=True):
                rows[i].push(token, self.tokens.table[token], token in self.stop_ids)
            keep = [k for k, i in enumerate(live) if rows[i].finish is None]
            if not keep or step + 1 == max_new_tokens:
                break
            if len(keep) < len(live):
                selection = torch.tensor(keep, device=device)
                cache.batch_select_indices(selection)
                chosen = chosen[selection]
                live = [live[k] for k in keep]
            output = self.model(input_ids=chosen.unsqueeze(-1), past_key_values=cache, use_cache=True)
            logits = output.logits[:, -1]
        return (row.completion() for row in rows)

    def _constrain(self, logits: torch.Tensor, pending: list[bytes]) -> torch.Tensor:
        """Leave each row that still has bytes to spell only the tokens that agree with them."""
        if not any(pending):
            return logits
        logits = logits.clone()
        for text in set(filter(None, pending)):
            mask = torch.ones(self.vocab_size, dtype=torch.bool, device=logits.device)
            mask[torch.from_numpy(self.tokens.allowed(text)).to(logits.device)] = False
            rows = torch.tensor([k for k, p in enumerate(pending) if p == text], device=logits.device)
            logits[rows] = logits[rows].masked_fill(mask, float("-inf"))
        return logits


class _Row:
    """The text of one sample as it grows."""

    def __init__(self, pending: bytes):
        self.pending = pending
        self.text = b""  # without the healed bytes, which belong to the prompt
        self.num_tokens = 0
        self.finish: str | None = None

    def push(self, token: int, data: bytes | None, stop: bool) -> None:
        self.num_tokens += 1
        if stop or data is None:
            self.finish = "eos"
            return
        healed = min(len(self.pending), len(data))
        self.pending, data = self.pending[healed:], data[healed:]
        # A boundary may straddle the old end; 7 bytes are enough to look back for the longest one.
        seen = max(0, len(self.text) - 7)
        self.text += data
        if any(self.text.find(boundary, seen) >= 0 for boundary in _BOUNDARY_BYTES):
            self.finish = "boundary"

    def completion(self) -> Completion:
        raw = self.text.decode("utf-8", "replace")
        return Completion(first_block(raw), raw, self.num_tokens, self.finish or "length")


def sample_completions(model, tokenizer, prompt: str, n: int, **settings) -> list[Completion]:
    """Draw n completions of `prompt`, the one-call form of `Sampler.sample`.

    Args:
        model: a causal LM in evaluation mode.
        tokenizer: its fast tokenizer.
        prompt: any text; its last token and trailing white space are healed.
        n: number of samples, n distinct random streams.
        **settings: temperature (0 = greedy), top_p, max_new_tokens, seed, task_id; optional first, batch_size.

    Raises:
        PromptTooLongError: prompt and new tokens exceed the model's context.
    """
    return Sampler(model, tokenizer).sample(prompt, n, **settings)
