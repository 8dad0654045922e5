"""Encodes each token with all that stands before and after it by one BiLSTM (ESIM, Chen et al. 2017, section 3.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from autocompress.networks.weights import Arrays
from autocompress.students.alignment.encoders.encoder import Encoder
from autocompress.students.bilstm.cut import direction_slices
from autocompress.students.cutting import Array
from autocompress.students.linear_forms import LinearSettings
from autocompress.students.pooled.costs import KILO, MEGA
from autocompress.students.student_type import Matrix

if TYPE_CHECKING:
    from torch import Tensor

    from autocompress.students.alignment.graph import AlignmentEmitter
    from autocompress.students.elastic import Selection

LAYER = "lstm.0"


class BiLSTMEncoder(Encoder):
    """Adds the outputs of both directions to the vectors, channel by channel in turn."""

    modules = ("lstm",)
    # On an empty batch the LSTM of ONNX Runtime aborts the process.
    texts_needed = True

    def initial(self, generator: np.random.Generator, width: int) -> Arrays:
        """Return weights of which half of the channels are read forwards and half backwards."""
        from autocompress.students.bilstm.network import initial_directions

        return initial_directions(generator, LAYER, width // 2, width)

    def slices(self, arrays: Mapping[str, Array], width: int) -> dict[str, Array]:
        """Return the leading units and channels of both directions."""
        found: dict[str, Array] = {}
        for direction in ("forward", "backward"):
            found |= direction_slices(arrays, f"{LAYER}.{direction}", width // 2, width)
        return found

    def encoded(self, selection: Selection, x: Tensor, mask: Tensor) -> Tensor:
        """Return x [B, T, width] plus the outputs of both directions."""
        import torch

        from autocompress.students.bilstm.network import both_directions

        return x + torch.stack(both_directions(selection, LAYER, x, mask), -1).flatten(-2)

    def emitted(self, emitter: AlignmentEmitter, x: str) -> str:
        """Add what ``encoded`` computes to a graph."""
        from onnx import TensorProto

        from autocompress.students.bilstm.graph import lstm

        graph, width = emitter.graph, emitter.configuration.hidden_size
        counts = graph.op("Reshape", emitter.pooling.counts, graph.integers(-1))
        lengths = graph.op("Cast", counts, to=TensorProto.INT32)
        first = graph.op("Transpose", x, perm=[1, 0, 2])
        both = lstm(graph, first, lengths, emitter.arrays, LAYER, emitter.settings)
        interleaved = graph.op("Transpose", both, perm=[2, 0, 3, 1])
        return graph.op("Add", x, graph.op("Reshape", interleaved, graph.integers(0, 0, width)))

    def matrices(self, width: int, settings: LinearSettings) -> Iterable[Matrix]:
        """Return the input and the recurrent matrix of both directions."""
        for _direction in range(2):
            yield Matrix(2 * width, width, settings)
            yield Matrix(2 * width, width // 2, settings)

    def latency_terms(self, width: int, *, wide: bool) -> dict[str, float]:
        """Return terms of its own, since recurrent products cannot be computed for all tokens at once."""
        recurrent = 2 * width * width / MEGA
        return {
            "lstm": 1.0,
            "lstm_channels": width / KILO,
            "recurrent_products": recurrent,
            "float_recurrent_products": recurrent * wide,
        }
