"""The bytes that each token of a vocabulary stands for, and token healing on top of them.

A prompt that ends inside what would have been one token (`return ` before ` x`, a newline before `\\n    x`) ends at a
place that the model never saw in training. Healing takes the last tokens back and constrains the model to tokens that
begin with their bytes: the text of the prompt stays, its tokens become those of training.
"""

import json
from typing import TYPE_CHECKING

import numpy as np

from nl2code.models import reading_text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


class TokenBytes:
    """Byte strings of all tokens of a fast tokenizer, byte-level BPE or SentencePiece-style.

    Attributes:
        table: `table[id]` is the token's bytes; None for special tokens and unused ids.
        special: ids of the special tokens.
    """

    def __init__(self, tokenizer: "PreTrainedTokenizerFast", vocab_size: int):
        """`vocab_size` is the width of the model's logits, which may exceed the tokenizer's vocabulary."""
        from transformers.convert_slow_tokenizer import bytes_to_unicode

        description = tokenizer.backend_tokenizer.to_str()
        self.tokenizer = reading_text(description)
        self._by_prefix: dict[bytes, np.ndarray] = {}
        byte_level = "ByteLevel" in json.dumps(json.loads(description)["decoder"])
        byte_of = {char: byte for byte, char in bytes_to_unicode().items()}  # of byte-level BPE's printable stand-ins
        added = tokenizer.added_tokens_decoder
        self.special = set(tokenizer.all_special_ids) | {index for index, token in added.items() if token.special}
        self.table: list[bytes | None] = [None] * vocab_size
        for text, index in tokenizer.get_vocab().items():
            if index in self.special or index >= vocab_size:
                continue
            if byte_level:  # added tokens are stored as plain text
                self.table[index] = text.encode() if index in added else bytes(byte_of[char] for char in text)
            elif len(text) == 6 and text.startswith("<0x") and text.endswith(">"):
                self.table[index] = bytes([int(text[3:5], 16)])
            else:
                self.table[index] = text.replace("\u2581", " ").encode()

    def allowed(self, pending: bytes) -> np.ndarray:
        """Ids, int64 (k,), of the tokens that begin with `pending` or are a non-empty beginning of it."""
        if pending not in self._by_prefix:
            self._by_prefix[pending] = np.array(
                [i for i, t in enumerate(self.table) if t and (t.startswith(pending) or pending.startswith(t))],
                dtype=np.int64,
            )
        return self._by_prefix[pending]

    def encode_healed(self, prompt: str, whole_characters: bool = False) -> tuple[list[int], bytes]:
        r"""Tokenize `prompt` without its end, which the first generated tokens spell again.

        Takes back every token that holds trailing white space of the prompt, and at least the last token. The text of
        a special token is text, as in training.

        Args:
            prompt: valid Unicode text.
            whole_characters: take back further tokens until `pending` begins with a whole character.

        Returns:
            (ids, pending): the tokens to condition on, and the bytes that the first generated tokens must spell. The
            bytes of `ids` followed by `pending` are exactly the prompt as the tokenizer normalises it (most change
            nothing; some compose characters or put a blank in front).
        """
        ids = self.tokenizer.encode(prompt, add_special_tokens=False).ids
        pieces = [self.table[i] or b"" if i < len(self.table) else b"" for i in ids]
        data = b"".join(pieces)
        body, end, kept = len(data.rstrip()), len(data), len(ids)
        # A token without bytes (unknown character) cannot be spelled again, so it is not taken back.
        while kept and pieces[kept - 1]:
            inside_character = whole_characters and end < len(data) and 0x80 <= data[end] < 0xC0
            if not (kept == len(ids) or end > body or inside_character):
                break
            kept -= 1
            end -= len(pieces[kept])
        return ids[:kept], data[end:]
