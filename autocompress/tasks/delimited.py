"""Reads tables of delimited fields (CSV and TSV); the fields stay strings."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Sequence
from io import StringIO
from typing import Any

from autocompress.system.errors import InputError
from autocompress.tasks.decoding import read_text
from autocompress.tasks.table import Table, named_columns

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_SEPARATOR_LINE = re.compile(r"sep=([,;\t|])\r?\n")
_HEADER_SAMPLE = 100_000


def read_csv(name: str) -> Table:
    """Read a table of fields between commas, or between what its header plainly shows to be the delimiter."""
    return _read(name, ",")


def read_tsv(name: str) -> Table:
    """Read a table of fields between tabs, or between what its header plainly shows to be the delimiter."""
    return _read(name, "\t")


def _read(name: str, usual: str) -> Table:
    csv.field_size_limit(sys.maxsize)
    text, notes = read_text(name)
    text, delimiter = _delimiter(text, usual)
    if delimiter != usual:
        notes += (f"{name} is read as fields between {DELIMITERS[delimiter]}, as its header shows",)
    rows = _tab_rows(name, text) if delimiter == "\t" else _rows(name, text, delimiter, csv.QUOTE_MINIMAL)
    header, columns, dropped = _columns(name, rows)
    names, said = named_columns(name, header)
    if dropped:
        notes += (f"{name}: {dropped:,} row{'s' * (dropped > 1)} left out (blank, or the header again)",)
    table = dict(zip(names, columns, strict=True))
    return Table(name, names, table.__getitem__, notes=notes + said, first_line_is_header=True)


def _delimiter(text: str, usual: str) -> tuple[str, str]:
    """Find the delimiter; returns the text without a line that names it, and the delimiter."""
    named = _SEPARATOR_LINE.match(text)
    if named:
        return text[named.end() :], named[1]
    if _fields(text, usual) > 1:
        return text, usual
    others = [delimiter for delimiter in DELIMITERS if delimiter != usual and _fields(text, delimiter) > 1]
    return text, others[0] if len(others) == 1 else usual


def _fields(text: str, delimiter: str) -> int:
    reader = csv.reader(StringIO(text[:_HEADER_SAMPLE], newline=""), delimiter=delimiter)
    try:
        return next((len(row) for row in reader if row), 0)
    except csv.Error:
        return 0


def _tab_rows(name: str, text: str) -> list[list[str]]:
    """Split at tabs; quotes are plain characters where every line then has the header's number of fields.

    Many published TSV files hold lone quotation marks, which would swallow the lines up to the next one.
    """
    counts = {line.count("\t") for line in StringIO(text, newline="") if line.strip("\r\n")}
    plain = _rows(name, text, "\t", csv.QUOTE_NONE) if len(counts) == 1 else None
    try:
        quoted = _rows(name, text, "\t", csv.QUOTE_MINIMAL)
        _columns(name, quoted)
    except InputError:
        if plain is None:
            raise
        return plain
    return plain if plain is not None and len(quoted) < len(plain) else quoted


def _rows(name: str, text: str, delimiter: str, quoting: Any) -> list[list[str]]:
    """Split into rows of fields, the header first, without blank lines."""
    try:
        return [row for row in csv.reader(StringIO(text, newline=""), delimiter=delimiter, quoting=quoting) if row]
    except csv.Error as error:
        raise InputError(f"{name} must be a table of delimited fields, but {error}") from error


def _columns(name: str, rows: Sequence[list[str]]) -> tuple[list[str], list[list[str]], int]:
    """Split rows into header and columns, and count the rows left out that are blank or repeat the header.

    Fields without a name at the end of lines are left out where they are empty in every row.
    """
    if len(rows) < 2:
        raise InputError(f"{name} must have a header and rows below it, but it is empty")
    header = list(rows[0])
    while header and not header[-1].strip() and not any(row[len(header) - 1 :] for row in map(_trimmed, rows[1:])):
        header.pop()
    kept = []
    for number, row in enumerate(rows[1:], start=1):
        full = row if len(row) == len(header) else _fitted(row, len(header))
        if len(full) != len(header):
            if not any(field.strip() for field in row):
                continue
            raise InputError(
                f"every row of {name} must have {len(header)} fields as its header has, but data row {number} has "
                f"{len(row)}; quote fields that hold the delimiter and close every quote"
            )
        if full != header:
            kept.append(full)
    if not kept:
        raise InputError(f"{name} must have rows below its header, but it is empty")
    return header, list(map(list, zip(*kept, strict=True))), len(rows) - 1 - len(kept)


def _trimmed(row: Sequence[str]) -> list[str]:
    end = len(row)
    while end and not row[end - 1].strip():
        end -= 1
    return list(row[:end])


def _fitted(row: Sequence[str], width: int) -> list[str]:
    """Cut off the empty fields beyond ``width`` that delimiters at the end of a line leave."""
    trimmed = _trimmed(row)
    return [*trimmed, *[""] * (width - len(trimmed))] if len(row) > width >= len(trimmed) else list(row)
