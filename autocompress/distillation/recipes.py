"""How each student type is trained: in its super-network, and alone. Rates were chosen for these batch sizes.

What is cut from the teacher itself has a recipe of its own: at the rate of a sub-network whose weights come from the
super-network it forgets more than it learns.
"""

from __future__ import annotations

from dataclasses import dataclass

from autocompress.distillation.training import TrainingSettings
from autocompress.distillation.transfer import TransferSet


@dataclass(frozen=True)
class Recipe:
    """``epochs`` are passes over the real texts after which more training of this student type gained nothing."""

    learning_rate: float
    batch_size: int
    epochs: float

    def settings(self, budget_s: float, transfer: TransferSet, seed: int) -> TrainingSettings:
        """A training of ``budget_s`` seconds on the transfer set."""
        epochs = transfer.passes(self.epochs)
        return TrainingSettings(self.learning_rate, budget_s, epochs, batch_size=self.batch_size, seed=seed)


SUPER_NETWORK = {
    "transformer": Recipe(6e-4, 64, 12.0),
    "bilstm": Recipe(6e-3, 128, 12.0),
    "cnn": Recipe(3e-3, 128, 12.0),
}
NEAR_TEACHER = Recipe(1.5e-4, 32, 12.0)
ALONE = {"transformer": Recipe(8e-4, 64, 12.0), "bilstm": Recipe(6e-3, 128, 12.0), "cnn": Recipe(6e-3, 256, 12.0)}
