"""Defines regression: a model predicts one number for a text, or for a pair of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autocompress.system.errors import InputError
from autocompress.tasks.kinds.kind import Labels, Outputs, TaskKind, Words
from autocompress.tasks.labels import number_of, regression_labels, spelled
from autocompress.tasks.metrics import pearson, spearman
from autocompress.tasks.valid_text import shown

if TYPE_CHECKING:
    from torch import Tensor, nn


class Regression(TaskKind):
    """Predicts a number; a search maximizes the Pearson correlation, which ignores the scale and offset of outputs."""

    name = "regression"
    labels_are_names = False
    metric = "pearson"

    def label_names(self, values: Sequence[Any], where: str, declared: Sequence[str]) -> tuple[str, ...]:
        if not any(number_of(spelled(value)) is not None for value in values):
            raise InputError(
                f"the labels of {where} must be numbers for --task regression, but data row 1 has "
                f"{shown(spelled(values[0]))!r}; leave --task out, or choose another column with --label-column"
            )
        return ()

    def check_label_names(self, label_names: Sequence[str]) -> None:
        if label_names:
            raise InputError(f"a regression has no classes, but got {list(label_names)}")

    def encode_labels(self, values: Sequence[Any], label_names: tuple[str, ...], where: str) -> Labels:
        return regression_labels(values, where).astype(np.float32)

    def check_labels(self, labels: Labels, split: str, origin: str) -> None:
        """Raise InputError if all labels are equal, since correlation with a constant is undefined."""
        if len(labels) == 0 or np.ptp(labels) == 0:
            raise InputError(f"the labels of {split} must differ from each other, but all are the same; check {origin}")

    def classes_of(self, labels: Labels) -> NDArray[np.int64] | None:
        return None

    def num_outputs(self, label_names: Sequence[str]) -> int:
        return 1

    def quality(self, outputs: Outputs, labels: Labels) -> float:
        """Return the Pearson correlation, or 0.0 if the outputs are constant."""
        return pearson(outputs[:, 0], labels)

    def secondary_qualities(self, outputs: Outputs, labels: Labels) -> dict[str, float]:
        return {"spearman": spearman(outputs[:, 0], labels)}

    def correct_rows(self, outputs: Outputs, labels: Labels) -> NDArray[np.bool_] | None:
        return None

    def guessing_quality(self, labels: Labels) -> float:
        """Return 0.0, the correlation that ``quality`` gives constant outputs."""
        return 0.0

    def expected_quality(self, outputs: Outputs, teacher: Outputs, labels: Labels) -> float | None:
        return None

    @property
    def exit_policy(self) -> str | None:
        return "agreement"

    def distillation_loss(self, student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
        """Return the mean squared error to the teacher's outputs; ``temperature`` has no effect on numbers."""
        from torch.nn import functional as F

        return F.mse_loss(student.float(), teacher.float())

    def label_loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Return the mean squared error to the labels."""
        from torch.nn import functional as F

        return F.mse_loss(outputs.float().squeeze(-1), labels.float())

    def start_head(self, output: nn.Linear, labels: Labels) -> None:
        """Set the bias to the mean label, so that training starts from the best constant."""
        import torch

        with torch.no_grad():
            output.bias.fill_(float(labels.mean()))

    def loss_unit(self, targets: Outputs) -> float:
        """Return the targets' variance, so that the losses of scores from 0 to 1 and from 0 to 100 are alike."""
        variance = float(targets.var())
        return variance if np.isfinite(variance) and variance > 0 else 1.0

    def words(self, label_names: Sequence[str]) -> Words:
        return Words(
            labels="scores (a regression)",
            found="numbers (regression)",
            answer="a number",
            model="a regression",
            needed="scores, one number",
        )

    def answer_expression(self, label_names: Sequence[str]) -> str:
        return "float(logits[0, 0])"


REGRESSION = Regression()
