"""Fit a cost as a sum of terms with non-negative weights to measured costs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

PRIOR_WEIGHT = 0.05
"""Weight of the prior of each term against one measured cost."""


def fit_weights(
    terms: NDArray[np.float64], costs: NDArray[np.float64], prior: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fit weights [k] >= 0 by least squares of the relative error of ``terms`` [n, k] @ weights against ``costs`` [n].

    Costs and ``prior`` [k] are positive. The prior is scaled to the median of the costs and regularises the fit, so
    that weights of which the costs say little stay near it. Without any costs the weights are the prior.
    """
    if not len(costs):
        return prior
    scaled = prior * float(np.median(costs / (terms @ prior)))
    rows = [terms * scaled / costs[:, None], np.sqrt(PRIOR_WEIGHT) * np.eye(len(prior))]
    wanted = np.concatenate([np.ones(len(costs)), np.full(len(prior), np.sqrt(PRIOR_WEIGHT))])
    relative: NDArray[np.float64] = nnls(np.concatenate(rows), wanted)[0]
    return relative * scaled
