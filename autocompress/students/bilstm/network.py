"""Defines the elastic BiLSTM, which runs as any of its sub-networks (survey 3.3; Tang et al. 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autocompress.networks.weights import Arrays
from autocompress.students.bilstm.cut import slice_bilstm
from autocompress.students.elastic import Selection
from autocompress.students.pooled.network import MeanMaxStudent
from autocompress.students.pooled.word_vectors import StudentSizes, initial_head, initial_linear, teacher_word_vectors


class ElasticBiLSTM(MeanMaxStudent):
    """Runs the leading embedding channels, units of each gate and layers of a configuration in torch's own LSTM."""

    least = -1.0

    def _slices(self, weights: Mapping[str, Tensor], configuration: Any) -> dict[str, Tensor]:
        return slice_bilstm(weights, self.shape, configuration)

    def _features(self, selection: Selection, x: Tensor, mask: Tensor) -> Tensor:
        for layer in range(sum(name.endswith(".forward.bias") for name in selection.weights)):
            x = torch.cat(both_directions(selection, f"lstm.{layer}", x, mask), -1)
        return x


def both_directions(selection: Selection, name: str, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Run the forward and the backward LSTM ``name`` on x [B, T, in] under the bool mask [B, T]; return two [B, T, h].

    Outputs at padding mean nothing.
    """
    lengths = mask.sum(1, keepdim=True)
    positions = torch.arange(x.shape[1], device=x.device).expand(len(x), -1)
    mirror = torch.where(positions < lengths, lengths - 1 - positions, positions).unsqueeze(-1)
    forward = _lstm(selection, f"{name}.forward", x)
    backward = _lstm(selection, f"{name}.backward", torch.take_along_dim(x, mirror, 1))
    return forward, torch.take_along_dim(backward, mirror, 1)


def _lstm(selection: Selection, name: str, x: Tensor) -> Tensor:
    """Run one direction of one layer on x [B, T, in], left to right; return [B, T, h].

    Rows are padded on the right, so padding does not influence a text; for the backward direction the caller reverses
    each text in place. This takes half the time of packed sequences, for which torch has no fused kernel on a CPU.
    """
    weights = [selection[f"{name}.weight_ih"], selection[f"{name}.weight_hh"], selection[f"{name}.bias"]]
    weights.append(torch.zeros_like(weights[2]))
    zeros = x.new_zeros(1, len(x), weights[1].shape[1])
    return torch._VF.lstm(x, (zeros, zeros), weights, True, 1, 0.0, torch.is_grad_enabled(), False, True)[0]


def initial_bilstm(teacher_arrays: Arrays, sizes: StudentSizes, num_outputs: int, seed: int = 0) -> Arrays:
    """Return the weights of an untrained BiLSTM on the teacher's word embeddings, under canonical names.

    Recurrent weights are orthogonal; the biases of forget gates are 1.
    """
    generator = np.random.default_rng(seed)
    arrays: Arrays = {"embeddings.word": teacher_word_vectors(teacher_arrays, sizes.embedding_size)}
    units = sizes.hidden_size
    for layer in range(sizes.num_layers):
        incoming = sizes.embedding_size if layer == 0 else 2 * units
        arrays |= initial_directions(generator, f"lstm.{layer}", units, incoming)
    return arrays | initial_head(generator, 4 * units, num_outputs)


def initial_directions(generator: np.random.Generator, name: str, units: int, incoming: int) -> Arrays:
    """Return the untrained weights of a forward and a backward LSTM of ``units`` that read ``incoming`` channels."""
    arrays: Arrays = {}
    for direction in ("forward", "backward"):
        prefix = f"{name}.{direction}"
        arrays[f"{prefix}.weight_ih"] = initial_linear(generator, 4 * units, incoming)
        gates = [np.linalg.qr(generator.normal(size=(units, units)))[0] for _ in range(4)]
        arrays[f"{prefix}.weight_hh"] = np.concatenate(gates).astype(np.float32)
        arrays[f"{prefix}.bias"] = np.repeat(np.array([0, 1, 0, 0], np.float32), units)
    return arrays
