"""Encodes each token with its neighbours by one convolution."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from autocompress.networks.weights import Arrays
from autocompress.students.alignment.encoders.encoder import Encoder
from autocompress.students.cutting import Array
from autocompress.students.linear_forms import LinearSettings
from autocompress.students.pooled.costs import KILO
from autocompress.students.pooled.cut import leading_blocks
from autocompress.students.student_type import Matrix

if TYPE_CHECKING:
    from torch import Tensor

    from autocompress.students.alignment.graph import AlignmentEmitter
    from autocompress.students.elastic import Selection

KERNEL = 3
"""Tokens in a window."""


class CNNEncoder(Encoder):
    """Adds relu(convolution) to the vectors."""

    modules = ("conv",)

    def initial(self, generator: np.random.Generator, width: int) -> Arrays:
        """Return weights with He initialisation."""
        from autocompress.students.pooled.word_vectors import initial_linear

        weight = initial_linear(generator, width, KERNEL * width, 2**0.5)
        return {"conv.weight": weight, "conv.bias": np.zeros(width, np.float32)}

    def slices(self, arrays: Mapping[str, Array], width: int) -> dict[str, Array]:
        """Return the leading filters and channels."""
        return leading_blocks(arrays, "conv", KERNEL, width)

    def encoded(self, selection: Selection, x: Tensor, mask: Tensor) -> Tensor:
        """Return x [B, T, width] plus the convolution's output."""
        from torch.nn import functional as F

        from autocompress.students.cnn.network import windows

        return x + F.relu(selection.linear("conv", windows(x, KERNEL)))

    def emitted(self, emitter: AlignmentEmitter, x: str) -> str:
        """Add what ``encoded`` computes to a graph."""
        from autocompress.students.cnn.graph import windows

        graph = emitter.graph
        seen = windows(graph, emitter.pooling.zeroed(graph, x), KERNEL)
        return graph.op("Add", x, graph.op("Relu", emitter.linear(seen, "conv")))

    def matrices(self, width: int, settings: LinearSettings) -> Iterable[Matrix]:
        """Return the matrix of the convolution."""
        yield Matrix(width, KERNEL * width, settings)

    def latency_terms(self, width: int, *, wide: bool) -> dict[str, float]:
        """Return the thousands of channels in a window."""
        return {"window_channels": KERNEL * width / KILO}
