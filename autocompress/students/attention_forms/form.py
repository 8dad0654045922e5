"""Defines the contract of a form of attention: how it is computed in torch and in the ONNX graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from autocompress.artifact.blocks import Pooling
    from autocompress.artifact.graph import GraphBuilder

PROJECTIONS = ("query", "key", "value")


@dataclass(frozen=True)
class Mixing:
    """Holds what a form may read in a graph, beside the projected vectors.

    ``sizes`` is (A, d). ``mask`` adds, where it is not there yet, the int32 mask [batch, tokens] to a graph and returns
    its name; ``tokens`` knows the float32 mask. ``position_bias`` is the name of a bias [1, A, T, T] by relative
    position, empty without one, and ``kernel`` the form's own weights.
    """

    sizes: tuple[int, int]
    mask: Callable[[GraphBuilder], str]
    tokens: Pooling
    position_bias: str = ""
    kernel: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class AttentionForm:
    """One form of attention, for both the elastic encoder and the emitter.

    ``applies`` tells whether a layer's configuration asks for it. ``mixed`` returns the context [B, A, T, d]. It takes
    the projected vectors [B, A, T, d] that ``projections`` names, in that order, the bool mask [B, 1, 1, T] (True =
    token), a bias [1, A, T, T] by relative position that full attention adds to its scaled scores (None without one),
    and the form's own weights (None without any). ``emitted`` adds the same to a graph: it takes the graph, the names
    of the projected vectors [batch, tokens, A * d] and a ``Mixing``, and returns the output's name. A query, and with
    it the bias [1, A, 1, T], may hold the first token only.

    ``kernel`` is the name, within a layer, of own weights [A, ..], and ``offset`` that of a vector [A * d] that is
    added to every context; both are empty for a form without them.

    A form whose probabilities a policy of tokens can read has two more. ``probabilities`` returns those of query, key
    and mask, float32 [B, A, T, T]; the context is their product with the value. ``emitted_probabilities`` adds them to
    a graph: it takes the graph, the names of query and key, the name of the float32 mask [batch, 1, tokens] and (A, d).
    """

    applies: Callable[[Any], bool]
    mixed: Callable[[Sequence[Tensor], Tensor, Tensor | None, Tensor | None], Tensor]
    emitted: Callable[[GraphBuilder, Sequence[str], Mixing], str]
    probabilities: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None
    emitted_probabilities: Callable[[GraphBuilder, Sequence[str], str, tuple[int, int]], str] | None = None
    projections: tuple[str, ...] = PROJECTIONS
    kernel: str = ""
    offset: str = ""
