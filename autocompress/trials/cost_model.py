"""A cost as a sum of terms with weights of at least zero, fitted to what was measured."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

PRIOR_WEIGHT = 0.05


def fit_weights(
    terms: NDArray[np.float64], costs: NDArray[np.float64], prior: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weights [k] >= 0 that predict the positive ``costs`` [n] as ``terms`` [n, k] @ weights, in relative error.

    The ``prior`` [k], all positive, is scaled to the median of the costs; weights are drawn towards it the more, the
    less the costs say of them. Without any costs the weights are the prior.
    """
    if not len(costs):
        return prior
    scaled = prior * float(np.median(costs / (terms @ prior)))
    rows = [terms * scaled / costs[:, None], np.sqrt(PRIOR_WEIGHT) * np.eye(len(prior))]
    wanted = np.concatenate([np.ones(len(costs)), np.full(len(prior), np.sqrt(PRIOR_WEIGHT))])
    relative: NDArray[np.float64] = nnls(np.concatenate(rows), wanted)[0]
    return relative * scaled
