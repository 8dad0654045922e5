"""Defines the hyperparameters of training that each student type chooses."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Gives the learning rate tuned for ``batch_size``, and the epochs after which more training gained nothing.

    An epoch is one pass over the labelled texts.
    """

    learning_rate: float
    batch_size: int
    epochs: float


@dataclass(frozen=True)
class Shares:
    """Gives a type's share of the time in which super-networks train, for tasks of ``single`` texts and of pairs.

    The shares of the types in a search are scaled to sum to 1.
    """

    single: float
    pair: float
