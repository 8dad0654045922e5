"""Defines the contract of an exit policy: a score of a head's outputs, above which a text exits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from autocompress.artifact.graph import GraphBuilder


@dataclass(frozen=True)
class ExitPolicy:
    """One exit policy, for both the emitter and the functions that predict where requests exit.

    ``scores`` maps outputs [.., C] to scores [..]. ``emitted`` adds the scores [batch] of ``logits [batch, C]`` to a
    graph and returns their name. A request exits where the scores of all its texts are above the threshold.
    """

    scores: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    emitted: Callable[[GraphBuilder, str], str]
