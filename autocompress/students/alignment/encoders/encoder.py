"""Defines the contract of an encoder: how each of the two texts is read by itself before they are aligned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from autocompress.networks.weights import Arrays
from autocompress.students.cutting import Array
from autocompress.students.linear_forms import LinearSettings
from autocompress.students.student_type import Matrix

if TYPE_CHECKING:
    from torch import Tensor

    from autocompress.students.alignment.graph import AlignmentEmitter
    from autocompress.students.elastic import Selection


class Encoder:
    """Adds something to the vectors of the tokens, ``width`` channels each.

    As it stands it adds nothing (Parikh et al. 2016). ``modules`` are the first parts of the names of its weights. With
    ``texts_needed`` its graph refuses a batch of no texts.
    """

    modules: ClassVar[tuple[str, ...]] = ()
    texts_needed: ClassVar[bool] = False

    def initial(self, generator: np.random.Generator, width: int) -> Arrays:
        """Return untrained weights under canonical names."""
        return {}

    def slices(self, arrays: Mapping[str, Array], width: int) -> dict[str, Array]:
        """Return views of the weights that the leading ``width`` channels need."""
        return {}

    def encoded(self, selection: Selection, x: Tensor, mask: Tensor) -> Tensor:
        """Return x [B, T, width] with what the encoder makes of it; mask [B, T] is True at tokens, else x is 0."""
        return x

    def emitted(self, emitter: AlignmentEmitter, x: str) -> str:
        """Add what ``encoded`` computes to the graph of ``emitter``."""
        return x

    def matrices(self, width: int, settings: LinearSettings) -> Iterable[Matrix]:
        """Return its linear layers."""
        return ()

    def latency_terms(self, width: int, *, wide: bool) -> dict[str, float]:
        """Return the amounts of its own latency terms; ``wide`` says that its products are those of 32 bits."""
        return {}
