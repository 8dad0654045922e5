"""From a data source to labelled text in three splits: columns found, labels read, leaks closed, splits made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autocompress.errors import InputError
from autocompress.problem import DataSource
from autocompress.tasks.columns import find_columns, require_columns
from autocompress.tasks.dataset import SPLITS, TextDataset, TextSplit
from autocompress.tasks.demo import load_demo
from autocompress.tasks.labels import class_indices, infer_classes, regression_labels
from autocompress.tasks.splits import held_out_count, split_off
from autocompress.tasks.tables import Table, is_file, read_file, read_hub
from autocompress.tasks.task import Task

FEWEST_TRAINING_ROWS = 20
FEWEST_HELD_OUT_ROWS = 2


def load_dataset(source: DataSource, seed: int = 0) -> TextDataset:
    """Read the labelled text of ``source``; every reason why it cannot be used is an InputError of one line.

    Missing splits are taken out of the training rows, in proportion to the classes, with ``seed``. Rows without text
    are dropped, and training rows that stand in validation or test too. Without any source it is the built-in demo,
    whose split is fixed.
    """
    if source.train is None:
        return load_demo()
    tables = _read_tables(source)
    train = tables["train"]
    text_columns, label_column = find_columns(train.names, source.text_columns, source.label_column, train.origin)
    loading = _Loading(text_columns, label_column)
    task = loading.infer_task(train)
    splits = {name: loading.read(table, task) for name, table in tables.items() if loading.has_labels(name, table)}
    if len(splits["train"]) < FEWEST_TRAINING_ROWS:
        raise InputError(
            f"{train.origin} must have at least {FEWEST_TRAINING_ROWS} rows to train on, "
            f"but has {len(splits['train'])}; give more data"
        )
    made = [name for name in ("test", "validation") if name not in splits]
    rng = np.random.default_rng(seed)
    count = held_out_count(len(splits["train"]))
    for name in made:
        splits[name] = loading.hold_out(splits, name, count, task, rng)
    loading.close_leaks(splits, "validation" in made)
    _check(splits, task, train.origin)
    return TextDataset(source.train, task, {name: splits[name] for name in SPLITS}, tuple(loading.notes))


def load_split(name: str, task: Task) -> tuple[TextSplit, tuple[str, ...]]:
    """Read one file, or the test split of a data set by name, as labelled text of a task that is known, with notes.

    The task's own columns are read where they exist, the usual names otherwise. InputError as in ``load_dataset``.
    """
    if is_file(name):
        table = read_file(name)
    else:
        tables = read_hub(name)
        table = next(tables[split] for split in ("test", "validation", "train") if split in tables)
    known = {*task.text_columns, task.label_column} <= set(table.names)
    columns = (task.text_columns, task.label_column) if known else find_columns(table.names, None, None, table.origin)
    if len(columns[0]) != len(task.text_columns):
        raise InputError(
            f"{table.origin} must have {len(task.text_columns)} text columns for this model, but "
            f"{len(columns[0])} were found ({', '.join(columns[0])}); rename them to {', '.join(task.text_columns)}"
        )
    loading = _Loading(*columns)
    split = loading.read(table, task)
    if not len(split):
        raise InputError(f"{table.origin} must have rows with text, but every text is empty")
    return split, tuple(loading.notes)


@dataclass(frozen=True)
class _Loading:
    """The columns of one loading, and what there is to say about it."""

    text_columns: tuple[str, ...]
    label_column: str
    notes: list[str] = field(default_factory=list)

    def infer_task(self, table: Table) -> Task:
        where = f"column {self.label_column!r} of {table.origin}"
        kind, classes = infer_classes(table.read(self.label_column), table.class_names.get(self.label_column), where)
        shown = ", ".join(classes[:6]) + (", ..." if len(classes) > 6 else "")
        found = f"{len(classes)} classes: {shown}" if classes else "numbers (regression)"
        self.notes.append(f"text from {' and '.join(self.text_columns)}, labels from {self.label_column}: {found}")
        return Task(kind, self.text_columns, self.label_column, classes)

    def has_labels(self, name: str, table: Table) -> bool:
        """False, and said, for the test split of a public data set whose labels are kept secret (-1)."""
        declared = self.label_column in table.class_names
        if name != "test" or not declared or any(label != -1 for label in table.read(self.label_column)):
            return True
        self.notes.append(f"{table.origin} has no labels: it is not used")
        return False

    def read(self, table: Table, task: Task) -> TextSplit:
        require_columns(table.names, (*self.text_columns, self.label_column), table.origin)
        columns = [[_text(value, table, name) for value in table.read(name)] for name in self.text_columns]
        where = f"column {self.label_column!r} of {table.origin}"
        labels = _labels(table, self.label_column, task, where)
        texts = list(zip(*columns, strict=True))
        full = [row for row, parts in enumerate(texts) if all(part.strip() for part in parts)]
        if len(full) < len(texts):
            self.notes.append(f"{table.origin}: {_rows(len(texts) - len(full))} without text dropped")
        return TextSplit(texts, labels).subset(full)

    def hold_out(
        self, splits: dict[str, TextSplit], name: str, count: int, task: Task, rng: np.random.Generator
    ) -> TextSplit:
        train = splits["train"]
        classification = task.kind == "classification"
        strata = train.labels.astype(np.int64) if classification else np.zeros(len(train), dtype=np.int64)
        room = len(train) - len(np.unique(strata))
        kept, taken = split_off(strata, min(count, room), rng)
        splits["train"] = train.subset(kept)
        how = " in proportion to the classes" if classification else ""
        self.notes.append(f"no {name} data given: {_rows(len(taken))} split off the training data at random{how}")
        return train.subset(rng.permutation(taken))

    def close_leaks(self, splits: dict[str, TextSplit], validation_was_made: bool) -> None:
        """Drop what is held out from the training rows (and test rows from a validation split that was made here)."""
        if validation_was_made:
            self._drop(splits, "validation", set(splits["test"].texts), "test")
        held_out = {*splits["validation"].texts, *splits["test"].texts}
        self._drop(splits, "train", held_out, "validation or test")

    def _drop(self, splits: dict[str, TextSplit], name: str, others: set[tuple[str, ...]], where: str) -> None:
        split = splits[name]
        kept = [row for row, text in enumerate(split.texts) if text not in others]
        if len(kept) < len(split):
            self.notes.append(f"{_rows(len(split) - len(kept))} dropped from {name}: the same text stands in {where}")
            splits[name] = split.subset(kept)


def _read_tables(source: DataSource) -> dict[str, Table]:
    assert source.train is not None
    tables = {"train": read_file(source.train)} if is_file(source.train) else read_hub(source.train)
    for name, given in (("validation", source.validation), ("test", source.test)):
        if given is not None:
            tables[name] = read_file(given)
    return tables


def _labels(table: Table, column: str, task: Task, where: str) -> NDArray[np.int64] | NDArray[np.float32]:
    values = table.read(column)
    if task.kind == "regression":
        return regression_labels(values, where).astype(np.float32)
    declared = table.class_names.get(column)
    if declared is not None:
        values = [
            declared[value] if isinstance(value, int) and 0 <= value < len(declared) else value for value in values
        ]
    return class_indices(values, task.label_names, where)


def _text(value: Any, table: Table, column: str) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, str | int | float):
        return str(value)
    raise InputError(
        f"column {column!r} of {table.origin} must hold texts, but holds a {type(value).__name__}; "
        f"choose another with --text-column"
    )


def _check(splits: Mapping[str, TextSplit], task: Task, origin: str) -> None:
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
                f"every class must have training rows, but {label!r} has none left once rows without text and "
                f"repeated rows are dropped; add rows of that class to {origin}"
            )


def _rows(count: int) -> str:
    return f"{count:,} row" if count == 1 else f"{count:,} rows"
