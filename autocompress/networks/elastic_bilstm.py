"""A bidirectional LSTM that runs as any of its sub-networks (survey 3.3; Tang et al. 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from autocompress.networks.cut import slice_bilstm
from autocompress.networks.elastic import Selection
from autocompress.networks.elastic_student import ElasticStudent
from autocompress.networks.student_sizes import StudentSizes, initial_head, initial_linear, teacher_word_vectors
from autocompress.networks.weights import Arrays


class ElasticBiLSTM(ElasticStudent):
    """Elastic by prefix: embedding channels, units of each gate, layers. The cut weights run in torch's own LSTM."""

    def _slices(self, weights: Mapping[str, Tensor], configuration: Any) -> dict[str, Tensor]:
        return slice_bilstm(weights, self.shape, configuration)

    def _features(self, selection: Selection, x: Tensor, mask: Tensor) -> Tensor:
        flat = []
        for layer in range(len({name.split(".")[1] for name in selection.weights if name.startswith("lstm.")})):
            for direction in ("forward", "backward"):
                name = f"lstm.{layer}.{direction}"
                bias = selection[f"{name}.bias"]
                flat += [selection[f"{name}.weight_ih"], selection[f"{name}.weight_hh"], bias, torch.zeros_like(bias)]
        units = flat[1].shape[1]
        packed = pack_padded_sequence(x, mask.sum(1).cpu(), batch_first=True, enforce_sorted=False)
        zeros = x.new_zeros(len(flat) // 4, len(x), units)
        output, _, _ = torch._VF.lstm(
            packed.data, packed.batch_sizes, (zeros, zeros), flat, True, len(flat) // 8, 0.0, self.training, True
        )
        packed = PackedSequence(output, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices)
        return pad_packed_sequence(packed, batch_first=True, total_length=x.shape[1])[0]


def initial_bilstm(teacher_arrays: Arrays, sizes: StudentSizes, num_outputs: int, seed: int = 0) -> Arrays:
    """A fresh BiLSTM on the teacher's word vectors; recurrent weights are orthogonal, forget gates start open."""
    generator = np.random.default_rng(seed)
    arrays = {"embeddings.word": teacher_word_vectors(teacher_arrays, sizes.embedding_size)}
    units = sizes.hidden_size
    for layer in range(sizes.num_layers):
        incoming = sizes.embedding_size if layer == 0 else 2 * units
        for direction in ("forward", "backward"):
            name = f"lstm.{layer}.{direction}"
            arrays[f"{name}.weight_ih"] = initial_linear(generator, 4 * units, incoming)
            gates = [np.linalg.qr(generator.normal(size=(units, units)))[0] for _ in range(4)]
            arrays[f"{name}.weight_hh"] = np.concatenate(gates).astype(np.float32)
            arrays[f"{name}.bias"] = np.repeat(np.array([0, 1, 0, 0], np.float32), units)
    return arrays | initial_head(generator, 4 * units, num_outputs)
