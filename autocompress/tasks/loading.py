"""From a data source to labelled text in three splits: columns found, labels read, leaks closed, splits made."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autocompress.domain.problem import DataSource
from autocompress.system.errors import InputError
from autocompress.tasks.checks import check_splits, coverage_notes, rows_of
from autocompress.tasks.columns import columns_of, require_columns
from autocompress.tasks.dataset import SPLITS, TextDataset, TextSplit
from autocompress.tasks.demo import load_demo
from autocompress.tasks.kind import Decision, DeclaredTask, contradictions, decide_kind, refuse_multi_label
from autocompress.tasks.labels import class_indices, class_names, naming_notes, regression_labels, require_labels
from autocompress.tasks.multi_label import refuse_several
from autocompress.tasks.splits import held_out_count, split_off
from autocompress.tasks.tables import Table, is_file, read_file, read_hub
from autocompress.tasks.task import Task
from autocompress.tasks.valid_text import listed, shown, valid_values

FEWEST_TRAINING_ROWS = 20
SECRET = frozenset({"-1", "-1.0", "None"})


def load_dataset(source: DataSource, seed: int = 0, declared: DeclaredTask | None = None) -> TextDataset:
    """Read the labelled text of ``source``; every reason why it cannot be used is an InputError of one line.

    Missing splits are taken out of the training rows, in proportion to the classes, with ``seed``. Rows without text
    are dropped, and training rows that stand in validation or test too. Without any source it is the built-in demo,
    whose split is fixed. ``declared`` is what the checkpoint says of the task.
    """
    refuse_multi_label(declared)
    if source.train is None:
        return load_demo()
    tables = _read_tables(source)
    train = tables["train"]
    loading = _Loading(*columns_of(train, source.text_columns, source.label_column))
    rows = {name: loading.rows(table) for name, table in tables.items()}
    for name in ("validation", "test"):
        if name in rows and getattr(source, name) is None and loading.is_secret(rows[name]):
            del rows[name]
    task = loading.infer_task(rows["train"], source.task, declared)
    splits = {name: loading.split(found, task) for name, found in rows.items()}
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
    splits = {name: splits[name] for name in SPLITS}
    check_splits(splits, task, train.origin)
    loading.notes.extend(coverage_notes(splits, task, made))
    return TextDataset(source.train, task, splits, tuple(loading.notes))


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
    columns = (task.text_columns, task.label_column) if known else columns_of(table, None, None)
    if len(columns[0]) != len(task.text_columns):
        raise InputError(
            f"{table.origin} must have {len(task.text_columns)} text columns for this model, but "
            f"{len(columns[0])} were found ({', '.join(columns[0])}); rename them to {', '.join(task.text_columns)}"
        )
    loading = _Loading(*columns)
    split = loading.split(loading.rows(table), task)
    if not len(split):
        raise InputError(f"{table.origin} must have rows with text, but every text is empty")
    return split, tuple(loading.notes)


@dataclass(frozen=True)
class _Rows:
    """One table's texts and labels, as they stand in it but for what is not valid Unicode."""

    origin: str
    where: str
    texts: list[tuple[str, ...]]
    labels: list[Any]
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Loading:
    """The columns of one loading, and what there is to say about it."""

    text_columns: tuple[str, ...]
    label_column: str
    notes: list[str] = field(default_factory=list)

    def rows(self, table: Table) -> _Rows:
        require_columns(table.names, (*self.text_columns, self.label_column), table.origin)
        self.notes.extend(table.notes)
        columns = [[_text(value, table, name) for value in self._values(table, name)] for name in self.text_columns]
        labels = self._values(table, self.label_column)
        self._drop_blank_end(table.origin, columns, labels)
        where = f"column {self.label_column!r} of {table.origin}"
        found = _Rows(table.origin, where, list(zip(*columns, strict=True)), labels)
        declared = valid_values(table.class_names.get(self.label_column, ()))[0]
        return self._named(found, tuple(declared)) if declared else found

    def _drop_blank_end(self, origin: str, texts: list[list[str]], labels: list[Any]) -> None:
        """Leave out the last rows while they hold neither text nor label, as spreadsheets write them."""
        full = len(labels)
        while full > 1 and labels[full - 1] in (None, "") and not any(column[full - 1].strip() for column in texts):
            full -= 1
        if full < len(labels):
            self.notes.append(f"{origin}: {rows_of(len(labels) - full)} at the end without text and label left out")
        for column in (*texts, labels):
            del column[full:]

    def _values(self, table: Table, column: str) -> list[Any]:
        values, replaced = valid_values(table.read(column))
        if replaced:
            self.notes.append(
                f"{table.origin}: characters that are not valid Unicode replaced in column {column!r} of "
                f"{rows_of(len(replaced))}, first in data row {replaced[0] + 1}"
            )
        return values

    def _named(self, rows: _Rows, declared: tuple[str, ...]) -> _Rows:
        """Numbers as the names that the data set declares for them; rows that it gives none (-1) are left out."""
        kept = [row for row, label in enumerate(rows.labels) if label is not None and label != -1]
        if not kept:
            return rows
        if len(kept) < len(rows.labels):
            self.notes.append(f"{rows.origin}: {rows_of(len(rows.labels) - len(kept))} without a label (-1) left out")
        labels = [rows.labels[row] for row in kept]
        names = [
            declared[label] if isinstance(label, int) and 0 <= label < len(declared) else label for label in labels
        ]
        return replace(rows, texts=[rows.texts[row] for row in kept], labels=names, class_names=declared)

    def is_secret(self, rows: _Rows) -> bool:
        """Whether a split of a public data set is not used, which is noted: all its labels are -1 or missing."""
        if {str(label) for label in rows.labels} <= SECRET:
            self.notes.append(f"{rows.origin} has no labels: it is not used")
            return True
        return False

    def infer_task(self, rows: _Rows, asked: str | None, declared: DeclaredTask | None) -> Task:
        refuse_several(rows.labels, rows.where, text_is_a_name=asked == "classification")
        require_labels(rows.labels, rows.where)
        decision = Decision("classification")
        if asked is not None or not rows.class_names:
            decision = decide_kind(rows.labels, self.label_column, rows.where, asked=asked, declared=declared)
        kind = decision.kind
        classes = class_names(rows.labels, rows.where, rows.class_names) if kind == "classification" else ()
        found = f"{len(classes)} classes: {listed(classes)}" if classes else "numbers (regression)"
        texts = " and ".join(map(shown, self.text_columns))
        self.notes.append(f"text from {texts}, labels from {shown(self.label_column)}: {found}")
        self.notes.extend((*decision.notes, *contradictions(declared, kind, classes)))
        self.notes.extend(naming_notes(rows.labels, classes) if classes else ())
        return Task(kind, self.text_columns, self.label_column, classes)

    def split(self, rows: _Rows, task: Task) -> TextSplit:
        labels = _labels(rows, task)
        full = [row for row, parts in enumerate(rows.texts) if all(part.strip() for part in parts)]
        if len(full) < len(rows.texts):
            self.notes.append(f"{rows.origin}: {rows_of(len(rows.texts) - len(full))} without text dropped")
        return TextSplit(rows.texts, labels).subset(full)

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
        self.notes.append(f"no {name} data given: {rows_of(len(taken))} split off the training data at random{how}")
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
            self.notes.append(f"{rows_of(len(split) - len(kept))} dropped from {name}: the same text stands in {where}")
            splits[name] = split.subset(kept)


def _read_tables(source: DataSource) -> dict[str, Table]:
    assert source.train is not None
    tables = {"train": read_file(source.train)} if is_file(source.train) else read_hub(source.train)
    for name, given in (("validation", source.validation), ("test", source.test)):
        if given is not None:
            tables[name] = read_file(given)
    return tables


def _labels(rows: _Rows, task: Task) -> NDArray[np.int64] | NDArray[np.float32]:
    if task.kind == "regression":
        return regression_labels(rows.labels, rows.where).astype(np.float32)
    return class_indices(rows.labels, task.label_names, rows.where)


def _text(value: Any, table: Table, column: str) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, str | int | float):
        return str(value)
    raise InputError(
        f"column {column!r} of {table.origin} must hold texts, but holds a {type(value).__name__}; "
        f"choose another with --text-column"
    )
