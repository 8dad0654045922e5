"""The teacher's hidden states as a target beside its logits: few numbers a text, learnt from the student's features.

Two logits say little about a text. FitNets (Romero et al. 2015) and TinyBERT (Jiao et al. 2020, section 3.1) train a
student towards hidden states through a linear map that is thrown away afterwards; here the states are pooled over the
tokens and reduced to their principal components, so that a student without layers to match can have them too.
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
    """Components [n, K] of unit variance of the teacher's pooled hidden states, and the weight of each in the loss."""

    values: NDArray[np.float16]
    shares: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Components:
    """The ``mean`` [F] of hidden states, a ``basis`` [F, K] that gives unit variances, and ``shares`` [K], sum 1."""

    mean: NDArray[np.float32]
    basis: NDArray[np.float32]
    shares: NDArray[np.float32]

    def of(self, states: NDArray[np.float32]) -> NDArray[np.float16]:
        """Components [n, K] of hidden states [n, F]."""
        return ((states - self.mean) @ self.basis).astype(np.float16)


def principal_components(states: NDArray[np.float32], count: int = COMPONENTS) -> Components:
    """The ``count`` directions of largest variance of ``states`` [n, F], weighted by their standard deviation.

    Components of no variance are left out.
    """
    found = PCA(min(count, *states.shape)).fit(states.astype(np.float64))
    kept = found.explained_variance_ > 1e-6 * found.explained_variance_[0]
    deviations = np.sqrt(found.explained_variance_[kept])
    basis = (found.components_[kept].T / deviations).astype(np.float32)
    return Components(found.mean_.astype(np.float32), basis, (deviations / deviations.sum()).astype(np.float32))


class HiddenGuide(nn.Module):
    """A linear map from a student's features to the teacher's components, trained with the student and then dropped."""

    shares: Tensor

    def __init__(self, width: int, shares: Tensor) -> None:
        super().__init__()
        self.map = nn.Linear(width, len(shares))
        self.register_buffer("shares", shares)

    def loss(self, features: Tensor, components: Tensor) -> Tensor:
        """Squared error of the components [B, K] as read from ``features`` [B, width], weighted by their shares."""
        squared = F.mse_loss(self.map(features.float()), components.float(), reduction="none")
        return (squared @ self.shares).mean()
