"""What a checkpoint says of the task that its head was trained for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autocompress.system.errors import InputError
from autocompress.tasks.valid_text import listed

if TYPE_CHECKING:
    from autocompress.tasks.kinds.kind import TaskKind


@dataclass(frozen=True)
class DeclaredTask:
    """The entries of a checkpoint's configuration that describe its trained head, as in transformers.

    ``label_names`` is in the order of the outputs, and empty where they are only LABEL_0, LABEL_1 and so on.
    """

    num_labels: int | None
    problem_type: str | None
    label_names: tuple[str, ...]

    @property
    def is_regression(self) -> bool:
        """Whether the head gives a number."""
        return self.problem_type == "regression" or (
            self.num_labels == 1 and self.problem_type != "single_label_classification"
        )


def refuse_multi_label(declared: DeclaredTask | None) -> None:
    """Raise InputError if the checkpoint's head gives several labels for a text."""
    if declared is not None and declared.problem_type == "multi_label_classification":
        raise InputError(
            "the checkpoint's head must give one class or one number for a text, but its configuration says "
            "problem_type multi_label_classification (several labels for a text), which is not supported yet; give the "
            "checkpoint that it was fine-tuned from, or one for a single label"
        )


def contradictions(declared: DeclaredTask | None, kind: TaskKind, label_names: Sequence[str]) -> tuple[str, ...]:
    """Return a note if the checkpoint's head does not have the outputs that the labels ask for."""
    if declared is None or declared.num_labels is None:
        return ()
    number_for_classes = bool(label_names) and declared.is_regression
    if declared.num_labels == kind.num_outputs(label_names) and not number_for_classes:
        return ()
    named = f" ({listed(declared.label_names)})" if declared.label_names else ""
    given = "one number" if declared.num_labels == 1 else f"{declared.num_labels} outputs{named}"
    needed = kind.words(label_names).needed
    return (f"the checkpoint's head gives {given}, but the labels are {needed}: that head does not fit them",)
