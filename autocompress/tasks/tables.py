"""Reads tables: CSV, TSV, JSON and Parquet files, and the data sets of the ``datasets`` library.

CSV fields stay strings: a column is never guessed to be a number or a missing value before it is known what it is
for, so a text ``007`` or ``null`` is read as it stands.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

from autocompress.system.errors import InputError
from autocompress.tasks.delimited import read_csv, read_tsv
from autocompress.tasks.json_rows import read_json, read_json_lines
from autocompress.tasks.parquet import read_parquet
from autocompress.tasks.table import Table, named_columns

HUB_SPLITS = {
    "train": ("train",),
    "validation": ("validation", "validation_matched", "valid", "val", "dev"),
    "test": ("test", "test_matched"),
}
READERS: dict[str, Callable[[str], Table]] = {
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".parquet": read_parquet,
    ".json": read_json,
    ".csv.gz": read_csv,
    ".tsv.gz": read_tsv,
    ".jsonl.gz": read_json_lines,
    ".json.gz": read_json,
}
_SPREADSHEET = "save it as CSV (UTF-8) in the program that made it"
_PANDAS = "read it with pandas and write it with to_parquet"
_UNPACK = "unpack it first"
CONVERSIONS = {
    **dict.fromkeys((".xlsx", ".xls", ".ods", ".numbers"), _SPREADSHEET),
    ".txt": "if its lines are fields between tabs or commas below a header, rename it to .tsv or .csv",
    **dict.fromkeys((".pkl", ".pickle", ".feather", ".arrow", ".orc", ".dta", ".sav", ".h5"), _PANDAS),
    **dict.fromkeys((".zip", ".tar", ".tgz", ".bz2", ".xz", ".zst", ".7z"), _UNPACK),
}


def is_file(name: str) -> bool:
    """Whether ``name`` is that of a file: one exists, or it ends like one, or it is an address."""
    try:
        return Path(name).is_file() or _suffix(name) in READERS or _suffix(name) in CONVERSIONS or "://" in name
    except OSError as error:
        raise InputError(
            f"a data file must be readable, but {_short(name)} is not: {error.strerror or error}"
        ) from error


def read_file(name: str) -> Table:
    """Read a table by its suffix; InputError names the file and, where there is one, the row."""
    if "://" in name:
        raise InputError(f"the data must be a file of this machine, but got the address {name!r}; download it first")
    suffix = _suffix(name)
    reader = READERS.get(suffix)
    if reader is None:
        remedy = CONVERSIONS.get(suffix) or CONVERSIONS.get(PurePath(name).suffix.lower(), "rename or convert it")
        raise InputError(f"a data file must end in {', '.join(READERS)}, but got {_short(name)}; {remedy}")
    try:
        if not Path(name).exists():
            raise InputError(f"the data file {_short(name)} must exist, but there is none; check the path")
        return reader(name)
    except OSError as error:
        raise InputError(f"{name} must be readable, but {error.strerror or error}") from error
    except MemoryError as error:
        raise InputError(f"{name} must fit into memory, but does not; give fewer rows") from error


def read_hub(name: str) -> dict[str, Table]:
    """Read a data set: a table by split (train, and validation and test where it has them).

    ``name`` is ``path`` or ``path:configuration`` of the ``datasets`` library, or a folder it can read. Every failure
    there is one InputError.
    """
    path, _, configuration = name.partition(":")
    try:
        from datasets import load_dataset

        loaded = load_dataset(path, configuration or None)
        found = {
            split: next((loaded[key] for key in keys if key in loaded), None) for split, keys in HUB_SPLITS.items()
        }
        tables = {split: _hub_table(f"{name} ({split})", data) for split, data in found.items() if data is not None}
    except InputError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"the data must be a file or a data set the datasets library can load, but {_short(name)} is neither a "
            f"file nor an available data set ({reason}); check the path"
        ) from error
    if "train" not in tables:
        raise InputError(f"the data set {name!r} must have a train split, but has {', '.join(loaded)}")
    return tables


def _hub_table(origin: str, data: Any) -> Table:
    given = list(data.column_names)
    names, notes = named_columns(origin, given)
    name_of = dict(zip(names, given, strict=True))

    def read(column: str) -> list[Any]:
        try:
            return list(data[name_of[column]])
        except Exception as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise InputError(f"column {column!r} of {origin} must be readable, but {reason}; choose another") from error

    classes = {name: tuple(data.features[name_of[name]].names) for name in names if _has_names(data, name_of[name])}
    return Table(origin, names, read, classes, notes)


def _has_names(data: Any, column: str) -> bool:
    return hasattr(data.features[column], "names")


def _suffix(name: str) -> str:
    """The ending of a file's name in lower case, ``.csv.gz`` where it is packed."""
    path = PurePath(name.lower())
    return "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix


def _short(name: str) -> str:
    return repr(name if len(name) <= 200 else f"{name[:200]}…")
