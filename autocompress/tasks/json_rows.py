"""Reads tables of JSON objects: one per line (JSON Lines), a list of them, or the columns that pandas writes."""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import Any

from autocompress.system.errors import InputError
from autocompress.tasks.decoding import read_text
from autocompress.tasks.table import Table, named_columns

Rows = list[dict[str, Any]]


def read_json_lines(name: str) -> Table:
    """Read an object per line; one list of objects, or columns as pandas writes them, is read too."""
    text, notes = read_text(name)
    rows: Rows | InputError
    try:
        rows = _lines(name, text)
    except InputError as error:
        rows = error
    if isinstance(rows, InputError) or len(rows) == 1:
        found = _whole(text)
        if found is None and isinstance(rows, InputError):
            raise rows
        if found is not None:
            rows = found
        if found is not None and ".json" not in PurePath(name.lower()).suffixes:
            notes += (f"{name} is read as one JSON value that holds all rows, not as a row per line",)
    assert not isinstance(rows, InputError)
    if not rows:
        raise InputError(f"{name} must have rows, but it is empty")
    keys = tuple(dict.fromkeys(key for row in rows for key in row))
    names, said = named_columns(name, keys)
    key_of = dict(zip(names, keys, strict=True))
    return Table(name, names, lambda column: [row.get(key_of[column]) for row in rows], notes=notes + said)


def read_json(name: str) -> Table:
    """Do the same for a file whose name does not promise lines; the error says what is read."""
    try:
        return read_json_lines(name)
    except InputError as error:
        if "must be a JSON object" not in str(error):
            raise
        raise InputError(
            f"{name} must hold a list of JSON objects ([{{'text': ..., 'label': ...}}, ...] in double quotes), or an "
            f"object per line, but {str(error).partition(', but ')[2]}; write it so, for example with pandas: "
            f"to_json(path, orient='records')"
        ) from error


def _lines(name: str, text: str) -> Rows:
    rows: Rows = []
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"every line of {name} must be a JSON object, but line {number}: {error}") from error
        if not isinstance(row, dict):
            raise InputError(f"every line of {name} must be a JSON object, but line {number} is a {type(row).__name__}")
        rows.append(row)
    return rows


def _whole(text: str) -> Rows | None:
    """The rows that one JSON value holds, or None."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, dict) and len(value) == 1:
        value = next(iter(value.values()))
    if isinstance(value, dict) and {"columns", "data"} <= set(value) <= {"columns", "data", "index"}:
        value = _from_split(value["columns"], value["data"])
    if isinstance(value, list):
        return value if value and all(isinstance(row, dict) for row in value) else None
    return _from_columns(value) if isinstance(value, dict) else None


def _from_split(names: Any, rows: Any) -> Any:
    """Rows of what pandas writes with ``orient="split"``, or None."""
    if not (isinstance(names, list) and isinstance(rows, list) and all(isinstance(name, str) for name in names)):
        return None
    if not all(isinstance(row, list) and len(row) == len(names) for row in rows):
        return None
    return [dict(zip(names, row, strict=True)) for row in rows]


def _from_columns(columns: dict[str, Any]) -> Rows | None:
    """Rows of columns that are lists, or objects with the same keys (what ``to_json`` of pandas writes)."""
    values = [list(column.values()) if isinstance(column, dict) else column for column in columns.values()]
    keys = {tuple(column) for column in columns.values() if isinstance(column, dict)}
    if len(values) < 2 or len(keys) > 1 or not all(isinstance(column, list) for column in values):
        return None
    if len({len(column) for column in values}) != 1:
        return None
    return [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]
