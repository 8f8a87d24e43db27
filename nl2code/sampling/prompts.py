"""What the engines share: requests, completions, and how a prompt becomes token ids."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nl2code.errors import UserError
from nl2code.models import document_ends
from nl2code.sampling.token_bytes import TokenBytes
from nl2code.sampling.truncation import BOUNDARIES, first_block

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


BATCH_SIZE, GPU_BATCH_SIZE = 128, 512  # rows decoded together by default: on a CPU, on a GPU


class PromptError(UserError):
    """A prompt that the model cannot read: too long (PromptTooLong), empty without a bos token, or no valid text."""


class PromptTooLong(PromptError):
    """A prompt that exceeds the model's context, together with what is to be written."""


@dataclass(frozen=True)
class Request:
    """Samples first .. first + count - 1 of a task, to be completed from one prompt."""

    prompt: str
    task_id: str
    first: int
    count: int


@dataclass(frozen=True)
class Completion:
    """One sample. `raw` is all text written after the prompt, `text` its truncated form (`first_block`)."""

    text: str
    raw: str
    num_tokens: int  # 0 where a server does not say
    finish: str  # "eos", "boundary" or "length"
    answer: str | None = None  # of a chat model: all that it wrote, `raw` was found in it

    @classmethod
    def finished(cls, raw: str, num_tokens: int, reason: str | None, answer: str | None = None) -> "Completion":
        """A completion by an engine that stops by itself and tells the `finish_reason` of OpenAI's protocol."""
        boundary = any(end in raw for end in BOUNDARIES)
        finish = "boundary" if boundary else "length" if reason == "length" else "eos"
        return cls(first_block(raw), raw, num_tokens, finish, answer)

    def fields(self) -> dict:
        """What a sample file keeps of it."""
        return {"raw": self.raw, "finish": self.finish} | ({} if self.answer is None else {"answer": self.answer})


def sample_seed(seed: int, task_id: str, sample: int) -> int:
    """The seed of one sample for an engine that has its own random streams: 32 bits."""
    return int.from_bytes(hashlib.sha256(f"{seed}|{task_id}|{sample}".encode()).digest()[:4], "little")


def valid_text(prompt: str) -> str:
    """The prompt itself. Raises PromptError where it cannot be written as UTF-8."""
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise PromptError(f"prompt {prompt[:40]!r} is no valid text ({error.reason}); correct it") from None
    return prompt


class PromptEncoder:
    """Base class of the engines: prompts to token ids.

    Attributes:
        tokens: bytes of each token.
        stop_ids: ids that end a sample: all special tokens, and the model's own end tokens.
        context: tokens that the model can attend to; None for no limit.
    """

    whole_characters = False  # whether the pending bytes must be whole characters

    def __init__(
        self,
        tokenizer: "PreTrainedTokenizerFast",
        vocab_size: int,
        context: int | None,
        end_ids: int | list[int] | None = None,
    ):
        self.tokens = TokenBytes(tokenizer, vocab_size)
        self.stop_ids = self.tokens.special | set([end_ids] if isinstance(end_ids, int) else end_ids or ())
        self.bos = document_ends(tokenizer)[0]
        self.context = context

    def encode(self, prompt: str, max_new_tokens: int) -> tuple[list[int], bytes]:
        """Token ids to condition on ([bos] + prompt, as in training) and the pending bytes (see `TokenBytes`).

        Raises:
            PromptError: naming the lengths, the limit and the fix.
        """
        ids, pending = self.tokens.encode_healed(valid_text(prompt), self.whole_characters)
        ids = ([] if self.bos is None else [self.bos]) + ids
        if max(ids, default=0) >= len(self.tokens.table):
            size = len(self.tokens.table)
            raise PromptError(
                f"token {max(ids)} exceeds the model's vocabulary of {size}; use the model's own tokenizer"
            )
        if self.context and len(ids) + max_new_tokens > self.context:
            raise PromptTooLong(
                f"prompt of {len(ids)} tokens + {max_new_tokens} new ones exceed the context of {self.context}; "
                "shorten the prompt or lower the number of new tokens"
            )
        if not ids:
            raise PromptError("an empty prompt needs a tokenizer with a bos or eos token; give it one")
        return ids, pending
