"""The bytes that each token of a vocabulary stands for, and token healing on top of them.

A prompt that ends inside what would have been one token (`return ` before ` x`, a newline before `\\n    x`) is cut
where the model was never trained to go on. Healing backs up over the last tokens and lets the model choose again, among
tokens that begin with the bytes taken back: the text stays the prompt's, the tokens become the ones training has seen.
"""

import json

import numpy as np


def _gpt2_byte_decoder() -> dict[str, int]:
    """The printable stand-ins of byte-level BPE (GPT-2's table), mapped back to byte values."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    table = {chr(byte): byte for byte in printable}
    table.update((chr(256 + i), byte) for i, byte in enumerate(b for b in range(256) if b not in printable))
    return table


class TokenBytes:
    """Byte strings of all tokens of a fast tokenizer, byte-level BPE or SentencePiece-style.

    Attributes:
        table: `table[id]` is the token's bytes; None for special tokens and unused ids.
    """

    def __init__(self, tokenizer, vocab_size: int):
        """`vocab_size` is the width of the model's logits, which may exceed the tokenizer's vocabulary."""
        self.tokenizer = tokenizer
        self._by_prefix: dict[bytes, np.ndarray] = {}
        decoder = json.loads(tokenizer.backend_tokenizer.to_str())["decoder"]
        byte_level = "ByteLevel" in json.dumps(decoder)
        mapping = _gpt2_byte_decoder()
        special = set(tokenizer.all_special_ids)
        self.table: list[bytes | None] = [None] * vocab_size
        for text, index in tokenizer.get_vocab().items():
            if index in special or index >= vocab_size:
                continue
            if index in tokenizer.added_tokens_decoder:
                self.table[index] = text.encode()  # added tokens are stored as plain text in either scheme
            elif byte_level:
                self.table[index] = bytes(mapping[char] for char in text)
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

    def encode_healed(self, prompt: str) -> tuple[list[int], bytes]:
        r"""Tokenize `prompt` but for its healable end.

        Takes back every token that holds trailing white space of the prompt, and at least the last token.

        Returns:
            (ids, pending): the tokens to condition on, and the bytes that the first generated tokens must spell;
            the bytes of `ids` followed by `pending` are the prompt's, exactly.
        """
        ids = self.tokenizer(prompt, add_special_tokens=False).input_ids
        data = prompt.encode("utf-8", "surrogateescape")
        lengths = [len(self.table[i] or b"") for i in ids]
        if b"".join(self.table[i] or b"" for i in ids) != data:
            # SentencePiece puts a blank in front of the text; drop it from the count of the first token.
            lengths[0] -= sum(lengths) - len(data)
        body = len(data.rstrip())
        end, kept = len(data), len(ids)
        while kept and (kept == len(ids) or end > body):
            kept -= 1
            end -= lengths[kept]
        return ids[:kept], data[end:]
