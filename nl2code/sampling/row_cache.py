"""Key/value cache of a batch whose rows join and leave at any step, each with its own prompt.

All rows end in the same column, so that a decoding step writes one column and reads one slice. Little is copied: a
joining row brings the keys and values of its prompt, and the last row moves to the place of a leaving one. Alignment on
the right is correct for every causal model, with local attention (GPT-Neo) too.

    columns    first            end          row 0: a long prompt, 5 tokens written since
    row 0      p p p p p p t t t t t         row 1: joined three steps ago
    row 1      . . . . . p p p t t t
"""

from collections.abc import Iterator

import torch
from transformers import Cache
from transformers.cache_utils import CacheLayerMixin

SLACK = 64  # columns beyond the longest row; when they are used up, all rows move back to the left


class RowLayer(CacheLayerMixin):
    """Keys and values of one layer, (rows, heads, columns, head size); see `RowCache`."""

    def __init__(self, cache: "RowCache"):
        super().__init__()
        self.cache = cache

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        self.keys, self.values = (
            states.new_zeros(self.cache.rows, states.shape[1], self.cache.columns, states.shape[3])
            for states in (key_states, value_states)
        )
        self.is_initialized = True

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *args, **kwargs):
        """Write one column, (live, heads, 1, head size), and return what is to be attended to."""
        live, first, end = self.cache.live, self.cache.first, self.cache.end
        self.keys[:live, :, end : end + 1] = key_states
        self.values[:live, :, end : end + 1] = value_states
        return self.keys[:live, :, first : end + 1], self.values[:live, :, first : end + 1]

    def get_seq_length(self) -> int:
        return self.cache.end - self.cache.first

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.get_seq_length() + query_length, 0

    def get_max_length(self) -> int:
        return self.cache.columns


class RowCache(Cache):
    """The cache of up to `rows` rows with prompts of at most `prompt_length` and `new_length` more tokens."""

    layer_type = RowLayer

    def __init__(self, layers: int, rows: int, prompt_length: int, new_length: int, device: torch.device):
        self.rows, self.prompt_length, self.columns = rows, prompt_length, prompt_length + new_length + SLACK
        self.device = device
        self.starts: list[int] = []  # first column of each live row; live ones are the first
        self.first = self.end = prompt_length  # first column in use; the one that the next token is written to
        super().__init__(layers=[self.layer_type(self) for _ in range(layers)])

    @property
    def live(self) -> int:
        """Rows in use."""
        return len(self.starts)

    def join(self, prompt) -> None:
        """Add a row, as the last one, with the keys and values of a prompt: its `cache`, see `engine`."""
        row, length = self.live, len(prompt.ids)
        for layer, keys, values in self._states_of(prompt):
            layer.keys[row, :, self.end - length : self.end] = keys
            layer.values[row, :, self.end - length : self.end] = values
        self.starts.append(self.end - length)
        self.first = min(self.starts)

    def _states_of(self, prompt) -> Iterator[tuple[RowLayer, torch.Tensor, torch.Tensor]]:
        """Each layer with the keys and values that a prompt has for it, (heads, tokens, head size)."""
        for layer, (keys, values) in zip(self.layers, prompt.cache, strict=True):
            if not layer.is_initialized:
                layer.lazy_initialization(keys[None], values[None])
            yield layer, keys, values

    def leave(self, row: int) -> None:
        """Remove a row; the last one takes its number."""
        last, start = self.live - 1, self.starts.pop()
        if row < last:
            for layer in self.layers:
                layer.keys[row, :, start : self.end] = layer.keys[last, :, start : self.end]
                layer.values[row, :, start : self.end] = layer.values[last, :, start : self.end]
            self.starts[row] = start
        self.first = min(self.starts, default=self.end)

    def inputs(self, dtype: torch.dtype) -> dict:
        """The model's inputs besides a token for each live row: this cache, attention mask and positions."""
        starts = torch.tensor(self.starts, device=self.device)[:, None]
        columns = torch.arange(self.first, self.end + 1, device=self.device)
        mask = torch.zeros(self.live, len(columns), dtype=dtype, device=self.device)
        mask.masked_fill_(columns < starts, torch.finfo(dtype).min)  # additive, for eager and SDPA attention
        return {
            "past_key_values": self,
            "attention_mask": mask[:, None, None],  # (live, 1, 1, columns)
            "position_ids": self.end - starts,  # (live, 1)
            "use_cache": True,
        }

    def advance(self) -> None:
        """Make room for the next column."""
        self.end += 1
        if self.end < self.columns:
            return
        back = min(self.first, self.end - self.prompt_length)
        for layer in self.layers:
            for states in (layer.keys, layer.values):
                states[:, :, : self.end - back] = states[:, :, back : self.end].clone()
        self.starts = [start - back for start in self.starts]
        self.first, self.end = self.first - back, self.end - back
