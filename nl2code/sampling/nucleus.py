"""Exact nucleus sampling from logits, with one addressable random stream per sample.

Holtzman et al., "The Curious Case of Neural Text Degeneration" (2020).
"""

import hashlib

import numpy as np
import torch

from nl2code.models import ModelError

GREEDY = 1e-6  # float32 cannot divide logits by less
WIDTHS = (64, 512, 4096)  # sizes of the top-k prefix that is tried before a whole vocabulary is sorted


def uniforms(seed: int, task_id: str, first: int, count: int, length: int) -> np.ndarray:
    """Float64 (count, length) draws in [0, 1) for samples first .. first + count - 1 of a task.

    Philox, keyed by (seed, task), its counter set by the sample's number: a stream does not depend on process or time.
    """
    key = np.frombuffer(hashlib.sha256(f"{seed}|{task_id}".encode()).digest()[:16], dtype=np.uint64)
    rows = [
        np.random.Generator(np.random.Philox(key=key, counter=[0, sample, 0, 0])).random(length)
        for sample in range(first, first + count)
    ]
    return np.stack(rows) if rows else np.empty((0, length))


def nucleus_sample(logits: torch.Tensor, u: torch.Tensor, temperature: float, top_p: float) -> torch.Tensor:
    """Draw tokens from the nucleus of each row: the smallest set of most likely tokens whose mass reaches `top_p`.

    Args:
        logits: (B, V), any float dtype; -inf marks tokens that are not allowed.
        u: float64 (B, S), uniform in [0, 1); a token is the inverse CDF at u, so equal u give equal tokens.
        temperature: below GREEDY the most likely token is chosen.
        top_p: in (0, 1].

    Returns:
        int64 (B, S), S tokens of each row.

    Raises:
        ModelError: logits that are NaN or infinite, as of weights that overflow in float16.
    """
    logits = logits.float()
    largest = logits.amax(-1, keepdim=True)
    if not largest.isfinite().all():
        raise ModelError("the model's logits are not finite numbers; use --dtype float32, or other weights")
    if temperature < GREEDY:
        return logits.argmax(-1, keepdim=True).expand(u.shape)
    # One pass over the whole vocabulary gives its mass; only the few tokens that can be drawn are sorted. Terms below
    # e^-80 of the largest add nothing to a float32 sum, but denormal numbers would make it ten times slower.
    normaliser = (logits - largest).div_(temperature).clamp_(min=-80).exp_().sum(-1, keepdim=True).double()  # (B, 1)
    vocab_size = logits.shape[-1]
    drawn = torch.empty_like(u, dtype=torch.int64)
    open_rows = torch.arange(len(u), device=logits.device)
    for width in (*(width for width in WIDTHS if width < vocab_size and top_p < 1), vocab_size):
        left = logits if len(open_rows) == len(logits) else logits[open_rows]
        top, index = left.topk(width, dim=-1)  # (R, k), descending
        p = torch.exp((top - largest[open_rows]).double() / temperature) / normaliser[open_rows]
        mass = p.cumsum(-1)
        held = mass[:, -1] >= top_p if width < vocab_size else torch.ones_like(open_rows, dtype=torch.bool)
        drawn[open_rows[held]] = _draw(p[held], mass[held], index[held], u[open_rows[held]], top_p)
        open_rows = open_rows[~held]
        if not len(open_rows):
            break
    return drawn


def _draw(p: torch.Tensor, mass: torch.Tensor, index: torch.Tensor, u: torch.Tensor, top_p: float) -> torch.Tensor:
    """Token ids, int64 (R, S), from probabilities in falling order, float64 (R, k), with their running sum `mass`."""
    inside = (mass - p) < top_p if top_p < 1 else p > 0  # (R, k): true up to the token that reaches top_p
    last = inside.sum(-1, keepdim=True) - 1
    rank = torch.searchsorted(mass, u * mass.gather(-1, last), right=True)  # (R, S): sums that are at most the target
    return index.gather(-1, torch.minimum(rank, last))  # the minimum: rounding at the far end
