"""Distils the teacher's hidden states in addition to its logits: a student's features learn to predict them.

Two logits contain little about a text. FitNets (Romero et al. 2015) and TinyBERT (Jiao et al. 2020, section 3.1) train
a student towards hidden states through a linear map that is dropped after training. Here the states are pooled over
the tokens and reduced to their principal components, so that students without matching layers can learn from them too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from torch import Tensor, nn
from torch.nn import functional as F

COMPONENTS = 64


@dataclass(frozen=True, eq=False)
class HiddenStates:
    """Holds the principal components ``values`` [n, K] of the teacher's pooled hidden states, each of unit variance.

    ``shares`` [K], which sum to 1, are the components' weights in the loss.
    """

    values: NDArray[np.float16]
    shares: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PrincipalComponents:
    """Projects pooled hidden states onto their principal components, scaled to unit variance.

    ``mean`` is [F], ``basis`` [F, K]; ``shares`` [K], which sum to 1, are the components' weights in the loss.
    """

    mean: NDArray[np.float32]
    basis: NDArray[np.float32]
    shares: NDArray[np.float32]

    def project(self, states: NDArray[np.float32]) -> NDArray[np.float16]:
        """Return the components [n, K] of hidden states [n, F]."""
        return ((states - self.mean) @ self.basis).astype(np.float16)


def principal_components(states: NDArray[np.float32], count: int = COMPONENTS) -> PrincipalComponents:
    """Find the ``count`` directions of largest variance of ``states`` [n, F]; each share is its standard deviation.

    Directions of no variance are left out.
    """
    found = PCA(min(count, *states.shape)).fit(states.astype(np.float64))
    varied = found.explained_variance_ > 1e-6 * found.explained_variance_[0]
    deviations = np.sqrt(found.explained_variance_[varied])
    basis = (found.components_[varied].T / deviations).astype(np.float32)
    shares = (deviations / deviations.sum()).astype(np.float32)
    return PrincipalComponents(found.mean_.astype(np.float32), basis, shares)


class HiddenGuide(nn.Module):
    """Maps a student's features linearly to the teacher's components; trained with the student, then dropped."""

    shares: Tensor

    def __init__(self, width: int, shares: Tensor) -> None:
        super().__init__()
        self.map = nn.Linear(width, len(shares))
        self.register_buffer("shares", shares)

    def loss(self, features: Tensor, components: Tensor) -> Tensor:
        """Return the squared error of ``components`` [B, K] as predicted from ``features`` [B, width], by share."""
        squared = F.mse_loss(self.map(features.float()), components.float(), reduction="none")
        return (squared @ self.shares).mean()
