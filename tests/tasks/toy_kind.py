"""A kind of task in one file: ordered grades, trained as classes, judged by quadratic-weighted kappa.

``AUTOCOMPRESS_EXTENSIONS=tests/tasks/toy_kind.py autocompress search --task ordinal --train FILE`` searches with it;
``write_grades`` writes such a file.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autocompress.system.errors import InputError
from autocompress.tasks.kinds import TASK_KINDS
from autocompress.tasks.kinds.kind import Labels, Outputs, TaskKind, Words
from autocompress.tasks.labels import class_indices, class_names

if TYPE_CHECKING:
    from torch import Tensor, nn


class Ordinal(TaskKind):
    """Maps a text to a whole-number grade: the one nearest to the mean of the grades by their probabilities."""

    name = "ordinal"
    labels_are_names = False
    metric = "quadratic_kappa"

    def label_names(self, values: Sequence[Any], where: str, declared: Sequence[str]) -> tuple[str, ...]:
        names = class_names(values, where, declared)
        if not all(name.removeprefix("-").isdigit() for name in names):
            raise InputError(f"grades must be whole numbers for --task ordinal, but {where} has {', '.join(names[:6])}")
        return names

    def check_label_names(self, label_names: Sequence[str]) -> None:
        if len(set(label_names)) < max(2, len(label_names)):
            raise InputError(f"an ordinal task needs two or more different grades, but got {list(label_names)}")

    def encode_labels(self, values: Sequence[Any], label_names: tuple[str, ...], where: str) -> Labels:
        return class_indices(values, label_names, where)

    def check_labels(self, labels: Labels, split: str, origin: str) -> None:
        if len(np.unique(labels)) < 2:
            raise InputError(f"the grades of {split} must differ from each other, but all are the same; check {origin}")

    def classes_of(self, labels: Labels) -> NDArray[np.int64] | None:
        return labels.astype(np.int64)

    def num_outputs(self, label_names: Sequence[str]) -> int:
        return len(label_names)

    def quality(self, outputs: Outputs, labels: Labels) -> float:
        """Quadratic-weighted kappa (Cohen 1968); 0.0 where all grades and answers are one."""
        grades = np.rint(expected_grades(outputs))
        spread = np.square(np.subtract.outer(grades, labels.astype(np.float64))).mean()
        return float(1.0 - np.square(grades - labels).mean() / spread) if spread > 0 else 0.0

    def secondary_qualities(self, outputs: Outputs, labels: Labels) -> dict[str, float]:
        return {"accuracy": float(np.mean(np.rint(expected_grades(outputs)) == labels))}

    def correct_rows(self, outputs: Outputs, labels: Labels) -> NDArray[np.bool_] | None:
        return None

    def guessing_quality(self, labels: Labels) -> float:
        return 0.0

    def expected_quality(self, outputs: Outputs, teacher: Outputs, labels: Labels) -> float | None:
        return None

    @property
    def exit_policy(self) -> str | None:
        return "confidence"

    def distillation_loss(self, student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
        """Squared difference of the cumulative probabilities, so that near grades cost less than far ones."""
        ours, theirs = ((logits.float() / temperature).softmax(-1).cumsum(-1) for logits in (student, teacher))
        return (ours - theirs).square().sum(-1).mean()

    def label_loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        from torch.nn import functional as F

        return F.cross_entropy(outputs.float(), labels)

    def start_head(self, output: nn.Linear, labels: Labels) -> None:
        """Set the biases to the logarithms of the grades' shares."""
        import torch

        shares = (np.bincount(labels.astype(np.int64), minlength=output.out_features) + 1) / (len(labels) + 1)
        with torch.no_grad():
            output.bias.copy_(torch.from_numpy(np.log(shares)))

    def words(self, label_names: Sequence[str]) -> Words:
        grades = f"{label_names[0]} to {label_names[-1]}" if label_names else "none"
        return Words(
            labels="ordered grades (an ordinal task)",
            found=f"{len(label_names)} grades: {grades}",
            answer=f"grades {grades}",
            model=f"a grading from {grades}",
            needed=f"{len(label_names)} grades ({grades})",
        )

    def answer_expression(self, label_names: Sequence[str]) -> str:
        """The expected grade."""
        return f"float(numpy.average([{', '.join(label_names)}], weights=numpy.exp(logits[0] - logits[0].max())))"


def expected_grades(outputs: Outputs) -> NDArray[np.float64]:
    """The mean grade [n] by the probabilities of logits [n, C]."""
    weights = np.exp(outputs.astype(np.float64) - outputs.max(axis=-1, keepdims=True))
    return np.asarray(weights @ np.arange(outputs.shape[-1]) / weights.sum(axis=-1))


def write_grades(path: Path, rows: int = 600, seed: int = 0) -> Path:
    """Write a CSV of ``text`` and ``rating``, a number from 0 to 4: how many of the text's four opinions are good."""
    rng = np.random.default_rng(seed)
    words = {False: ("poor", "awful", "dull", "sad"), True: ("fine", "great", "lovely", "happy")}
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("text", "rating"))
        for number in range(rows):
            good = rng.permutation(np.arange(4) < number % 5)
            opinions = [str(rng.choice(words[bool(each)])) for each in good]
            writer.writerow((f"number {number} was {' and '.join(opinions)}", number % 5))
    return path


TASK_KINDS[Ordinal.name] = Ordinal()
