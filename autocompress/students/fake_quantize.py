"""Rounds and prunes weights in the forward pass, with straight-through gradients (Bengio et al. 2013)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from autocompress.students.linear_forms import LinearSettings, form_of
from autocompress.students.weight_settings import FLOAT


def fake_quantize(weight: Tensor, settings: LinearSettings) -> Tensor:
    """Return the values that the artefact would hold for ``weight`` [.., in], computed by the emitter's functions.

    The gradient passes through unchanged (straight-through estimator).
    """
    if settings == FLOAT:
        return weight
    result: Tensor = _StraightThrough.apply(weight, settings)  # type: ignore[no-untyped-call]
    return result


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, settings: LinearSettings) -> Tensor:
        array = weight.detach().float().cpu().numpy().reshape(-1, weight.shape[-1])
        array = form_of(settings).approximated(array, settings)
        return torch.from_numpy(array).view(weight.shape).to(weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None
