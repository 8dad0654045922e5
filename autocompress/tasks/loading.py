"""From a data source to labelled text in three splits: columns found, labels read, leaks closed, splits made."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from autocompress.domain.problem import DataSource
from autocompress.system.errors import InputError
from autocompress.tasks.checks import check_splits, coverage_notes, rows_of
from autocompress.tasks.columns import columns_of
from autocompress.tasks.dataset import SPLITS, TextDataset, TextSplit
from autocompress.tasks.decision import Decision, decide_kind
from autocompress.tasks.declared import DeclaredTask, contradictions, refuse_multi_label
from autocompress.tasks.demo import load_demo
from autocompress.tasks.kinds import task_kind
from autocompress.tasks.kinds.classification import CLASSIFICATION
from autocompress.tasks.labels import naming_notes, require_labels
from autocompress.tasks.multi_label import refuse_several
from autocompress.tasks.rows import LabelledRows, read_rows
from autocompress.tasks.splits import held_out_count, split_off
from autocompress.tasks.table import Table
from autocompress.tasks.tables import is_file, read_file, read_hub
from autocompress.tasks.task import Task
from autocompress.tasks.valid_text import shown

FEWEST_TRAINING_ROWS = 20


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
        if name in rows and getattr(source, name) is None and rows[name].is_secret:
            loading.notes.append(f"{rows[name].origin} has no labels: it is not used")
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
class _Loading:
    """The columns of one loading, and the notes on it so far."""

    text_columns: tuple[str, ...]
    label_column: str
    notes: list[str] = field(default_factory=list)

    def rows(self, table: Table) -> LabelledRows:
        found = read_rows(table, self.text_columns, self.label_column)
        self.notes.extend(found.notes)
        return found

    def infer_task(self, rows: LabelledRows, asked: str | None, declared: DeclaredTask | None) -> Task:
        text_is_a_name = asked is not None and task_kind(asked).labels_are_names
        refuse_several(rows.labels, rows.where, text_is_a_name=text_is_a_name)
        require_labels(rows.labels, rows.where)
        decision = Decision(CLASSIFICATION.name)
        if asked is not None or not rows.class_names:
            decision = decide_kind(rows.labels, self.label_column, rows.where, asked=asked, declared=declared)
        kind = task_kind(decision.kind)
        names = kind.label_names(rows.labels, rows.where, rows.class_names)
        texts = " and ".join(map(shown, self.text_columns))
        self.notes.append(f"text from {texts}, labels from {shown(self.label_column)}: {kind.words(names).found}")
        self.notes.extend((*decision.notes, *contradictions(declared, kind, names)))
        self.notes.extend(naming_notes(rows.labels, names) if names else ())
        return Task(kind.name, self.text_columns, self.label_column, names)

    def split(self, rows: LabelledRows, task: Task) -> TextSplit:
        labels = task.definition.encode_labels(rows.labels, task.label_names, rows.where)
        full = [row for row, parts in enumerate(rows.texts) if all(part.strip() for part in parts)]
        if len(full) < len(rows.texts):
            self.notes.append(f"{rows.origin}: {rows_of(len(rows.texts) - len(full))} without text dropped")
        return TextSplit(rows.texts, labels).subset(full)

    def hold_out(
        self, splits: dict[str, TextSplit], name: str, count: int, task: Task, rng: np.random.Generator
    ) -> TextSplit:
        """Move ``count`` rows, or as many as can be spared, from the training rows to the split ``name``."""
        train = splits["train"]
        classes = task.definition.classes_of(train.labels)
        strata = np.zeros(len(train), dtype=np.int64) if classes is None else classes
        room = len(train) - len(np.unique(strata))
        kept, taken = split_off(strata, min(count, room), rng)
        splits["train"] = train.subset(kept)
        how = "" if classes is None else " in proportion to the classes"
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
