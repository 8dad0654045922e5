"""Averages the teacher's attention by the distance of query and key, as kernels for layers that convolve.

Attention by distance alone is what a convolution can do; much of what the lower layers attend to is of that kind (the
positional heads of Voita et al. 2019, section 4).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from autocompress.domain.shape import RELATIVE_BIAS, EncoderShape
from autocompress.networks.weights import Arrays
from autocompress.students.attention_forms.convolution import KERNEL, OFFSET
from autocompress.students.attention_forms.form import PROJECTIONS
from autocompress.students.attention_forms.full import probabilities
from autocompress.students.elastic import Selection
from autocompress.students.transformer.convolved_layers import WIDTH
from autocompress.students.transformer.importance import Batch
from autocompress.students.transformer.network import ElasticEncoder


def attention_kernels(shape: EncoderShape, arrays: Arrays, texts: Iterable[Batch]) -> Arrays:
    """Return a kernel [A, ``WIDTH``] and an offset [A * d] for each layer, under canonical names.

    Place ``WIDTH // 2 + o`` of a kernel is the mean probability with which a token attends to the one at distance o, 0
    where there is none. The offset is the mean context less that of the convolution. The batches must have no padding.
    ``arrays`` are those of the whole encoder.
    """
    encoder = _Observer(shape, arrays)
    with torch.inference_mode():
        for text in texts:
            encoder(text.input_ids, text.attention_mask, text.token_type_ids)
    found: Arrays = {}
    for name, layer in encoder.observed.items():
        kernel, offset = layer.kernel_and_offset()
        found |= {f"{name}{KERNEL}": kernel.numpy(), f"{name}{OFFSET}": offset.numpy()}
    return found


class _Sums:
    """Adds up over tokens: attention by distance [A, K], the values found there [A, K, d], and contexts [A, d]."""

    def __init__(self) -> None:
        self._tokens = 0
        self._attention, self._values, self._context = (torch.zeros(()) for _ in range(3))

    def add(self, weights: Tensor, value: Tensor) -> None:
        """Add the tokens of probabilities [B, A, T, T] and values [B, A, T, d]."""
        length, attention, values = value.shape[2], [], []
        for distance in range(-(WIDTH // 2), WIDTH // 2 + 1):
            attention.append(weights.diagonal(distance, -2, -1).sum((0, -1)))
            values.append(value[:, :, max(distance, 0) : max(length + min(distance, 0), 0)].sum((0, 2)))
        self._tokens += value.shape[0] * length
        self._attention = self._attention + torch.stack(attention, 1)
        self._values = self._values + torch.stack(values, 1)
        self._context = self._context + (weights @ value).sum((0, 2))

    def kernel_and_offset(self) -> tuple[Tensor, Tensor]:
        """Return the kernel [A, K] and the offset [A * d]."""
        kernel = self._attention / self._tokens
        convolved = (kernel.unsqueeze(-1) * self._values).sum(1)
        return kernel, ((self._context - convolved) / self._tokens).flatten()


class _Observer(ElasticEncoder):
    """Runs the whole encoder and adds up what each layer attends to."""

    def __init__(self, shape: EncoderShape, arrays: Arrays) -> None:
        super().__init__(shape, arrays)
        self.observed: dict[str, _Sums] = {}

    def _layer(self, selection: Selection, name: str, x: Tensor, mask: Tensor, layer: Any) -> tuple[Tensor, Tensor]:
        query, key, value = (self._heads(selection, f"{name}attention.{part}", x) for part in PROJECTIONS)
        bias = self._relative_bias(selection, f"{name}{RELATIVE_BIAS}", x)
        weights = probabilities(query, key, mask[:, None, None, :], bias)
        self.observed.setdefault(name, _Sums()).add(weights, value)
        return super()._layer(selection, name, x, mask, layer)
