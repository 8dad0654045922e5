"""Lets a text exit where its largest class probability is high.

This is the early exit of DeeBERT (Xin et al. 2020; survey 3.5), with the probability in place of the entropy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from autocompress.students.exit_policies.policy import ExitPolicy

if TYPE_CHECKING:
    from autocompress.artifact.graph import GraphBuilder


def scores(outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the largest softmax probability [..] of logits [.., C]."""
    shifted = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
    return np.asarray(1.0 / shifted.sum(axis=-1), np.float32)


def emitted(graph: GraphBuilder, logits: str) -> str:
    """Add the largest softmax probability [batch] of ``logits [batch, C]`` and return its name."""
    return graph.op("ReduceMax", graph.op("Softmax", logits, axis=-1), graph.integers(-1), keepdims=0)


CONFIDENCE = ExitPolicy(scores, emitted)
