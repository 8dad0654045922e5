"""What is to be predicted from what."""

from __future__ import annotations

from dataclasses import dataclass

from autocompress.domain.problem import KINDS
from autocompress.system.errors import InputError
from autocompress.system.serialization import Stored


@dataclass(frozen=True)
class Task(Stored):
    """One text, or a pair of texts, to a class or to a number. ``label_names`` is in the order of the outputs."""

    kind: str
    text_columns: tuple[str, ...]
    label_column: str
    label_names: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"the kind of a task must be one of {', '.join(KINDS)}, but got {self.kind!r}")
        if len(self.text_columns) not in (1, 2):
            raise InputError(f"a task has one text column or two, but got {list(self.text_columns)}")
        if self.kind == "classification" and len(set(self.label_names)) < max(2, len(self.label_names)):
            raise InputError(f"a classification needs two or more different classes, but got {list(self.label_names)}")
        if self.kind == "regression" and self.label_names:
            raise InputError(f"a regression has no classes, but got {list(self.label_names)}")

    @property
    def pair(self) -> bool:
        """Whether the input is two texts."""
        return len(self.text_columns) == 2

    @property
    def num_outputs(self) -> int:
        """Width of the model's output: the number of classes, or 1 for a regression."""
        return len(self.label_names) if self.kind == "classification" else 1

    @property
    def metric(self) -> str:
        """Name of the metric that steers, higher is better: ``accuracy`` or ``pearson``."""
        return "accuracy" if self.kind == "classification" else "pearson"
