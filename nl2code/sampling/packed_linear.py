"""Linear layers with weights in oneDNN's blocked layout: the same products, faster, for inference on a CPU.

`torch.nn.Linear` reads weights in their row-major layout for small batches; reordering them once makes it 1.4 times as
fast at 50 rows and 2 to 3 times below 16 in float32, 1.5 to 2.5 times in bfloat16 (measured; docs/LOG.md).
"""

import torch
from torch import nn

ROWS = 64  # batch size that the layout is chosen for


class PackedLinear(nn.Module):
    """A `torch.nn.Linear` for inference only. Attributes: in_features, out_features."""

    def __init__(self, linear: nn.Linear):
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.bias = None if linear.bias is None else linear.bias.detach()
        self.packed = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), ROWS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.ops.mkldnn._linear_pointwise(x, self.packed, self.bias, "none", [], "")


def pack_linears(model: nn.Module) -> nn.Module:
    """Replace every float32 or bfloat16 `torch.nn.Linear` of a model on a CPU, in place, and return the model.

    The model can then be neither trained nor saved. Layers on other devices, and all layers where this build of torch
    lacks oneDNN or this CPU bfloat16, stay as they are.
    """
    if not torch.backends.mkldnn.is_available():
        return model
    dtypes = [torch.float32, *([torch.bfloat16] if torch.ops.mkldnn._is_mkldnn_bf16_supported() else [])]
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear and child.weight.device.type == "cpu" and child.weight.dtype in dtypes:
                setattr(parent, name, PackedLinear(child))
    return model
