"""Defines the elastic network that aligns the two texts of a pair (Parikh et al. 2016; Chen et al. 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from autocompress.networks.weights import Arrays
from autocompress.students.alignment.cut import (
    COMPARED,
    PADDING,
    POOLED,
    SAME,
    alignments,
    slice_alignment,
)
from autocompress.students.alignment.encoders import ENCODERS, Encoder
from autocompress.students.elastic import Selection, masked_max, masked_mean
from autocompress.students.pooled.network import ElasticStudent
from autocompress.students.pooled.word_vectors import StudentSizes, initial_head, initial_linear, principal_word_vectors


class ElasticAlignment(ElasticStudent):
    """Runs the leading embedding channels, hidden channels and alignments of a configuration, and its encoder.

    Word vectors are projected to the hidden size and encoded. In each alignment every token attends to the tokens of
    the other text (token types tell which), and what it finds is compared with the token itself. The head compares the
    two texts' means and maxima. Without a configuration the super-network runs with all of its encoders.
    """

    def _slices(self, weights: Mapping[str, Tensor], configuration: Any) -> dict[str, Tensor]:
        return slice_alignment(weights, self.shape, configuration)

    def _pooled(self, selection: Selection, words: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        real = mask.unsqueeze(-1)
        x = selection.linear("project", words) * real
        for encoder in self._encoders(selection):
            x = encoder.encoded(selection, x, mask) * real
        bias = alignment_bias(mask, types).to(x.dtype)
        compared = x
        for layer in range(alignments(selection.weights)):
            x = x if layer == 0 else (x + compared) * real
            compared = self._compared(selection, f"align.{layer}", x, bias)
        sides = [mask & (types == side) for side in (0, 1)]
        first, second = (self._side(compared, side) for side in sides)
        return torch.cat([first, second, (first - second).abs(), first * second], -1)

    def _encoders(self, selection: Selection) -> list[Encoder]:
        """Return the encoders that have weights in the selection: all, for the super-network as a whole."""
        modules = {name.split(".")[0] for name in selection.weights}
        return [encoder for encoder in ENCODERS.values() if modules.intersection(encoder.modules)]

    def _compared(self, selection: Selection, name: str, x: Tensor, bias: Tensor) -> Tensor:
        """Return for each token of x [B, T, H] its comparison with the other text, [B, T, H]; none is below 0."""
        asked = selection.linear(f"{name}.query", x)
        scores = asked @ asked.transpose(1, 2) * asked.shape[-1] ** -0.5 + bias
        found = scores.softmax(-1).to(x.dtype) @ x
        both = torch.cat([x, found, (x - found).abs(), x * found], -1)
        return F.relu(selection.linear(f"{name}.merge", F.relu(selection.linear(f"{name}.compare", both))))

    def _side(self, x: Tensor, side: Tensor) -> Tensor:
        """Return mean and maximum [B, 2H] of x [B, T, H], which is nowhere below 0, over a bool mask [B, T]."""
        return torch.cat([masked_mean(x, side), masked_max(x, side, 0.0)], -1)


def alignment_bias(mask: Tensor, types: Tensor) -> Tensor:
    """Return what is added to the scores [B, T, T] of each token (row) for each other one (column)."""
    other = types.unsqueeze(2) != types.unsqueeze(1)
    bias = torch.where(other, 0.0, SAME)
    return torch.where(mask.unsqueeze(1), bias, PADDING)


def initial_alignment(teacher_arrays: Arrays, sizes: StudentSizes, num_outputs: int, seed: int = 0) -> Arrays:
    """Return the weights of an untrained network with all encoders, under canonical names.

    It reads principal components of the teacher's word vectors; matrices in front of a relu have He initialisation.
    """
    generator = np.random.default_rng(seed)
    width, gain = sizes.hidden_size, 2**0.5
    arrays: Arrays = {"embeddings.word": principal_word_vectors(teacher_arrays, sizes.embedding_size)}

    def add(name: str, columns: int, gain: float = 1.0) -> None:
        arrays[f"{name}.weight"] = initial_linear(generator, width, columns, gain)
        arrays[f"{name}.bias"] = np.zeros(width, np.float32)

    add("project", sizes.embedding_size)
    for encoder in ENCODERS.values():
        arrays |= encoder.initial(generator, width)
    for layer in range(sizes.num_layers):
        add(f"align.{layer}.query", width)
        add(f"align.{layer}.compare", COMPARED * width, gain)
        add(f"align.{layer}.merge", width, gain)
    return arrays | initial_head(generator, POOLED * width, num_outputs)
