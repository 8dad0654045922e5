"""Labelled text in splits, as it is before it is encoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autocompress.tasks.task import Task

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class TextSplit:
    """Rows of one text or two each, and their labels [n]: int64 class indices, or float32 numbers."""

    texts: list[tuple[str, ...]]
    labels: NDArray[np.int64] | NDArray[np.float32]

    def __post_init__(self) -> None:
        if len(self.texts) != len(self.labels):
            raise ValueError(f"as many texts as labels must hold, but got {len(self.texts)} and {len(self.labels)}")

    def __len__(self) -> int:
        return len(self.texts)

    def subset(self, indices: Sequence[int] | NDArray[np.int64]) -> TextSplit:
        """The rows ``indices``, in that order."""
        rows = np.asarray(indices, dtype=np.int64)
        return TextSplit([self.texts[row] for row in rows], self.labels[rows])


@dataclass(frozen=True, eq=False)
class TextDataset:
    """The splits ``train``, ``validation`` and ``test``; ``notes`` tell the user what was found, split and dropped."""

    name: str
    task: Task
    splits: Mapping[str, TextSplit]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if tuple(self.splits) != SPLITS:
            raise ValueError(f"the splits must be {', '.join(SPLITS)}, but got {', '.join(self.splits)}")
