"""Defines how a student type is trained."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """A learning rate chosen for this ``batch_size``, and the epochs after which more training gained nothing.

    ``epochs`` are passes over the labelled texts.
    """

    learning_rate: float
    batch_size: int
    epochs: float


@dataclass(frozen=True)
class Shares:
    """Shares of the super-networks' time, on single texts and on pairs; they are scaled to sum to 1."""

    single: float
    pair: float
