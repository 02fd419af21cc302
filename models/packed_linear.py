"""Linear layers whose weights lie as the CPU's matrix kernels read them, and need not be rearranged at every step.

oneDNN does both. What leads to it is made for torch's compiler and has private names, so a layer is packed only if
that is there and says what the layer itself says.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

SMALLEST_WEIGHT = 2**17
"""Elements of a weight that is worth it: with fewer, starting the kernel takes longer than the plain product."""

_TOLERANCE = 1e-3
_TRIED_ROWS = 3
_oneDNN: Any = torch.ops.mkldnn  # noqa: N816 - its name


class PackedLinear(nn.Module):
    """A layer [..., in] -> [..., out] of single precision, for inference alone."""

    def __init__(self, plain: nn.Linear, *, shared: nn.Parameter | None = None) -> None:
        """`shared` is the plain weight if others use it too, so that it is there in any case."""
        super().__init__()
        self.in_features = plain.in_features
        self.out_features = plain.out_features
        self.bias = plain.bias
        self._shared = [shared]  # in a list, for this module computes nothing with it
        self._weight: Tensor = _oneDNN._reorder_linear_weight(plain.weight.detach())  # noqa: SLF001 - see above

    def forward(self, rows: Tensor) -> Tensor:
        """As `nn.Linear`."""
        out: Tensor = _oneDNN._linear_pointwise(rows, self._weight, self.bias, "none", [], "")  # noqa: SLF001 - see above
        return out

    def plain(self) -> nn.Linear:
        """The layer as it was."""
        layer = nn.Linear(self.in_features, self.out_features, bias=False, device="meta")
        [shared] = self._shared
        layer.weight = nn.Parameter(self._weight.to_dense(), requires_grad=False) if shared is None else shared
        layer.bias = self.bias
        return layer


def pack_linears(model: PreTrainedModel) -> int:
    """Pack the layers of *model* that gain by it, each in place of its plain one; how many these are."""
    packed, embedding = 0, getattr(model.get_input_embeddings(), "weight", None)
    for name, layer in list(model.named_modules()):
        if _gains(layer) and (found := _packed(layer, embedding)) is not None:
            model.set_submodule(name, found)
            packed += 1
    return packed


def unpack_linears(model: PreTrainedModel) -> None:
    """Take `pack_linears` back."""
    for name, layer in list(model.named_modules()):
        if isinstance(layer, PackedLinear):
            model.set_submodule(name, layer.plain())


def _gains(layer: nn.Module) -> bool:
    """Not where accelerate moves the weights about, nor where another class computes in a way of its own."""
    return (
        type(layer) is nn.Linear
        and not hasattr(layer, "_hf_hook")
        and layer.weight.device.type == "cpu"
        and layer.weight.dtype == torch.float32
        and layer.weight.numel() >= SMALLEST_WEIGHT
    )


def _packed(layer: nn.Linear, embedding: Any) -> PackedLinear | None:
    rows = torch.linspace(-1.0, 1.0, _TRIED_ROWS * layer.in_features).view(_TRIED_ROWS, -1)
    expected = layer(rows)
    try:
        packed = PackedLinear(layer, shared=layer.weight if layer.weight is embedding else None)
        error = (packed(rows) - expected).abs().max() / expected.std()
    except (RuntimeError, AttributeError):  # a build of torch without oneDNN, or one that calls it otherwise
        return None
    return packed if error <= _TOLERANCE else None
