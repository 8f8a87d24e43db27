"""The loss of a causal LM without its logits: output layer and cross entropy in chunks of tokens.

Logits are (tokens, vocabulary) floats: 8 blocks of 256 tokens over 49,152 words take 400 MB, several times over in a
training step. Here they exist a chunk at a time, and the gradient is made from a chunk while it is there, so nothing is
computed twice (the way of Liger Kernel, https://arxiv.org/abs/2410.10989, section 3.2).
`torch.nn.functional.linear_cross_entropy` computes the logits again in the backward pass, or returns the sum of the
losses in bfloat16, which has three digits.
"""

import functools

import torch
from torch.autograd.function import once_differentiable
from torch.nn.functional import log_softmax
from transformers.modeling_outputs import CausalLMOutput

from nl2code.code_dataset import IGNORED_LABEL

CHUNK = 512  # tokens; on CPUs more are no faster, fewer are slower, see docs/LOG.md
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
        expected, found = own(input_ids=ids, labels=labels), forward(input_ids=ids, labels=labels).loss
        # The loss alone does not show a cap on logits while weights are random and logits small.
        logits = head(core.base_model(input_ids=ids).last_hidden_state)
    model.train(training)
    if not abs(found - expected.loss) <= tolerance * abs(expected.loss) or not torch.equal(logits, expected.logits):
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
    total = _SumOfLosses.apply(hidden[rows], head.weight, head.bias, labels[rows], dtype, torch.is_grad_enabled())
    return total / (counted.sum() if num_items is None else num_items)


class _SumOfLosses(torch.autograd.Function):
    """Sum of the cross entropies of one linear layer, float32 (); gradients are summed in the dtypes of the inputs."""

    @staticmethod
    def forward(ctx, hidden, weight, bias, labels, dtype, with_gradients):  # (N, D), (V, D), (V,) or None, (N,)
        gradients = [
            torch.zeros_like(each) if with_gradients and needed else None
            for each, needed in zip((hidden, weight, bias), ctx.needs_input_grad, strict=False)
        ]
        total = torch.zeros((), device=hidden.device)
        with torch.autocast(hidden.device.type, enabled=False):
            layer = weight.to(dtype)
            offset = None if bias is None else bias.to(dtype)
            for start in range(0, len(hidden), CHUNK):
                part = slice(start, start + CHUNK)
                inputs, counted = hidden[part].to(dtype), labels[part, None] != IGNORED_LABEL
                targets = labels[part, None].masked_fill(~counted, 0)
                logits = torch.nn.functional.linear(inputs, layer, offset)
                logarithms = log_softmax(logits, -1, dtype=torch.float32)  # (CHUNK, V)
                total -= logarithms.gather(1, targets).masked_fill(~counted, 0).sum()
                if any(each is not None for each in gradients):
                    # d loss / d logits: the probabilities, less 1 at the target; nothing where there is no label.
                    of_logits = logarithms.exp_().scatter_add_(1, targets, -counted.float()).to(dtype)
                    _add_gradients(gradients, part, of_logits.masked_fill_(~counted, 0), inputs, layer)
        ctx.save_for_backward(*gradients)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx, of_total):
        # In place: saves a copy of the weights. Autograd refuses a second pass, as the saved tensors have changed.
        return *(None if each is None else each.mul_(of_total) for each in ctx.saved_tensors), None, None, None


def _add_gradients(gradients: list, part: slice, of_logits: torch.Tensor, inputs: torch.Tensor, layer: torch.Tensor):
    of_hidden, of_weight, of_bias = gradients
    if of_hidden is not None:
        of_hidden[part] = of_logits @ layer
    if of_weight is not None and of_weight.dtype == of_logits.dtype:
        of_weight.addmm_(of_logits.T, inputs)
    elif of_weight is not None:
        of_weight += of_logits.T @ inputs
    if of_bias is not None:
        of_bias += of_logits.sum(0)
