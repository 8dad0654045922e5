"""Defines the elastic CNN, which runs as any of its sub-networks (survey 3.3; Kim 2014, AdaBERT)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from autocompress.networks.weights import Arrays
from autocompress.students.cnn.cut import slice_cnn
from autocompress.students.elastic import Selection
from autocompress.students.pooled.network import MeanMaxStudent
from autocompress.students.pooled.word_vectors import StudentSizes, initial_head, initial_linear, teacher_word_vectors


class ElasticCNN(MeanMaxStudent):
    """Runs the leading embedding channels, filters and layers, and the middle of the windows, of a configuration."""

    least = 0.0

    def _slices(self, weights: Mapping[str, Tensor], configuration: Any) -> dict[str, Tensor]:
        return slice_cnn(weights, self.shape, configuration)

    def _features(self, selection: Selection, x: Tensor, mask: Tensor) -> Tensor:
        real = mask.unsqueeze(-1)
        for layer in range(sum(name.startswith("conv.") and name.endswith(".bias") for name in selection.weights)):
            name = f"conv.{layer}"
            kernel = selection[f"{name}.weight"].shape[1] // x.shape[-1]
            output = F.relu(selection.linear(name, windows(x * real, kernel)))
            x = output if layer == 0 else x + output
        return x


def windows(x: Tensor, kernel: int) -> Tensor:
    """Return the windows [B, T, K * C] of ``kernel`` vectors around each vector of x [B, T, C], zeros beyond the ends.

    This is im2col in one dimension.
    """
    margin, length = kernel // 2, x.shape[1]
    padded = F.pad(x, (0, 0, margin, margin))
    return torch.cat([padded[:, shift : shift + length] for shift in range(kernel)], -1)


def initial_cnn(teacher_arrays: Arrays, sizes: StudentSizes, num_outputs: int, seed: int = 0) -> Arrays:
    """Return the weights of an untrained CNN on the teacher's word embeddings, under canonical names.

    The first layer has He initialisation; the residual layers start with smaller weights.
    """
    generator = np.random.default_rng(seed)
    arrays = {"embeddings.word": teacher_word_vectors(teacher_arrays, sizes.embedding_size)}
    filters = sizes.hidden_size
    for layer in range(sizes.num_layers):
        incoming, gain = (sizes.embedding_size, 2**0.5) if layer == 0 else (filters, 0.5)
        weight = initial_linear(generator, filters, sizes.kernel_size * incoming, gain)
        arrays |= {f"conv.{layer}.weight": weight, f"conv.{layer}.bias": np.zeros(filters, np.float32)}
    return arrays | initial_head(generator, 2 * filters, num_outputs)
