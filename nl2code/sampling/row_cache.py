"""Key/value cache of a batch whose rows join and leave at any step, each with its own prompt.

All rows end in the same column, so that a decoding step writes one column and reads one slice. Little is copied: a
joining row brings the keys and values of its prompt and of the tokens that it has written, and the last row moves to the
place of a leaving one. Alignment on the right is correct for every causal model, with local attention (GPT-Neo) too.

    columns    first            end          row 0: a long prompt, 5 tokens written since
    row 0      p p p p p p t t t t t         row 1: joined three steps ago
    row 1      . . . . . p p p t t t

Keys and values of all layers lie in one tensor, where their shapes are alike, so that a copy is one operation.
"""

from itertools import chain
from weakref import proxy

import torch
from transformers import Cache
from transformers.cache_utils import CacheLayerMixin

from nl2code.sampling.branches import Branch, States

SLACK = 64  # columns beyond the longest row; when they are used up, all rows move back to the left


class RowLayer(CacheLayerMixin):
    """Keys and values of one layer, (rows, heads, columns, head size); see `RowCache`."""

    def __init__(self, cache: "RowCache"):
        super().__init__()
        self.cache = proxy(cache)  # so that its memory is free as soon as nobody uses it

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Nothing: `RowCache.take` makes room in all layers."""

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
    """The cache of up to `rows` rows with prompts of at most `prompt_length` and `new_length` more tokens.

    Attributes:
        room: (parts, rows, heads, columns, head size), one tensor for each shape that keys and values have.
        parts: which part each of them holds: 2 l are the keys of layer l, 2 l + 1 its values.
        starts: first column of each live row; live ones are the first.
        first: first column in use.
        end: the column that the next token is written to.
    """

    layer_type = RowLayer

    def __init__(self, layers: int, rows: int, prompt_length: int, new_length: int, device: torch.device):
        self.rows, self.longest, self.device = rows, prompt_length + new_length, device
        self.columns = self.longest + SLACK
        self.room: list[torch.Tensor] = []
        self.parts: list[list[int]] = []
        self.starts: list[int] = []
        self.first = self.end = self.longest  # so that a row of any length can join
        super().__init__(layers=[self.layer_type(self) for _ in range(layers)])

    @property
    def live(self) -> int:
        """Rows in use."""
        return len(self.starts)

    def take(self, layers: list[CacheLayerMixin], row: int, length: int) -> States:
        """Copies of the first `length` keys and values of a row, from the layers of another cache of this model.

        Returns:
            As `room`, without rows: (parts, heads, length, head size).
        """
        tensors = [states for layer in layers for states in (layer.keys, layer.values)]
        if not self.room:
            self._make_room(tensors)
        return [torch.stack([tensors[part][row, :, :length] for part in parts]) for parts in self.parts]

    def _make_room(self, tensors: list[torch.Tensor]) -> None:
        """Lay out `room` for keys and values like these, (B, heads, tokens, head size)."""
        alike: dict[tuple[int, int], list[int]] = {}
        for part, states in enumerate(tensors):
            alike.setdefault((states.shape[1], states.shape[3]), []).append(part)
        self.parts = list(alike.values())
        self.room = self._spread(tensors, self.rows, self.columns, ("keys", "values"))

    def _spread(self, tensors: list[torch.Tensor], rows: int, columns: int, names: tuple[str, str]) -> States:
        """Zeros for keys and values like these, (parts, rows, heads, columns, head size); layers get theirs by name."""
        found = []
        for parts in self.parts:
            _, heads, _, size = tensors[parts[0]].shape
            found.append(tensors[0].new_zeros(len(parts), rows, heads, columns, size))
            for part, states in zip(parts, found[-1], strict=True):
                setattr(self.layers[part // 2], names[part % 2], states)
        return found

    def join(self, branch: Branch) -> None:
        """Add a row, as the last one, with the keys and values of a branch and its prompt."""
        self._append(branch.prompt_states, branch.states)

    def _append(self, *pieces: States) -> None:
        """Add a row with these keys and values, one piece behind the other; pieces may be empty."""
        found = [states for states in pieces if states]
        start = self.end - sum(states[0].shape[2] for states in found)
        self.starts.append(start)
        self.first = min(self.starts)
        for states in found:
            stop = start + states[0].shape[2]
            for room, part in zip(self.room, states, strict=True):
                room[:, self.live - 1, :, start:stop] = part
            start = stop

    def newest(self, row: int, count: int) -> States:
        """Copies of the last `count` keys and values of a row, as of `take`."""
        return [room[:, row, :, self.end - count : self.end].clone() for room in self.room]

    def leave(self, row: int) -> None:
        """Remove a row; the last one takes its number."""
        last, start = self.live - 1, self.starts.pop()
        if row < last:
            for room in self.room:
                room[:, row, :, start : self.end] = room[:, last, :, start : self.end]
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
        for states in chain.from_iterable(self.room):  # one part at a time, since each is copied twice
            live = states[: self.live]
            live[:, :, self.first - SLACK : self.longest] = live[:, :, self.first : self.end].clone()
        self.starts = [start - SLACK for start in self.starts]
        self.first, self.end = self.first - SLACK, self.longest
