"""The contract of a kind of task: from the labels in a table to the answer of a model that is served.

Shapes: n rows, C outputs of the model, B rows of a batch. Outputs are logits where they stand for classes.
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
    """What messages and tables call a task and its labels.

    ``labels`` completes "the labels are taken as ..."; ``found`` completes "labels from <column>: ..." of a note;
    ``answer`` is what the plan of a search says that a text is mapped to; ``model`` completes "it is ..., of the text
    in <columns>" of a model card; ``needed`` completes "the checkpoint's head gives ..., but the labels are ...".
    """

    labels: str
    found: str
    answer: str
    model: str
    needed: str


class TaskKind(ABC):
    """Everything that the program asks about a kind of task; the entries of ``TASK_KINDS`` are instances.

    All methods are pure. Python refuses an instance that lacks a part, with a TypeError that names it.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """The name in ``--task`` and in every JSON file, and the key in ``TASK_KINDS``."""

    @property
    @abstractmethod
    def labels_are_names(self) -> bool:
        """Whether text in the label column is one name as it stands, even where it is written like a list."""

    @abstractmethod
    def label_names(self, values: Sequence[Any], where: str, declared: Sequence[str]) -> tuple[str, ...]:
        """The classes among training labels, in the order of the model's outputs; empty where labels are numbers.

        ``values`` are as the table gives them, none missing; ``where`` names their column in messages; ``declared``
        are the names that the data set lists itself. InputError if the labels cannot be learnt as this kind.
        """

    @abstractmethod
    def check_label_names(self, label_names: Sequence[str]) -> None:
        """Raise InputError unless a task of this kind can have these classes."""

    @abstractmethod
    def encode_labels(self, values: Sequence[Any], label_names: tuple[str, ...], where: str) -> Labels:
        """The labels [n] that a model is trained on: int64 class indices or float32 numbers.

        InputError names the first row whose label is missing or cannot be one.
        """

    @abstractmethod
    def check_labels(self, labels: Labels, split: str, origin: str) -> None:
        """Raise InputError if the metric has no value on encoded ``labels`` [n] of a split; ``origin`` is the file."""

    @abstractmethod
    def classes_of(self, labels: Labels) -> NDArray[np.int64] | None:
        """The class index of each row, int64 [n], or None where rows have no class.

        Rows are split off in proportion to the classes, every class must have training rows, and a checkpoint's head
        may have its outputs in another order than ``label_names``.
        """

    @abstractmethod
    def num_outputs(self, label_names: Sequence[str]) -> int:
        """C, the width of the model's output."""

    @property
    @abstractmethod
    def metric(self) -> str:
        """Name of the metric that steers a search."""

    @abstractmethod
    def quality(self, outputs: Outputs, labels: Labels) -> float:
        """The metric of ``outputs`` [n, C] against ``labels`` [n]: a fraction, higher is better."""

    @abstractmethod
    def secondary_qualities(self, outputs: Outputs, labels: Labels) -> dict[str, float]:
        """Metrics that are reported beside the first, by name."""

    @abstractmethod
    def correct_rows(self, outputs: Outputs, labels: Labels) -> NDArray[np.bool_] | None:
        """Whether each row is right, bool [n], where ``quality`` is the mean of that; None where it is not.

        A bootstrap of a mean of zeros and ones is a binomial draw; for other metrics whole rows are resampled.
        """

    @abstractmethod
    def guessing_quality(self, labels: Labels) -> float:
        """The metric of a model that reads no text and gives the best constant answer to ``labels`` [n]."""

    @abstractmethod
    def expected_quality(self, outputs: Outputs, teacher: Outputs, labels: Labels) -> float | None:
        """The metric to expect on fresh texts, from the outputs of model and teacher [n, C] on the same ones.

        None where only the measured value is known.
        """

    @property
    @abstractmethod
    def exit_policy(self) -> str | None:
        """Name of the policy (of EXIT_POLICIES) by which texts may leave an encoder early; None where they cannot."""

    @property
    def exits_early(self) -> bool:
        """Whether a model may answer from a lower layer that is confident."""
        return self.exit_policy is not None

    @abstractmethod
    def distillation_loss(self, student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
        """The loss of a student's outputs [B, C] towards its teacher's [B, C], a scalar."""

    @abstractmethod
    def label_loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """The loss of outputs [B, C] towards encoded labels [B], a scalar."""

    @abstractmethod
    def start_head(self, output: nn.Linear, labels: Labels) -> None:
        """Set the last layer of a fresh head, in place, to a good start for training on ``labels`` [n]."""

    @abstractmethod
    def words(self, label_names: Sequence[str]) -> Words:
        """What messages and tables call a task with these classes."""

    @abstractmethod
    def answer_expression(self, label_names: Sequence[str]) -> str:
        """A Python expression for the answer to one text, on one line; ``logits`` [1, C] and ``numpy`` are known.

        It is the last of the lines that serve an exported model.
        """
