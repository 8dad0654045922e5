"""Reads the texts and labels of a table, as they stand in it but for what is not valid Unicode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autocompress.system.errors import InputError
from autocompress.tasks.checks import rows_of
from autocompress.tasks.columns import require_columns
from autocompress.tasks.table import Table
from autocompress.tasks.valid_text import valid_values

UNLABELLED = -1
SECRET = frozenset({"-1", "-1.0", "None"})


@dataclass(frozen=True)
class LabelledRows:
    """Rows of one text or two each, and their labels; ``where`` names the label column in messages.

    ``class_names`` are those that the data set declares itself. ``notes`` tell what was replaced and left out.
    """

    origin: str
    where: str
    texts: list[tuple[str, ...]]
    labels: list[Any]
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_secret(self) -> bool:
        """Whether all labels are -1 or missing, as in a public data set that keeps its test labels back."""
        return {str(label) for label in self.labels} <= SECRET


def read_rows(table: Table, text_columns: Sequence[str], label_column: str) -> LabelledRows:
    """Read these columns of a table; InputError if one is missing, or if texts are no texts."""
    require_columns(table.names, (*text_columns, label_column), table.origin)
    notes = list(table.notes)
    columns = [[_text(value, table, name) for value in _values(table, name, notes)] for name in text_columns]
    labels = _values(table, label_column, notes)
    _drop_blank_end(table.origin, columns, labels, notes)
    where = f"column {label_column!r} of {table.origin}"
    found = LabelledRows(table.origin, where, list(zip(*columns, strict=True)), labels, notes=tuple(notes))
    declared = valid_values(table.class_names.get(label_column, ()))[0]
    return _named(found, tuple(declared)) if declared else found


def _values(table: Table, column: str, notes: list[str]) -> list[Any]:
    values, replaced = valid_values(table.read(column))
    if replaced:
        notes.append(
            f"{table.origin}: characters that are not valid Unicode replaced in column {column!r} of "
            f"{rows_of(len(replaced))}, first in data row {replaced[0] + 1}"
        )
    return values


def _text(value: Any, table: Table, column: str) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, str | int | float):
        return str(value)
    raise InputError(
        f"column {column!r} of {table.origin} must hold texts, but holds a {type(value).__name__}; "
        f"choose another with --text-column"
    )


def _drop_blank_end(origin: str, texts: list[list[str]], labels: list[Any], notes: list[str]) -> None:
    """Leave out the last rows while they hold neither text nor label, as spreadsheets write them."""
    full = len(labels)
    while full > 1 and labels[full - 1] in (None, "") and not any(column[full - 1].strip() for column in texts):
        full -= 1
    if full < len(labels):
        notes.append(f"{origin}: {rows_of(len(labels) - full)} at the end without text and label left out")
    for column in (*texts, labels):
        del column[full:]


def _named(rows: LabelledRows, declared: tuple[str, ...]) -> LabelledRows:
    """Replace numbers by the names that the data set declares for them; rows without a label (-1) are left out."""
    kept = [row for row, label in enumerate(rows.labels) if label is not None and label != UNLABELLED]
    if not kept:
        return rows
    notes = rows.notes
    if len(kept) < len(rows.labels):
        notes += (f"{rows.origin}: {rows_of(len(rows.labels) - len(kept))} without a label (-1) left out",)
    labels = [rows.labels[row] for row in kept]
    names = [declared[label] if isinstance(label, int) and 0 <= label < len(declared) else label for label in labels]
    texts = [rows.texts[row] for row in kept]
    return replace(rows, texts=texts, labels=names, class_names=declared, notes=notes)
