"""Floating-point operations of a training step of a causal LM, counted from its weights."""

import torch


def training_flops_per_token(model: torch.nn.Module, block_size: int) -> int:
    """Floating-point operations per token of one forward and backward pass.

    Each weight of a linear layer, output layer included, costs 2 forward, 2 backward for the gradient of its input, and
    2 more if it is trained. Attention costs 12 x layers x width x block_size, without a discount for causal masking.
    Recomputation by gradient checkpointing is not counted.
    """
    trained = fixed = 0
    for module in model.modules():
        # Linear, or GPT-2's Conv1D; an embedding is a look-up. An adapter also exposes its base's weight: not recursed.
        weight = dict(module.named_parameters(recurse=False)).get("weight")
        if weight is not None and weight.dim() == 2 and not isinstance(module, torch.nn.Embedding):
            if weight.requires_grad:
                trained += weight.numel()
            else:
                fixed += weight.numel()
    config = model.config
    return 6 * trained + 4 * fixed + 12 * config.num_hidden_layers * config.hidden_size * block_size
