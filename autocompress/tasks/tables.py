"""Reading tables: CSV, TSV, JSON Lines and Parquet files, and the data sets of the ``datasets`` library.

CSV fields stay strings: a column is never guessed to be a number or a missing value before it is known what it is
for, so a text ``007`` or ``null`` is read as it stands.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autocompress.errors import InputError

HUB_SPLITS = {
    "train": ("train",),
    "validation": ("validation", "validation_matched", "valid", "val", "dev"),
    "test": ("test", "test_matched"),
}


@dataclass(frozen=True)
class Table:
    """Named columns of equal length; ``origin`` is its name in messages.

    ``read(column)`` gives Python values, None where one is missing; ``class_names`` holds the names behind integer
    columns where the source declares them.
    """

    origin: str
    names: tuple[str, ...]
    read: Callable[[str], list[Any]]
    class_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def is_file(name: str) -> bool:
    """Whether ``name`` means a file: it exists as one, or it ends like one that can be read."""
    return Path(name).is_file() or Path(name).suffix.lower() in READERS


def read_file(name: str) -> Table:
    """Read a table by its suffix; InputError names the file and, where there is one, the row."""
    path = Path(name)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"a data file must end in {', '.join(READERS)}, but got {name!r}; rename or convert it")
    if not path.exists():
        raise InputError(f"the data file {name!r} must exist, but there is none; check the path")
    try:
        return reader(name)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name} must be UTF-8, but byte {error.object[error.start]:#04x} is not; "
            f"convert it, for example with: iconv -f latin1 -t utf-8"
        ) from error
    except OSError as error:
        raise InputError(f"{name} must be readable, but {error.strerror or error}") from error


def read_hub(name: str) -> dict[str, Table]:
    """Tables of a data set by split (train, and validation and test where it has them).

    ``name`` is ``path`` or ``path:configuration`` of the ``datasets`` library, or a folder it can read. Whatever goes
    wrong there is one InputError.
    """
    path, _, configuration = name.partition(":")
    try:
        from datasets import load_dataset

        loaded = load_dataset(path, configuration or None)
        found = {
            split: next((loaded[key] for key in keys if key in loaded), None) for split, keys in HUB_SPLITS.items()
        }
        tables = {split: _hub_table(f"{name} ({split})", data) for split, data in found.items() if data is not None}
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"the data must be a file or a data set the datasets library can load, but {name!r} is neither a file nor "
            f"an available data set ({reason}); check the path"
        ) from error
    if "train" not in tables:
        raise InputError(f"the data set {name!r} must have a train split, but has {', '.join(loaded)}")
    return tables


def _hub_table(origin: str, data: Any) -> Table:
    names = {key: tuple(value.names) for key, value in data.features.items() if hasattr(value, "names")}
    return Table(origin, tuple(data.column_names), lambda column: list(data[column]), names)


def _read_csv(name: str) -> Table:
    return _read_delimited(name, ",", csv.QUOTE_MINIMAL)


def _read_tsv(name: str) -> Table:
    """Tab-separated fields; quotes are plain characters where every line then has the header's number of fields.

    Many published TSV files hold lone quotation marks, which would swallow the lines up to the next one.
    """
    with Path(name).open(encoding="utf-8-sig", newline="") as stream:
        counts = {line.count("\t") for line in stream if line.strip("\r\n")}
    plain = _read_delimited(name, "\t", csv.QUOTE_NONE) if len(counts) == 1 else None
    try:
        quoted = _read_delimited(name, "\t", csv.QUOTE_MINIMAL)
    except InputError:
        if plain is None:
            raise
        return plain
    if plain is not None and len(quoted.read(quoted.names[0])) < len(plain.read(plain.names[0])):
        return plain
    return quoted


def _read_delimited(name: str, delimiter: str, quoting: Any) -> Table:
    csv.field_size_limit(sys.maxsize)
    with Path(name).open(encoding="utf-8-sig", newline="") as stream:
        try:
            rows = [row for row in csv.reader(stream, delimiter=delimiter, quoting=quoting) if row]
        except csv.Error as error:
            raise InputError(f"{name} must be a table of delimited fields, but {error}") from error
    if len(rows) < 2:
        raise InputError(f"{name} must have a header and rows below it, but it is empty")
    header = rows.pop(0)
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise InputError(
                f"every row of {name} must have {len(header)} fields as its header has, but data row {number} has "
                f"{len(row)}; quote fields that hold the delimiter and close every quote"
            )
    _check_header(name, header)
    columns = dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))
    return Table(name, tuple(header), columns.__getitem__)


def _read_jsonl(name: str) -> Table:
    rows: list[dict[str, Any]] = []
    with Path(name).open(encoding="utf-8-sig") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InputError(f"every line of {name} must be a JSON object, but line {number}: {error}") from error
            if not isinstance(row, dict):
                raise InputError(
                    f"every line of {name} must be a JSON object, but line {number} is a {type(row).__name__}"
                )
            rows.append(row)
    if not rows:
        raise InputError(f"{name} must have rows, but it is empty")
    names = tuple(dict.fromkeys(key for row in rows for key in row))
    return Table(name, names, lambda column: [row.get(column) for row in rows])


def _read_parquet(name: str) -> Table:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(name)
    except pyarrow.ArrowException as error:
        raise InputError(f"{name} must be a Parquet file, but {' '.join(str(error).split())}") from error
    if table.num_rows == 0:
        raise InputError(f"{name} must have rows, but it is empty")
    _check_header(name, table.column_names)
    return Table(name, tuple(table.column_names), lambda column: list(table.column(column).to_pylist()))


def _check_header(name: str, header: Sequence[str]) -> None:
    repeated = [column for position, column in enumerate(header) if column in header[:position]]
    if repeated:
        raise InputError(f"the columns of {name} must have different names, but {repeated[0]!r} is there twice")


READERS: dict[str, Callable[[str], Table]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".parquet": _read_parquet,
}
