"""The loss of a causal LM without its logits: output layer and cross entropy in chunks of tokens (torch's own kernel).

Logits are (tokens, vocabulary) floats: 8 blocks of 256 tokens over 49,152 words take 400 MB, several times over in a
training step. `torch.nn.functional.linear_cross_entropy` computes them a chunk at a time, in the autocast dtype.
"""

import functools

import torch
from torch.nn import LinearCrossEntropyOptions
from torch.nn.functional import linear_cross_entropy
from transformers.modeling_outputs import CausalLMOutput

from nl2code.code_dataset import IGNORED_LABEL

# Chunks of 512 tokens, sums in the accumulation dtype: as fast as any other choice on CPUs, see docs/LOG.md.
OPTIONS = LinearCrossEntropyOptions(batch_chunk_size=512, acc_policy="accurate")
ROWS = 256  # the number of positions that reach the output layer is a multiple of it


def use_chunked_loss(model: torch.nn.Module, tolerance: float = 1e-4) -> bool:
    """Let `model(labels=...)` compute its loss in chunks, and return no logits with it; without labels it stays as it is.

    Args:
        model: a causal LM of transformers, or a peft model around one; changed in place.
        tolerance: largest relative difference from the model's own loss, measured on a few tokens.

    Returns:
        False where the model is left as it is: its loss is not cross entropy over one linear layer (scaled or capped
        logits, for example).
    """
    core = model.get_base_model() if hasattr(model, "get_base_model") else model
    head = core.get_output_embeddings()
    if not isinstance(head, torch.nn.Linear) or core.base_model is core:
        return False
    own = core.forward

    @functools.wraps(own)
    def forward(*args, labels=None, num_items_in_batch=None, **inputs):
        if labels is None:
            return own(*args, **inputs)
        hidden = core.base_model(*args, **inputs).last_hidden_state  # (B, T, D)
        return CausalLMOutput(loss=_loss(hidden, head, labels, num_items_in_batch))

    ids = (torch.arange(24, device=head.weight.device) * 7 % head.out_features).view(2, 12)
    labels = ids.masked_fill(ids % 5 == 0, IGNORED_LABEL)
    training = model.training
    model.eval()
    with torch.no_grad():
        expected = float(own(input_ids=ids, labels=labels).loss)
        found = float(forward(input_ids=ids, labels=labels).loss)
    model.train(training)
    if not abs(found - expected) <= tolerance * abs(expected):
        return False
    core.forward = forward
    return True


@torch.compiler.disable  # the number of labels differs from batch to batch
def _loss(hidden: torch.Tensor, head: torch.nn.Linear, labels: torch.Tensor, num_items) -> torch.Tensor:
    """Cross entropy of the next tokens, float32 (): their mean, or their sum divided by `num_items`."""
    device = hidden.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype
    hidden, labels = hidden[:, :-1].flatten(0, 1), labels[:, 1:].flatten()  # (B (T - 1), D), (B (T - 1),)
    # Positions without a label are left out, but for some that fill up a multiple of ROWS: with sizes that differ from step
    # to step the memory of a process grows by gigabytes.
    counted = labels != IGNORED_LABEL
    rows = counted.byte().argsort(descending=True, stable=True)[: -(-int(counted.sum()) // ROWS) * ROWS]
    hidden, labels = hidden[rows].to(dtype), labels[rows]  # (N, D), (N,)
    bias = None if head.bias is None else head.bias.to(dtype)
    with torch.autocast(device, enabled=False):
        # No reduction inside: a sum in bfloat16 would be rounded to three digits.
        each = linear_cross_entropy(
            hidden,
            head.weight.to(dtype),
            labels,
            linear_bias=bias,
            reduction="none",
            ignore_index=IGNORED_LABEL,
            options=OPTIONS,
        )
    return each.float().sum() / (counted.sum() if num_items is None else num_items)
