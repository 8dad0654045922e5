"""What a model predicts, and from which columns of a table."""

from __future__ import annotations

from dataclasses import dataclass

from autocompress.system.errors import InputError
from autocompress.system.serialization import Stored
from autocompress.tasks.kinds import task_kind
from autocompress.tasks.kinds.kind import TaskKind, Words


@dataclass(frozen=True)
class Task(Stored):
    """One text, or a pair of texts, and what is predicted from it.

    ``kind`` is a name in ``TASK_KINDS``; ``label_names`` are the classes in the order of the model's outputs, empty
    where labels are numbers. Raises InputError for what no task can be.
    """

    kind: str
    text_columns: tuple[str, ...]
    label_column: str
    label_names: tuple[str, ...]

    def __post_init__(self) -> None:
        kind = self.definition
        if len(self.text_columns) not in (1, 2):
            raise InputError(f"a task has one text column or two, but got {list(self.text_columns)}")
        kind.check_label_names(self.label_names)

    @property
    def definition(self) -> TaskKind:
        """How tasks of this kind are encoded, trained, judged and served."""
        return task_kind(self.kind, "the kind of a task")

    @property
    def pair(self) -> bool:
        """Whether the input is two texts."""
        return len(self.text_columns) == 2

    @property
    def num_outputs(self) -> int:
        """Width of the model's output."""
        return self.definition.num_outputs(self.label_names)

    @property
    def metric(self) -> str:
        """Name of the metric that steers; higher is better."""
        return self.definition.metric

    @property
    def words(self) -> Words:
        """What messages and tables call the task and its labels."""
        return self.definition.words(self.label_names)
