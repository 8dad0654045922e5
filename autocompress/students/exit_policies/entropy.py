"""Lets a text exit where the entropy of its class probabilities is low (DeeBERT, Xin et al. 2020, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from autocompress.students.exit_policies.policy import ExitPolicy, Thresholds

if TYPE_CHECKING:
    from autocompress.artifact.graph import GraphBuilder


def scores(outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the certainty [..] of the last head's logits in ``outputs`` [heads, .., C].

    It is 1 - H / log C, where H is the entropy of the C probabilities: 1 for a single one, 0 where all are equal.
    """
    shifted = outputs[-1] - outputs[-1].max(axis=-1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return np.asarray(1.0 + (np.exp(logs) * logs).sum(axis=-1) / np.log(outputs.shape[-1]), np.float32)


def emitted(graph: GraphBuilder, logits: Sequence[str], num_outputs: int) -> str:
    """Add the certainty [batch] of the last of ``logits [batch, C]`` and return its name."""
    logs = graph.op("LogSoftmax", logits[-1], axis=-1)
    products = graph.op("Mul", graph.op("Exp", logs), logs)
    negative = graph.op("ReduceSum", products, graph.integers(-1), keepdims=0)
    share = graph.op("Div", negative, graph.constant(np.array(np.log(num_outputs), np.float32)))
    return graph.op("Add", share, graph.constant(np.array(1, np.float32)))


# Of two classes it is a function of the confidence, which would choose the same exits.
ENTROPY = ExitPolicy(
    scores,
    emitted,
    Thresholds("exit_certainty", 0.1, 0.98, 0.04),
    label=lambda threshold: f"-entropy>{threshold:.2f}",
    eagerness=lambda threshold: 1.0 - threshold,
    fewest_outputs=3,
)
