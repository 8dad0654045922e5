"""Reads tables in Parquet files, with the class names that the ``datasets`` library writes beside them."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

from autocompress.system.errors import InputError
from autocompress.tasks.decoding import read_bytes
from autocompress.tasks.table import Table, named_columns


def read_parquet(name: str) -> Table:
    """Read one file; InputError if it is no Parquet file or, when a column is read, it has no Python values."""
    import pyarrow.parquet

    content = read_bytes(name)
    try:
        table = pyarrow.parquet.read_table(BytesIO(content))
    except Exception as error:
        raise InputError(f"{name} must be a Parquet file, but {_reason(error)}; write it again") from error
    if table.num_rows == 0:
        raise InputError(f"{name} must have rows, but it is empty")
    names, notes = named_columns(name, table.column_names)
    place = {column: number for number, column in enumerate(names)}
    classes = _class_names(table.schema.metadata or {})
    declared = {
        column: classes[given] for column, given in zip(names, table.column_names, strict=True) if given in classes
    }
    return Table(name, names, lambda column: _values(name, column, table.column(place[column])), declared, notes)


def _values(name: str, column: str, values: Any) -> list[Any]:
    import pyarrow

    try:
        return list(values.to_pylist())
    except UnicodeDecodeError:
        return list(values.cast(pyarrow.large_binary()).to_pylist())
    except Exception as error:
        raise InputError(
            f"column {column!r} of {name} must hold values that Python can read, but is {values.type} "
            f"({_reason(error)}); write it as text"
        ) from error


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, tuple[str, ...]]:
    """The class names that integers stand for, by column, where the ``datasets`` library noted them (ClassLabel)."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        found = {
            column: tuple(feature["names"])
            for column, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return {}
    return {
        column: names
        for column, names in found.items()
        if all(isinstance(name, str) for name in names) and len(set(names)) == len(names)
    }


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
