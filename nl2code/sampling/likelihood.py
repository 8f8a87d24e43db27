"""How likely a model finds a given text after a context: the negative log-likelihood that training minimises."""

from typing import TYPE_CHECKING

import torch

from nl2code.sampling.prompts import PromptError

if TYPE_CHECKING:
    from nl2code.sampling.engine import Sampler


@torch.inference_mode()
def mean_nll(sampler: "Sampler", context: str, text: str) -> float:
    """Mean negative log-likelihood, in nats per token, of `text` after `context`.

    Both are encoded as one text behind a bos, as documents of training are. A token that holds the end of the context
    and the beginning of the text counts as one of the text.

    Args:
        sampler: an `nl2code.sampling.Sampler`.
        context: any text; may be empty.
        text: not empty.

    Raises:
        PromptError: the two exceed the model's context, or there is no token in front of the text.
    """
    ids = sampler.tokens.tokenizer.encode(context + text, add_special_tokens=False).ids
    count = _tokens_of_end([sampler.tokens.table[i] or b"" for i in ids], len(text.encode()))
    ids = ([] if sampler.bos is None else [sampler.bos]) + ids
    if sampler.context and len(ids) > sampler.context:
        raise PromptError(
            f"{len(ids)} tokens exceed the context of {sampler.context}; leave its problem out of the problem file"
        )
    if not 0 < count < len(ids):
        raise PromptError(f"no token stands in front of {text[:40]!r}; give a tokenizer with a bos or eos token")
    tokens = torch.tensor([ids], device=sampler.model.device)  # (1, T)
    logits = sampler.model(input_ids=tokens, use_cache=False, logits_to_keep=count + 1).logits[0, -count - 1 : -1]
    return torch.nn.functional.cross_entropy(logits.float(), tokens[0, -count:]).item()  # logits: (count, V)


def _tokens_of_end(pieces: list[bytes], length: int) -> int:
    """How many of the last tokens hold the last `length` bytes.

    >>> _tokens_of_end([b"x", b" =", b" f", b"(1)"], 4)
    2
    """
    count = 0
    while length > 0 and count < len(pieces):
        count += 1
        length -= len(pieces[-count])
    return count
