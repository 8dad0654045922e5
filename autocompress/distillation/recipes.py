"""Recipes of a training that do not belong to one student type, and the settings that a recipe gives."""

from __future__ import annotations

from autocompress.distillation.training import TrainingSettings
from autocompress.distillation.transfer import TransferSet
from autocompress.students.recipe import Recipe

NEAR_TEACHER = Recipe(1.5e-4, 32, 12.0)
"""For what is cut from the teacher itself: at the rate of a sub-network of the super-network it would forget."""


def training_settings(recipe: Recipe, budget_s: float, transfer: TransferSet, seed: int) -> TrainingSettings:
    """A training of at most ``budget_s`` seconds on the transfer set."""
    epochs = transfer.passes(recipe.epochs)
    return TrainingSettings(recipe.learning_rate, budget_s, epochs, batch_size=recipe.batch_size, seed=seed)
