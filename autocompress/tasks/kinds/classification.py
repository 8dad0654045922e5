"""Defines classification: a model assigns one of several classes to a text, or to a pair of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autocompress.system.errors import InputError
from autocompress.tasks.kinds.kind import Labels, Outputs, TaskKind, Words
from autocompress.tasks.labels import class_indices, class_names
from autocompress.tasks.metrics import macro_f1, per_example_correct
from autocompress.tasks.valid_text import listed, literal, shown

if TYPE_CHECKING:
    from torch import Tensor, nn


class Classification(TaskKind):
    """Predicts the class with the largest logit; a search maximizes accuracy, and macro-F1 is reported beside it."""

    name = "classification"
    labels_are_names = True
    metric = "accuracy"

    def label_names(self, values: Sequence[Any], where: str, declared: Sequence[str]) -> tuple[str, ...]:
        return class_names(values, where, declared)

    def check_label_names(self, label_names: Sequence[str]) -> None:
        if len(set(label_names)) < max(2, len(label_names)):
            raise InputError(f"a classification needs two or more different classes, but got {list(label_names)}")

    def encode_labels(self, values: Sequence[Any], label_names: tuple[str, ...], where: str) -> Labels:
        return class_indices(values, label_names, where)

    def check_labels(self, labels: Labels, split: str, origin: str) -> None:
        """Accept all labels, since accuracy is defined for any."""

    def classes_of(self, labels: Labels) -> NDArray[np.int64] | None:
        return labels.astype(np.int64)

    def num_outputs(self, label_names: Sequence[str]) -> int:
        return len(label_names)

    def quality(self, outputs: Outputs, labels: Labels) -> float:
        return float(np.mean(per_example_correct(outputs, labels)))

    def secondary_qualities(self, outputs: Outputs, labels: Labels) -> dict[str, float]:
        return {"macro_f1": macro_f1(np.argmax(outputs, axis=1), labels)}

    def correct_rows(self, outputs: Outputs, labels: Labels) -> NDArray[np.bool_] | None:
        return per_example_correct(outputs, labels)

    def guessing_quality(self, labels: Labels) -> float:
        """Return the share of the most frequent class, which is the accuracy of always answering it."""
        return float(np.bincount(labels.astype(np.int64)).max() / len(labels))

    def expected_quality(self, outputs: Outputs, teacher: Outputs, labels: Labels) -> float | None:
        from autocompress.tasks.expected import expected_accuracy  # scipy is not for the process that measures

        return expected_accuracy(outputs, teacher, labels)

    @property
    def exit_policy(self) -> str | None:
        return "confidence"

    def distillation_loss(self, student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
        """Return the Kullback-Leibler divergence of the student's distribution from the teacher's, mean over rows.

        Both logits are divided by ``temperature``. The result is multiplied by its square, so that gradients keep
        their size (soft targets, Hinton et al. 2015, section 2).
        """
        from torch.nn import functional as F

        log_student = F.log_softmax(student.float() / temperature, dim=-1)
        target = F.softmax(teacher.float() / temperature, dim=-1)
        return F.kl_div(log_student, target, reduction="batchmean") * temperature**2

    def label_loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy of the logits with class indices, mean over rows."""
        from torch.nn import functional as F

        return F.cross_entropy(outputs.float(), labels)

    def start_head(self, output: nn.Linear, labels: Labels) -> None:
        """Keep the random weights with which transformers initializes the layer."""

    def words(self, label_names: Sequence[str]) -> Words:
        count = len(label_names)
        return Words(
            labels="classes (a classification)",
            found=f"{count} classes: {listed(label_names)}",
            answer=f"classes {', '.join(map(shown, label_names))}",
            model=f"a classification into {count} classes",
            needed=f"{count} classes ({listed(label_names)})",
        )

    def answer_expression(self, label_names: Sequence[str]) -> str:
        """Return an expression for the name of the class with the largest logit."""
        return f"[{', '.join(map(literal, label_names))}][logits[0].argmax()]"


CLASSIFICATION = Classification()
