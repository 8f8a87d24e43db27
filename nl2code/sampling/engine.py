"""The generation engine: completions of many prompts, by exact nucleus sampling, deterministic per sample.

Sample i of a task draws from its own random stream (`nucleus.uniforms`), so batch size, number of workers and restarts
change nothing but the rounding of the logits. A prompt is computed once for all its samples. A row ends as soon as its
text is decided (end token, or a `first_block` boundary); the next sample, of the same prompt or another, takes its place
in the batch (`nl2code.sampling.row_cache`, on CPUs `shared_prompt`).
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
import torch
from transformers import DynamicCache, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

from nl2code.models import ModelError
from nl2code.sampling.nucleus import nucleus_sample, uniforms
from nl2code.sampling.prompts import BATCH_SIZE, Completion, PromptEncoder, Request
from nl2code.sampling.row_cache import RowCache
from nl2code.sampling.shared_prompt import SharedCache, share_prompts
from nl2code.sampling.truncation import BOUNDARIES, first_block

PROMPT_TOKENS = 1024  # of prompts that are computed together, padding included


class Sampler(PromptEncoder):
    """A model with its tokenizer's byte table, ready to complete prompts. Raises ModelError (see `context_of`)."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast):
        self.model = model
        self.vocab_size = model.get_output_embeddings().out_features
        ends = model.generation_config.eos_token_id
        super().__init__(tokenizer, self.vocab_size, context_of(model.config), ends)

    def sample(self, prompt: str, n: int, *, task_id: str, first: int = 0, **settings) -> list[Completion]:
        """Samples first .. first + n - 1 of one task, in order; settings as in `sample_many`."""
        return self.sample_many([Request(prompt, task_id, first, n)], **settings)[0]

    @torch.inference_mode()
    def sample_many(
        self,
        requests: list[Request],
        *,
        temperature: float,
        top_p: float,
        max_new_tokens: int,
        seed: int,
        batch_size: int = BATCH_SIZE,
        boundaries: tuple[str, ...] = BOUNDARIES,
    ) -> list[list[Completion]]:
        """The completions of each request, in order.

        Args:
            requests: prompts with the samples wanted of each.
            temperature: 0 is greedy.
            top_p: nucleus mass, in (0, 1].
            max_new_tokens: maximum number of tokens per sample.
            seed: seed of the random streams.
            batch_size: rows decoded together.
            boundaries: texts that end a completion, and are cut off with what follows; () for none.

        Raises:
            PromptError: see `encode`.
        """
        prompts: dict[str, _Prompt] = {}
        rows = [self._rows(request, prompts, max_new_tokens, seed, boundaries) for request in requests]
        waiting = deque(row for group in rows for row in group)
        sizes = {
            "layers": self.model.config.num_hidden_layers,
            "rows": min(batch_size, len(waiting)),
            "prompt_length": max((len(row.prompt.ids) for row in waiting), default=0),
            "new_length": max_new_tokens,
            "device": self.model.device,
        }
        shares = share_prompts(self.model)
        cache = SharedCache(**sizes, slots=min(sizes["rows"], len(prompts))) if shares else RowCache(**sizes)
        live: list[_Row] = []
        while waiting or live:
            while waiting and len(live) < cache.rows:
                fresh = [waiting.popleft() for _ in range(min(cache.rows - len(live), len(waiting)))]
                self._read([row.prompt for row in fresh])
                logits = torch.stack([row.prompt.logits for row in fresh])  # (F, V)
                self._draw(logits, fresh, temperature, top_p)
                for row in fresh:
                    if row.finish is None:
                        cache.join(row.prompt)
                        live.append(row)
                    row.prompt.release()
            if not live:
                continue
            tokens = torch.tensor([[row.token] for row in live], device=self.model.device)  # (B, 1)
            output = self.model(input_ids=tokens, **cache.inputs(self.model.dtype))
            cache.advance()
            self._draw(output.logits[:, -1], live, temperature, top_p)
            for k in reversed(range(len(live))):
                if live[k].finish:
                    cache.leave(k)
                    live[k] = live[-1]
                    live.pop()
        return [[row.completion() for row in group] for group in rows]

    def _rows(
        self, request: Request, prompts: dict, max_new_tokens: int, seed: int, boundaries: tuple[str, ...]
    ) -> list["_Row"]:
        """The samples of a request, none begun; equal prompts are shared."""
        if request.prompt not in prompts:
            prompts[request.prompt] = _Prompt(*self.encode(request.prompt, max_new_tokens))
        prompt = prompts[request.prompt]
        prompt.waiting += request.count
        draws = uniforms(seed, request.task_id, request.first, request.count, max_new_tokens)
        return [_Row(prompt, u, prompt.pending, boundaries) for u in draws]

    def _read(self, prompts: list["_Prompt"]) -> None:
        """Fill in logits and cache of the prompts that have none, those of like lengths together.

        They are padded on the right, where causal attention keeps the padding out.
        """
        unread = sorted({id(p): p for p in prompts if p.logits is None}.values(), key=lambda p: len(p.ids))
        while unread:
            longest = len(unread[-1].ids)
            count = max(1, PROMPT_TOKENS // longest)
            batch, unread = unread[-count:], unread[:-count]
            ids = torch.tensor(
                [p.ids + [0] * (longest - len(p.ids)) for p in batch], device=self.model.device
            )  # (P, T)
            ends = sorted({len(p.ids) - 1 for p in batch})
            cache, keep = DynamicCache(), torch.tensor(ends, device=self.model.device)
            output = self.model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=keep)
            for row, prompt in enumerate(batch):
                length = len(prompt.ids)
                prompt.logits = output.logits[row, ends.index(length - 1)].clone()  # (V,)
                prompt.cache = [(layer.keys[row, :, :length], layer.values[row, :, :length]) for layer in cache.layers]

    def _draw(self, logits: torch.Tensor, rows: list["_Row"], temperature: float, top_p: float) -> None:
        """Give each row its next token, drawn from logits (B, V)."""
        logits = self._constrain(logits, [row.pending for row in rows])
        u = torch.tensor([row.draws[row.num_tokens] for row in rows], dtype=torch.float64, device=logits.device)
        for row, token in zip(rows, nucleus_sample(logits, u, temperature, top_p).tolist(), strict=True):
            row.push(token, self.tokens.table[token], token in self.stop_ids)

    def _constrain(self, logits: torch.Tensor, pending: list[bytes]) -> torch.Tensor:
        """Set the logits of tokens that disagree with a row's pending bytes to -inf."""
        if not any(pending):
            return logits
        logits = logits.clone()
        for text in set(filter(None, pending)):
            mask = torch.ones(self.vocab_size, dtype=torch.bool, device=logits.device)
            mask[torch.from_numpy(self.tokens.allowed(text)).to(logits.device)] = False
            rows = torch.tensor([k for k, p in enumerate(pending) if p == text], device=logits.device)
            logits[rows] = logits[rows].masked_fill(mask, float("-inf"))
        return logits


@dataclass
class _Prompt:
    """A prompt that several samples share; its cache and logits are kept until the last of them has begun.

    Attributes:
        cache: keys and values of each layer, (heads, tokens, head size).
    """

    ids: list[int]
    pending: bytes  # taken back by healing
    waiting: int = 0  # samples that have not begun
    cache: list[tuple[torch.Tensor, torch.Tensor]] | None = None
    logits: torch.Tensor | None = None

    def release(self) -> None:
        self.waiting -= 1
        if not self.waiting:
            self.cache = self.logits = None


@dataclass
class _Row:
    """One sample as it grows."""

    prompt: _Prompt
    draws: np.ndarray  # float64 (max_new_tokens,)
    pending: bytes  # bytes of the prompt that are still to be spelled
    boundaries: tuple[str, ...] = BOUNDARIES
    text: bytes = b""  # without the bytes that belong to the prompt
    num_tokens: int = 0
    token: int = -1
    finish: str | None = None

    def push(self, token: int, data: bytes | None, stop: bool) -> None:
        self.token = token
        self.num_tokens += 1
        if stop or data is None:
            self.finish = "eos"
            return
        healed = min(len(self.pending), len(data))
        self.pending, data = self.pending[healed:], data[healed:]
        before, self.text = len(self.text), self.text + data
        # A boundary may straddle the old end.
        if any(self.text.find(end.encode(), max(0, before - len(end) + 1)) >= 0 for end in self.boundaries):
            self.finish = "boundary"
        elif self.num_tokens == len(self.draws):
            self.finish = "length"

    def completion(self) -> Completion:
        assert self.finish, "the sample goes on"
        raw = self.text.decode("utf-8", "replace")
        return Completion(first_block(raw, self.boundaries), raw, self.num_tokens, self.finish)


def context_of(config: PreTrainedConfig) -> int | None:
    """Tokens that a model can attend to, None where its configuration sets no limit.

    Raises:
        ModelError: some layers do not use a key/value cache (Mamba, linear attention), or the attention takes no 4-D mask.
    """
    if config.model_type == "bloom" or getattr(config, "alibi", False):  # MPT's ALiBi needs no mask
        raise ModelError(
            f"{config.model_type} makes its ALiBi from a 2-D attention mask; only attention that takes a 4-D mask is "
            "supported: use another model"
        )
    kinds = set(getattr(config, "layer_types", None) or ())
    if kinds - {"full_attention", "sliding_attention"}:
        raise ModelError(
            f"{config.model_type} has layers of kind {', '.join(sorted(kinds))}; only attention with a key/value cache "
            "is supported: use another model"
        )
    limits = [getattr(config, "max_position_embeddings", None)]
    if "sliding_attention" in kinds or (not kinds and getattr(config, "use_sliding_window", True)):
        limits.append(getattr(config, "sliding_window", None))  # within the window it is full attention
    return min(filter(None, limits), default=None)
