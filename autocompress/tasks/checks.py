"""Checks the splits of a data set, and tells of classes that a split lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from autocompress.system.errors import InputError
from autocompress.tasks.dataset import TextSplit
from autocompress.tasks.task import Task
from autocompress.tasks.valid_text import listed, shown

FEWEST_HELD_OUT_ROWS = 2


def check_splits(splits: Mapping[str, TextSplit], task: Task, origin: str) -> None:
    """Raise InputError unless held-out splits have rows, labels suit the metric, and every class has training rows."""
    for name in ("validation", "test"):
        if len(splits[name]) < FEWEST_HELD_OUT_ROWS:
            raise InputError(
                f"the {name} data must have at least {FEWEST_HELD_OUT_ROWS} rows once rows without text and repeated "
                f"rows are dropped, but has {len(splits[name])}; give more data"
            )
    for name, split in splits.items():
        task.definition.check_labels(split.labels, name, origin)
    classes = task.definition.classes_of(splits["train"].labels)
    for index, label in enumerate(task.label_names if classes is not None else ()):
        if not np.any(classes == index):
            raise InputError(
                f"every class must have training rows, but {shown(label)!r} has none left once rows without text and "
                f"repeated rows are dropped; add rows of that class to {origin}"
            )


def coverage_notes(splits: Mapping[str, TextSplit], task: Task, made: Sequence[str]) -> list[str]:
    """Notes on classes without a row in a held-out split, with the reason, and on those with one training row.

    ``made`` names the splits that were split off the training rows.
    """
    counts, count = {}, len(task.label_names)
    for name, split in splits.items():
        classes = task.definition.classes_of(split.labels)
        if classes is None:
            return []
        counts[name] = np.bincount(classes, minlength=count)
    notes = []
    for name in ("validation", "test"):
        absent = [label for label, rows in zip(task.label_names, counts[name], strict=True) if not rows]
        if absent:
            why = (
                "too few rows bear them to hold some out, and training keeps one of each"
                if name in made
                else "no row of that data bears them"
            )
            notes.append(
                f"{name} has no row of {len(absent)} of {count} classes ({listed(absent)}): {why}; "
                f"its quality says nothing of them"
            )
    single = [label for label, rows in zip(task.label_names, counts["train"], strict=True) if rows == 1]
    if single:
        notes.append(
            f"a single training row bears the label of {len(single)} of {count} classes ({listed(single)}): "
            f"it is trained on, but hardly learnt from; give more rows or leave the class out"
        )
    return notes


def rows_of(count: int) -> str:
    """Write a number of rows in words, ``1 row`` or ``2,000 rows``."""
    return f"{count:,} row" if count == 1 else f"{count:,} rows"
