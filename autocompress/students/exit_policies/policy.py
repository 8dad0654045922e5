"""Defines the contract of an exit policy: a score of a text's outputs, above which the text leaves."""

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
    """One policy, used by the emitter and by what predicts where requests leave.

    ``scores`` of outputs [.., C] are [..]; ``emitted`` adds to a graph the scores [batch] of ``logits [batch, C]`` and
    returns their name. A request leaves where the score of each of its texts is above the threshold.
    """

    scores: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    emitted: Callable[[GraphBuilder, str], str]
