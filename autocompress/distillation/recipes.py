"""Defines the recipe for students cut from the teacher itself, and turns recipes into settings."""

from __future__ import annotations

from autocompress.distillation.super_network import DistillationSettings
from autocompress.distillation.training import TrainingSettings
from autocompress.distillation.transfer import TransferSet
from autocompress.students.recipe import Recipe
from autocompress.tasks.kinds.kind import TaskKind

NEAR_TEACHER = Recipe(1.5e-4, 32, 12.0)
"""Recipe for students cut from the teacher itself: a super-network's learning rate would destroy what they know."""


def training_settings(recipe: Recipe, budget_s: float, transfer: TransferSet, seed: int) -> TrainingSettings:
    """Return the settings of a training on the transfer set that takes at most ``budget_s`` seconds."""
    epochs = transfer.passes(recipe.epochs)
    return TrainingSettings(recipe.learning_rate, budget_s, epochs, batch_size=recipe.batch_size, seed=seed)


def distillation_settings(
    recipe: Recipe, training: TrainingSettings, kind: TaskKind, transfer: TransferSet
) -> DistillationSettings:
    """Return the settings of a distillation on the transfer set that follows the schedule ``training``."""
    return DistillationSettings(
        training,
        kind,
        mask_share=recipe.mask_share,
        sub_networks=recipe.sub_networks,
        loss_unit=kind.loss_unit(transfer.targets),
    )
