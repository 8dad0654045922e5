"""Defines what a kind of task must provide: from reading labels in a table to the answer of a served model.

Shapes: n rows of a split, B rows of a batch, C outputs of the model per row. The outputs are logits if the kind has
classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor, nn

Labels = NDArray[np.int64] | NDArray[np.float32]
Outputs = NDArray[np.float32]


@dataclass(frozen=True)
class Words:
    """Holds the phrases by which messages and tables describe a task and its labels.

    ``labels`` completes the sentence "the labels are taken as ...", ``found`` the note "labels from <column>: ...",
    ``model`` "it is ..., of the text in <columns>" in an exported model's README, and ``needed`` the error "the
    checkpoint's head gives ..., but the labels are ...". ``answer`` describes a model's answer in the plan of a search.
    """

    labels: str
    found: str
    answer: str
    model: str
    needed: str


class TaskKind(ABC):
    """Defines a kind of task; the entries of ``TASK_KINDS`` are instances of its subclasses.

    No method has side effects, except that ``start_head`` changes the layer that it is given. TypeError names a method
    or property that a subclass does not define.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """Return the name that ``--task``, JSON files and ``TASK_KINDS`` use."""

    @property
    @abstractmethod
    def labels_are_names(self) -> bool:
        """Return whether text in the label column is always a single name, even if it is written like a list."""

    @abstractmethod
    def label_names(self, values: Sequence[Any], where: str, declared: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the classes in the order of the model's outputs; empty if labels are numbers.

        ``values`` are the training labels as the table gives them, none missing; ``where`` names their column in error
        messages; ``declared`` are the class names that the data set itself lists. Raises InputError if a model of this
        kind cannot be trained on the labels.
        """

    @abstractmethod
    def check_label_names(self, label_names: Sequence[str]) -> None:
        """Raise InputError if a task of this kind cannot have these classes."""

    @abstractmethod
    def encode_labels(self, values: Sequence[Any], label_names: tuple[str, ...], where: str) -> Labels:
        """Return the labels [n] as a model is trained on them: int64 class indices or float32 numbers.

        InputError names the first row whose label is missing or not valid.
        """

    @abstractmethod
    def check_labels(self, labels: Labels, split: str, origin: str) -> None:
        """Raise InputError if the metric is undefined for a split's encoded ``labels`` [n]; ``origin`` is its file."""

    @abstractmethod
    def classes_of(self, labels: Labels) -> NDArray[np.int64] | None:
        """Return the class index of each row, int64 [n], or None if this kind has no classes.

        If it has, splits are drawn in proportion to the classes, every class must have training rows, and the outputs
        of a checkpoint's head may need another order to match ``label_names``.
        """

    @abstractmethod
    def num_outputs(self, label_names: Sequence[str]) -> int:
        """Return C, the number of outputs of a model."""

    @property
    @abstractmethod
    def metric(self) -> str:
        """Return the name of the metric that a search maximizes."""

    @abstractmethod
    def quality(self, outputs: Outputs, labels: Labels) -> float:
        """Return the metric of ``outputs`` [n, C] for ``labels`` [n]: a fraction, higher is better."""

    @abstractmethod
    def secondary_qualities(self, outputs: Outputs, labels: Labels) -> dict[str, float]:
        """Return further metrics of ``outputs`` [n, C] by name, which are only reported."""

    @abstractmethod
    def correct_rows(self, outputs: Outputs, labels: Labels) -> NDArray[np.bool_] | None:
        """Return whether each row is right, bool [n], if ``quality`` is the mean of these; otherwise None.

        The bootstrap of such a mean can be drawn from a binomial distribution; for other metrics rows are resampled.
        """

    @abstractmethod
    def guessing_quality(self, labels: Labels) -> float:
        """Return the metric of the best constant answer for ``labels`` [n], which does not depend on the text."""

    @abstractmethod
    def expected_quality(self, outputs: Outputs, teacher: Outputs, labels: Labels) -> float | None:
        """Return an estimate of the metric on new texts, or None if this kind has no better one than ``quality``.

        ``outputs`` [n, C] of a model and those of the teacher [n, C] are for the same texts, with ``labels`` [n].
        """

    @property
    @abstractmethod
    def exit_policy(self) -> str | None:
        """Return the key of EXIT_POLICIES by which texts leave an encoder early; None if early exits are impossible.

        A search tries other policies too, and chooses this one where several do equally well.
        """

    @property
    def exits_early(self) -> bool:
        """Return whether a model may answer a text from the head of a lower layer."""
        return self.exit_policy is not None

    @abstractmethod
    def distillation_loss(self, student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
        """Return the scalar loss by which a student's outputs [B, C] learn from the teacher's outputs [B, C]."""

    @abstractmethod
    def label_loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Return the scalar loss of outputs [B, C] for encoded labels [B]."""

    @abstractmethod
    def start_head(self, output: nn.Linear, labels: Labels) -> None:
        """Initialize the last layer of an untrained head, in place, for training on ``labels`` [n]."""

    def loss_unit(self, targets: Outputs) -> float:
        """Return what training divides its losses by, given the teacher's outputs ``targets`` [n, C]."""
        return 1.0

    @abstractmethod
    def words(self, label_names: Sequence[str]) -> Words:
        """Return the phrases that describe a task with these classes."""

    @abstractmethod
    def answer_expression(self, label_names: Sequence[str]) -> str:
        """Return a Python expression, on one line, for the answer to one text.

        It may use ``logits`` [1, C] and ``numpy``, and ends the serving example of an exported model.
        """
