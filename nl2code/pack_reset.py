"""Documents that share a block without seeing one another: positions begin anew, attention stays within a document.

Off by default, as in the paper. `position_ids` that begin at 0 with each document carry all that is needed; the
attention mask is made from them where the model runs.
"""

import torch


def document_mask(position_ids: torch.Tensor) -> torch.Tensor:
    """Additive causal attention mask, float32 (B, 1, T, T), from positions int (B, T): 0 to see, the least float not to.

    >>> (document_mask(torch.tensor([[0, 1, 0]]))[0, 0] == 0).int().tolist()
    [[1, 0, 0], [1, 1, 0], [0, 0, 1]]
    """
    document = (position_ids == 0).cumsum(-1)  # (B, T)
    seen = (document[:, :, None] == document[:, None, :]).tril()  # (B, T, T)
    return torch.zeros(seen.shape).masked_fill(~seen.cpu(), torch.finfo(torch.float32).min)[:, None].to(seen.device)


@torch.no_grad()
def require_pack_reset(model: torch.nn.Module, tolerance: float = 1e-3) -> None:
    """Compare three documents in one block with each of them alone.

    Raises:
        ValueError: the logits differ by more than `tolerance` of their spread: the model ignores positions or masks.
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
        raise ValueError(
            f"--pack_reset: {model.config.model_type} with {model.config._attn_implementation} attention does not keep "
            f"documents apart (logits differ by {difference:.2g} of their spread); leave --pack_reset out"
        )
