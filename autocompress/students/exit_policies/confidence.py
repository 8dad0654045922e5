"""Lets a text leave where its largest class probability is high (survey 3.5; after DeeBERT, Xin et al. 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from autocompress.students.exit_policies.policy import ExitPolicy

if TYPE_CHECKING:
    from autocompress.artifact.graph import GraphBuilder


def scores(outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Largest softmax probability [..] of logits [.., C]."""
    shifted = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
    return np.asarray(1.0 / shifted.sum(axis=-1), np.float32)


def emitted(graph: GraphBuilder, logits: str) -> str:
    """The largest probability of each row."""
    return graph.op("ReduceMax", graph.op("Softmax", logits, axis=-1), graph.integers(-1), keepdims=0)


CONFIDENCE = ExitPolicy(scores, emitted)
