"""Scores exits by any policy from the outputs of a head after each of the teacher's layers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autocompress.students.exit_policies.policy import ExitPolicy


class ExitScores:
    """Holds the outputs [layers, n, C] of a head after each layer on n texts, and scores exits there.

    A request has ``batch_size`` texts, in their order; texts that fill no request are left out. Policies read the
    outputs divided by ``scale``, the ``output_scale`` of the teacher's shape.
    """

    def __init__(self, outputs: NDArray[np.float32], batch_size: int = 1, scale: float = 1.0) -> None:
        self.requests = outputs.shape[1] // batch_size
        self._outputs = outputs[:, : self.requests * batch_size] / np.float32(scale)
        self._batch_size = batch_size
        self._known: dict[tuple[ExitPolicy, tuple[int, ...]], NDArray[np.float32]] = {}

    def at(self, policy: ExitPolicy, layers: tuple[int, ...]) -> NDArray[np.float32]:
        """Return the scores [exits, requests] of exits after ``layers``, each for the request's least certain text."""
        return np.stack([self._last(policy, layers[: place + 1]) for place in range(len(layers))])

    def _last(self, policy: ExitPolicy, layers: tuple[int, ...]) -> NDArray[np.float32]:
        """Return the scores [requests] of the last of these exits; they are computed once."""
        read = layers if policy.reads_earlier else layers[-1:]
        key = policy, read
        if key not in self._known:
            scores = policy.scores(self._outputs[list(read)])
            self._known[key] = scores.reshape(self.requests, self._batch_size).min(axis=1)
        return self._known[key]
