"""Quantization and sparsity as training sees them: rounded forward, straight through backward."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def quantize_dequantize(weight: Tensor, bits: int) -> Tensor:
    """Symmetric quantization of each row of [out, in] (the last axis shares a scale), back as floats.

    The scale is max|row| / (2^(bits-1) - 1); values are rounded half to even. 32 bits change nothing.
    """
    if bits == 32:
        return weight
    limit = float(2 ** (bits - 1) - 1)
    scale = weight.abs().amax(-1, keepdim=True) / limit
    scale = torch.where(scale == 0, torch.ones_like(scale), scale)
    return torch.round(weight / scale).clamp(-limit, limit) * scale


def magnitude_mask(weight: Tensor, sparsity: float) -> Tensor:
    """Which weights stay (bool, as ``weight``): all but the ``sparsity`` fraction of smallest magnitude."""
    count = round(sparsity * weight.numel())
    mask = torch.ones(weight.numel(), dtype=torch.bool, device=weight.device)
    if count:
        mask[torch.topk(weight.abs().reshape(-1), count, largest=False, sorted=False).indices] = False
    return mask.reshape(weight.shape)


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, bits: int, sparsity: float) -> Tensor:
        kept = weight * magnitude_mask(weight, sparsity) if sparsity > 0 else weight
        return quantize_dequantize(kept, bits).clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return gradients[0], None, None


def fake_quantize(weight: Tensor, bits: int, sparsity: float = 0.0) -> Tensor:
    """What the artefact holds of ``weight`` [out, in]: made sparse by magnitude, then quantized per output channel.

    The gradient passes unchanged (straight-through estimator; Bengio et al. 2013).
    """
    if bits == 32 and sparsity == 0:
        return weight
    result: Tensor = _StraightThrough.apply(weight, bits, sparsity)  # type: ignore[no-untyped-call]
    return result
