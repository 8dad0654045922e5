"""Quantization and sparsity as training sees them: rounded forward, straight through backward."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from autocompress.compression.quantization import dequantize, quantize
from autocompress.compression.sparsity import prune


def fake_quantize(weight: Tensor, bits: int, sparsity: float = 0.0) -> Tensor:
    """What the artefact holds of ``weight`` [.., in], a scale per row: made sparse by magnitude, then quantized.

    It is computed by the functions the emitter uses, so the values are the same. The gradient passes unchanged
    (straight-through estimator; Bengio et al. 2013). 32 bits without sparsity change nothing.
    """
    if bits == 32 and sparsity == 0:
        return weight
    result: Tensor = _StraightThrough.apply(weight, bits, sparsity)  # type: ignore[no-untyped-call]
    return result


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, bits: int, sparsity: float) -> Tensor:
        array = weight.detach().float().cpu().numpy().reshape(-1, weight.shape[-1])
        array = prune(array, sparsity)
        if bits != 32:
            array = dequantize(*quantize(array, bits))
        return torch.from_numpy(array).view(weight.shape).to(weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return gradients[0], None, None
