"""Rounds and prunes weights in the forward pass of training, with straight-through gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from autocompress.students.linear_forms import LinearSettings, form_of
from autocompress.students.weight_settings import FLOAT


def fake_quantize(weight: Tensor, settings: LinearSettings) -> Tensor:
    """Give the values that the artefact holds of ``weight`` [.., in] in the form that the settings ask for.

    They are computed by the functions that the emitter uses. The gradient passes unchanged (straight-through
    estimator; Bengio et al. 2013).
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
