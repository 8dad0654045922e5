"""Says which layers convolve instead of attending, checks that they can, and gives them kernels to start from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autocompress.domain.shape import EncoderShape
from autocompress.networks.weights import Arrays, layer_indices
from autocompress.students.attention_forms.convolution import KERNEL, NAME, OFFSET, width_of
from autocompress.students.token_policies import tokens_of
from autocompress.students.token_policies.attention_received import KEEP_TOKENS
from autocompress.system.errors import InputError

WIDTH = 9
"""Tokens that a kernel reads."""


def convolutions(configuration: Any) -> int:
    """Return the number of layers that convolve."""
    return sum(width_of(layer) > 0 for layer in configuration.layers)


def with_convolutions(layers: Sequence[Any], number: int) -> tuple[Any, ...]:
    """Return the layers with the lowest ``number`` of them as convolutions, which keep all tokens."""
    return tuple(_convolved(layer) if place < number else layer for place, layer in enumerate(layers))


def _convolved(layer: Any) -> Any:
    extra = {name: value for name, value in layer.extra if name != KEEP_TOKENS} | {NAME: WIDTH}
    return replace(layer, extra=tuple(sorted(extra.items())))


def check_convolutions(configuration: Any) -> None:
    """Raise InputError unless widths are odd numbers and convolutions read tokens that stand side by side."""
    dropped = False
    for layer in configuration.layers:
        width = dict(layer.extra).get(NAME, 0)
        if not isinstance(width, int) or isinstance(width, bool) or width < 0 or (width and not width % 2):
            raise InputError(f"{NAME}, the width of a layer's kernels, must be 0 or an odd number, but got {width!r}")
        dropped = dropped or tokens_of(layer) is not None
        if width and dropped:
            raise InputError(
                f"a convolution reads neighbouring tokens, so none may be dropped in its layer or below, but layer "
                f"{layer.index} convolves after some are; keep all tokens up to there, or let it attend"
            )


def with_kernels(arrays: Arrays, shape: EncoderShape) -> Arrays:
    """Return the weights with a kernel [A, ``WIDTH``] and an offset [A * d] for each layer that has none.

    Added kernels are the mean of the neighbours; added offsets are 0. ``shape`` is the teacher's.
    """
    added: Arrays = {}
    for index in layer_indices(arrays):
        channels = len(arrays[f"layers.{index}.attention.value.bias"])
        added[f"layers.{index}.{KERNEL}"] = np.full((channels // shape.head_size, WIDTH), 1 / WIDTH, np.float32)
        added[f"layers.{index}.{OFFSET}"] = np.zeros(channels, np.float32)
    return {**arrays, **{name: array for name, array in added.items() if name not in arrays}}
