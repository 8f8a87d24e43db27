"""The generation engine: completions of many prompts, by exact nucleus sampling, deterministic per sample.

Sample i of a task draws from its own random stream (`nucleus.uniforms`), so batch size, number of workers and restarts
change nothing but the rounding of the logits. A prompt is computed once for all its samples, and so is what several of
them write alike (`nl2code.sampling.branches`). A row ends as soon as its text is decided (end token, or a `first_block`
boundary); samples that differ from another row, or those of the next prompt, take its place in the batch
(`nl2code.sampling.row_cache`, on CPUs `shared_prompt`).
"""

from collections import deque
from functools import partial
from itertools import chain, islice

import numpy as np
import torch
from transformers import DynamicCache, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

from nl2code.models import ModelError
from nl2code.sampling.branches import Branch, Prompt
from nl2code.sampling.nucleus import nucleus_sample, uniforms
from nl2code.sampling.prompts import BATCH_SIZE, Completion, PromptEncoder, Request
from nl2code.sampling.row_cache import RowCache
from nl2code.sampling.shared_prompt import SharedCache, share_prompts
from nl2code.sampling.truncation import BOUNDARIES

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
        waiting = self._roots(requests, max_new_tokens, seed, boundaries)
        sizes = {
            "layers": self.model.config.num_hidden_layers,
            "rows": min(batch_size, sum(request.count for request in requests)),
            "prompt_length": max((len(root.prompt.ids) for root in waiting), default=0),
            "new_length": max_new_tokens,
            "device": self.model.device,
        }
        shares = share_prompts(self.model)
        cache = SharedCache(**sizes, slots=min(sizes["rows"], len(waiting))) if shares else RowCache(**sizes)
        found: dict[int, Completion] = {}  # by place
        draw = partial(self._draw, temperature=temperature, top_p=top_p, found=found)
        ready: list[Branch] = []  # with a token to go on from, but no row yet
        live: list[Branch] = []  # one for each row
        while waiting or ready or live:
            while len(live) < cache.rows and (ready or waiting):
                if not ready:
                    begun = _enough(waiting, cache.rows - len(live))
                    ready = [*chain(*draw(self._read(begun, cache), begun))]
                    del begun  # their states are to go with their samples
                else:
                    live.append(ready.pop())
                    cache.join(live[-1])
                    live[-1].take_row()
            if not live:
                continue
            tokens = torch.tensor([[branch.token] for branch in live], device=self.model.device)  # (B, 1)
            output = self.model(input_ids=tokens, **cache.inputs(self.model.dtype))
            cache.advance()
            parts = draw(output.logits[:, -1], live)
            for row in reversed(range(len(live))):  # a row that leaves gives its number to the last one
                if not parts[row]:
                    cache.leave(row)
                    live[row] = live[-1]
                    live.pop()
                    continue
                live[row], *others = parts[row]
                if others:
                    states = cache.newest(row, live[row].num_tokens - 1)
                    for branch in others:
                        branch.states = states
                    ready += others
                    live[row].take_row()
        places = iter(range(len(found)))
        return [[found[place] for place in islice(places, request.count)] for request in requests]

    def _roots(
        self, requests: list[Request], max_new_tokens: int, seed: int, boundaries: tuple[str, ...]
    ) -> deque[Branch]:
        """A branch for each different prompt, with all of its samples, none begun."""
        alike: dict[str, list[tuple[range, np.ndarray]]] = {}
        place = 0
        for request in (request for request in requests if request.count):
            draws = uniforms(seed, request.task_id, request.first, request.count, max_new_tokens)
            alike.setdefault(request.prompt, []).append((range(place, place + request.count), draws))
            place += request.count
        roots: deque[Branch] = deque()
        for text, groups in alike.items():
            ids, pending = self.encode(text, max_new_tokens)
            places, draws = zip(*groups, strict=True)
            roots.append(Branch(Prompt(ids), [*chain(*places)], np.concatenate(draws), boundaries, pending))
        return roots

    def _read(self, roots: list[Branch], cache: RowCache) -> torch.Tensor:
        """Fill in the states of the prompts of branches that have not begun, those of like lengths together.

        They are padded on the right, where causal attention keeps the padding out.

        Returns:
            Logits of their next tokens, (B, V).
        """
        logits: dict[Prompt, torch.Tensor] = {}
        unread = sorted(roots, key=lambda root: len(root.prompt.ids))
        while unread:
            longest = len(unread[-1].prompt.ids)
            count = max(1, PROMPT_TOKENS // longest)
            batch, unread = unread[-count:], unread[:-count]
            rows = [root.prompt.ids + [0] * (longest - len(root.prompt.ids)) for root in batch]
            ids = torch.tensor(rows, device=self.model.device)  # (P, T)
            ends = sorted({len(root.prompt.ids) - 1 for root in batch})
            states, keep = DynamicCache(), torch.tensor(ends, device=self.model.device)
            output = self.model(input_ids=ids, past_key_values=states, use_cache=True, logits_to_keep=keep)
            for row, root in enumerate(batch):
                length = len(root.prompt.ids)
                logits[root.prompt] = output.logits[row, ends.index(length - 1)].clone()  # (V,)
                root.prompt_states = cache.take(states.layers, row, length)
        return torch.stack([logits[root.prompt] for root in roots])

    def _draw(
        self,
        logits: torch.Tensor,
        branches: list[Branch],
        temperature: float,
        top_p: float,
        found: dict[int, Completion],
    ) -> list[list[Branch]]:
        """Give each sample its next token, drawn from its branch's logits (B, V); enter those that end in `found`.

        Returns:
            The parts of each branch that go on.
        """
        logits = self._constrain(logits, [branch.pending for branch in branches])
        u = np.zeros((len(branches), max(len(branch.places) for branch in branches)))
        for row, branch in enumerate(branches):
            u[row, : len(branch.places)] = branch.next_draws
        drawn = nucleus_sample(logits, torch.from_numpy(u).to(logits.device), temperature, top_p).cpu().numpy()
        parts = [branch.split(tokens[: len(branch.places)]) for branch, tokens in zip(branches, drawn, strict=True)]
        for branch in chain.from_iterable(parts):
            branch.push(None if branch.token in self.stop_ids else self.tokens.table[branch.token])
            if branch.finish:
                found.update(dict.fromkeys(branch.places, branch.completion()))
        return [[branch for branch in group if not branch.finish] for group in parts]

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


def _enough(waiting: deque[Branch], rows: int) -> list[Branch]:
    """Taken from the front: as many as fill the rows if all of their samples differ; at least one."""
    taken, samples = [], 0
    while waiting and samples < rows:
        taken.append(waiting.popleft())
        samples += len(taken[-1].places)
    return taken


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
