"""Defines the recipe for students cut from the teacher itself, and turns recipes into training settings."""

from __future__ import annotations

from autocompress.distillation.training import TrainingSettings
from autocompress.distillation.transfer import TransferSet
from autocompress.students.recipe import Recipe

NEAR_TEACHER = Recipe(1.5e-4, 32, 12.0)
"""Recipe for students cut from the teacher itself: a super-network's learning rate would destroy what they know."""


def training_settings(recipe: Recipe, budget_s: float, transfer: TransferSet, seed: int) -> TrainingSettings:
    """Return the settings of a training on the transfer set that takes at most ``budget_s`` seconds."""
    epochs = transfer.passes(recipe.epochs)
    return TrainingSettings(recipe.learning_rate, budget_s, epochs, batch_size=recipe.batch_size, seed=seed)
