"""How much arithmetic a training step of a causal LM needs, counted from its weights."""

import torch


def training_flops_per_token(model: torch.nn.Module, block_size: int) -> int:
    """Floating-point operations per token of one forward and backward pass.

    Each weight of a linear layer, the output layer included, costs 2 forward, 2 backward for the gradient that is passed on,
    and 2 more where it is trained itself. Attention costs 12 x layers x width x block_size, causal masking not
    subtracted. Recomputation for gradient checkpointing is no progress and is not counted.
    """
    trained = fixed = 0
    for module in model.modules():
        # Linear, and what GPT-2 has in its place; an embedding is a look-up. An adapter shows its base's weight as its own.
        weight = dict(module.named_parameters(recurse=False)).get("weight")
        if weight is not None and weight.dim() == 2 and not isinstance(module, torch.nn.Embedding):
            if weight.requires_grad:
                trained += weight.numel()
            else:
                fixed += weight.numel()
    config = model.config
    return 6 * trained + 4 * fixed + 12 * config.num_hidden_layers * config.hidden_size * block_size
