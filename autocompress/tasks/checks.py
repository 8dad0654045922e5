"""What must hold of the splits, and what to know of classes that a split lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from autocompress.system.errors import InputError
from autocompress.tasks.dataset import TextSplit
from autocompress.tasks.task import Task
from autocompress.tasks.valid_text import listed, shown

FEWEST_HELD_OUT_ROWS = 2


def check_splits(splits: Mapping[str, TextSplit], task: Task, origin: str) -> None:
    """InputError unless held-out splits have rows, numbers differ, and every class has training rows."""
    for name in ("validation", "test"):
        if len(splits[name]) < FEWEST_HELD_OUT_ROWS:
            raise InputError(
                f"the {name} data must have at least {FEWEST_HELD_OUT_ROWS} rows once rows without text and repeated "
                f"rows are dropped, but has {len(splits[name])}; give more data"
            )
    for name, split in splits.items():
        if task.kind == "regression" and (len(split) == 0 or np.ptp(split.labels) == 0):
            raise InputError(f"the labels of {name} must differ from each other, but all are the same; check {origin}")
    for index, label in enumerate(task.label_names):
        if not np.any(splits["train"].labels == index):
            raise InputError(
                f"every class must have training rows, but {shown(label)!r} has none left once rows without text and "
                f"repeated rows are dropped; add rows of that class to {origin}"
            )


def coverage_notes(splits: Mapping[str, TextSplit], task: Task, made: Sequence[str]) -> list[str]:
    """Notes on classes without a row in a held-out split, with the reason, and on those with one training row."""
    if task.kind != "classification":
        return []
    counts = {
        name: np.bincount(split.labels.astype(np.int64), minlength=task.num_outputs) for name, split in splits.items()
    }
    notes = []
    for name in ("validation", "test"):
        absent = [label for label, count in zip(task.label_names, counts[name], strict=True) if not count]
        if absent:
            why = (
                "too few rows bear them to hold some out, and training keeps one of each"
                if name in made
                else "no row of that data bears them"
            )
            notes.append(
                f"{name} has no row of {len(absent)} of {task.num_outputs} classes ({listed(absent)}): {why}; "
                f"its quality says nothing of them"
            )
    single = [label for label, count in zip(task.label_names, counts["train"], strict=True) if count == 1]
    if single:
        notes.append(
            f"a single training row bears the label of {len(single)} of {task.num_outputs} classes ({listed(single)}): "
            f"it is trained on, but hardly learnt from; give more rows or leave the class out"
        )
    return notes


def rows_of(count: int) -> str:
    """A number of rows in words, ``1 row`` or ``2,000 rows``."""
    return f"{count:,} row" if count == 1 else f"{count:,} rows"
