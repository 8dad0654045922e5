"""What is to be predicted from what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from autocompress.errors import InputError

KINDS = ("classification", "regression")


@dataclass(frozen=True)
class Task:
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

    def to_json(self) -> dict[str, Any]:
        """The JSON form; ``from_json`` gives the equal value back."""
        return asdict(self) | {"text_columns": list(self.text_columns), "label_names": list(self.label_names)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Task:
        """Read the JSON form; InputError if fields are missing or wrong."""
        try:
            names = {name: tuple(data[name]) for name in ("text_columns", "label_names")}
            return cls(kind=data["kind"], label_column=data["label_column"], **names)
        except (KeyError, TypeError) as error:
            raise InputError(f"not a task: {error}") from error
