"""--pack_reset: documents in one block do not attend to each other, and positions restart at 0 with each document.

Off by default, as in the paper. The attention mask is made from `position_ids`, on their device.
"""

import torch

from nl2code.errors import UserError


def document_mask(position_ids: torch.Tensor) -> torch.Tensor:
    """Additive causal attention mask, float32 (B, 1, T, T), from positions int (B, T): 0 where a
    position may attend, the lowest float elsewhere.

    >>> (document_mask(torch.tensor([[0, 1, 0]]))[0, 0] == 0).int().tolist()
    [[1, 0, 0], [1, 1, 0], [0, 0, 1]]
    """
    document = (position_ids == 0).cumsum(-1)  # (B, T)
    seen = (document[:, :, None] == document[:, None, :]).tril()  # (B, T, T)
    return torch.zeros(seen.shape, device=seen.device).masked_fill(~seen, torch.finfo(torch.float32).min)[:, None]


@torch.no_grad()
def require_pack_reset(model: torch.nn.Module, tolerance: float = 1e-3) -> None:
    """Check that the logits of three documents in one block equal those of each alone.

    Raises:
        UserError: the logits differ by more than `tolerance` of their spread: the model ignores positions or masks.
    """
    training = model.training
    model.eval()
    device = next(model.parameters()).device
    documents = [
        torch.arange(start, start + length) % model.config.vocab_size for start, length in ((7, 5), (3, 9), (11, 2))
    ]
    alone = [model(input_ids=document[None].to(device)).logits[0] for document in documents]
    positions = torch.cat([torch.arange(len(document)) for document in documents])[None].to(device)
    together = model(
        input_ids=torch.cat(documents)[None].to(device), position_ids=positions, attention_mask=document_mask(positions)
    ).logits[0]
    model.train(training)
    expected = torch.cat(alone)
    difference = float((together - expected).abs().max() / expected.std())
    if not difference < tolerance:
        raise UserError(
            f"--pack_reset: {model.config.model_type} with {model.config._attn_implementation} attention does not keep "
            f"documents apart (logits differ by {difference:.2g} of their spread); leave --pack_reset out"
        )
