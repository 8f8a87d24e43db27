"""Key/value cache and attention for rows that share prompts: a prompt is stored and read once for all of its rows.

A decoding step on a CPU spends up to half of its time on reading keys and values. Here a row has only its own tokens in
the batch (`RowCache`). The rows of a prompt attend to it together, as the queries of one product, and each to its own
tokens. The two results a and b become one softmax over both parts by their log-sum-exp (FlashAttention, Dao et al. 2022):

    attention = w a + (1 - w) b,    w = sigmoid(lse_a - lse_b)
"""

import torch
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from nl2code.sampling.branches import Branch, Prompt
from nl2code.sampling.row_cache import RowCache, RowLayer

NAME = "shared_prompt"
# Models whose attention is a softmax of scaled products and no more, without a bias, a cap or sinks.
MODEL_TYPES = ("llama", "mistral", "qwen2", "qwen3", "smollm3")


class SharedLayer(RowLayer):
    """Keys and values of one layer: those of prompts, (slots, heads, tokens, head size), beside those of `RowLayer`."""

    prompt_keys: torch.Tensor
    prompt_values: torch.Tensor

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *args, **kwargs):
        keys, values = super().update(key_states, value_states)
        keys.shared_layer = self  # for `attention`, which gets these keys as they are
        return keys, values


class SharedCache(RowCache):
    """As `RowCache`, for rows of at most `slots` prompts at a time.

    Attributes:
        prompt_room: as `room`, for prompts: (parts, slots, heads, tokens, head size).
        prompts: that of each slot in use.
        slot_of: that of each live row.
        layout: see `_lay_out`; None where rows have joined or left.
    """

    layer_type = SharedLayer

    def __init__(self, layers: int, rows: int, slots: int, prompt_length: int, new_length: int, device: torch.device):
        super().__init__(layers, rows, 0, new_length, device)  # rows hold their own tokens alone
        self.slots, self.prompt_length = slots, prompt_length
        self.prompt_room: list[torch.Tensor] = []
        self.prompts: list[Prompt] = []
        self.slot_of: list[int] = []
        self.layout: tuple[torch.Tensor, ...] | None = None

    def _make_room(self, tensors: list[torch.Tensor]) -> None:
        super()._make_room(tensors)
        names = ("prompt_keys", "prompt_values")
        self.prompt_room = self._spread(tensors, self.slots, self.prompt_length, names)

    def join(self, branch: Branch) -> None:
        prompt = branch.prompt
        if prompt not in self.prompts:
            for room, states in zip(self.prompt_room, branch.prompt_states, strict=True):
                room[:, len(self.prompts), :, : len(prompt.ids)] = states
            self.prompts.append(prompt)
        self.slot_of.append(self.prompts.index(prompt))
        self._append(branch.states)
        self.layout = None

    def leave(self, row: int) -> None:
        super().leave(row)
        slot, self.slot_of[row] = self.slot_of[row], self.slot_of[-1]
        self.slot_of.pop()
        self.layout = None
        if slot not in self.slot_of:
            last, moved = len(self.prompts) - 1, self.prompts.pop()
            if slot < last:
                length = len(moved.ids)
                for room in self.prompt_room:
                    room[:, slot, :, :length] = room[:, last, :, :length]
                self.prompts[slot] = moved
                self.slot_of = [slot if other == last else other for other in self.slot_of]

    def inputs(self, dtype: torch.dtype) -> dict:
        self.layout = self.layout or self._lay_out(dtype)
        found = super().inputs(dtype)
        return found | {"position_ids": found["position_ids"] + self.layout[3]}

    def _lay_out(self, dtype: torch.dtype) -> tuple[torch.Tensor, ...]:
        """What is true until a row joins or leaves.

        Returns:
            Rows of each slot, (slots, R), filled up with 0; place of each row in it, (live,); mask (slots, 1, 1, tokens);
            tokens of each row's prompt, (live, 1).
        """
        members: list[list[int]] = [[] for _ in self.prompts]
        for row, slot in enumerate(self.slot_of):
            members[slot].append(row)
        most = max(map(len, members))
        order = torch.tensor([rows + [0] * (most - len(rows)) for rows in members], device=self.device)
        places = torch.empty(self.live, dtype=torch.long, device=self.device)
        for slot, rows in enumerate(members):
            places[rows] = torch.arange(len(rows), device=self.device) + slot * most
        lengths = torch.tensor([len(prompt.ids) for prompt in self.prompts], device=self.device)[:, None]
        columns = torch.arange(int(lengths.max()), device=self.device)
        mask = torch.zeros(len(lengths), len(columns), dtype=dtype, device=self.device)
        mask.masked_fill_(columns >= lengths, torch.finfo(dtype).min)
        return order, places, mask[:, None, None], lengths[self.slot_of]


def attention(module, query, key, value, attention_mask, dropout=0.0, scaling=None, **kwargs):
    """An attention function of transformers: query (B, heads, 1, size) with the keys of `SharedLayer`, else as SDPA.

    Returns:
        (B, 1, heads, size), None
    """
    layer = getattr(key, "shared_layer", None)
    if layer is None:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
    flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    order, places, mask, _ = layer.cache.layout
    rows, heads, _, size = query.shape
    groups = key.shape[1]
    slots, most = order.shape
    query = query.reshape(rows, groups, heads // groups, size)  # (B, G, H, size)
    own, own_lse = flash(query, key, value, attn_mask=attention_mask, scale=scaling)
    together = query[order].transpose(1, 2).reshape(slots, groups, -1, size)  # (S, G, R H, size)
    keys, values = (states[:slots, :, : mask.shape[-1]] for states in (layer.prompt_keys, layer.prompt_values))
    seen, seen_lse = flash(together, keys, values, attn_mask=mask, scale=scaling)
    seen, seen_lse = (  # back to (B, G, H, ...)
        found.view(slots, groups, most, heads // groups, *found.shape[3:]).transpose(1, 2).flatten(0, 1)[places]
        for found in (seen, seen_lse)
    )
    weight = torch.sigmoid(seen_lse - own_lse)[..., None].to(own.dtype)
    return torch.lerp(own, seen, weight).reshape(rows, 1, heads, size), None


def share_prompts(model: PreTrainedModel) -> bool:
    """Give a model this attention where it can have it, on a CPU; whether it has."""
    able = model.config.model_type in MODEL_TYPES and model.config._attn_implementation in ("sdpa", NAME)
    if not able or model.device.type != "cpu":
        return False
    if model.config._attn_implementation != NAME:
        model.set_attn_implementation(NAME)
    return True


AttentionInterface.register(NAME, attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
