"""Defines the hyperparameters of training that each student type chooses."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Gives the learning rate tuned for ``batch_size``, and the epochs after which more training gained nothing.

    An epoch is one pass over the labelled texts. ``mask_share`` is the share of words masked in every other batch,
    ``sub_networks`` how many members of a super-network share a step.
    """

    learning_rate: float
    batch_size: int
    epochs: float
    mask_share: float = 0.1
    sub_networks: int = 2


@dataclass(frozen=True)
class Shares:
    """Gives a type's share of the time in which super-networks train, for tasks of ``single`` texts and of pairs.

    The shares of the types in a search are scaled to sum to 1.
    """

    single: float
    pair: float
