"""Lets a text exit where its largest class probability is high.

This is the early exit of DeeBERT (Xin et al. 2020; survey 3.5), with the probability in place of the entropy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from autocompress.students.exit_policies.policy import ExitPolicy, Thresholds

if TYPE_CHECKING:
    from autocompress.artifact.graph import GraphBuilder


def scores(outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the largest softmax probability [..] of the last head's logits in ``outputs`` [heads, .., C]."""
    last = outputs[-1]
    shifted = np.exp(last - last.max(axis=-1, keepdims=True))
    return np.asarray(1.0 / shifted.sum(axis=-1), np.float32)


def emitted(graph: GraphBuilder, logits: Sequence[str], num_outputs: int) -> str:
    """Add the largest softmax probability [batch] of the last of ``logits [batch, C]`` and return its name."""
    return graph.op("ReduceMax", graph.op("Softmax", logits[-1], axis=-1), graph.integers(-1), keepdims=0)


CONFIDENCE = ExitPolicy(
    scores,
    emitted,
    Thresholds("exit_threshold", 0.5, 0.98, 0.02),
    label=lambda threshold: f">{threshold:.2f}",
    eagerness=lambda threshold: 1.0 - threshold,
)
