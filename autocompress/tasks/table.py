"""The value that every reader of tables returns: named columns of Python values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autocompress.system.errors import InputError
from autocompress.tasks.valid_text import valid


@dataclass(frozen=True)
class Table:
    """Named columns of equal length; ``origin`` is its name in messages.

    ``read(column)`` gives Python values, None where one is missing; ``class_names`` holds the names behind integer
    columns where the source declares them. ``first_line_is_header`` is true where the names are a line of the file,
    which may be a row of data if the file has no header.
    """

    origin: str
    names: tuple[str, ...]
    read: Callable[[str], list[Any]]
    class_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    first_line_is_header: bool = False


def named_columns(origin: str, header: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Clean the names of columns, in the same order, and note what is replaced because it is not valid Unicode.

    White space at the ends is cut; a column without a name is called by its place (``column 1``). InputError if two
    columns have one name.
    """
    names: list[str] = []
    replaced = 0
    for place, given in enumerate(header, start=1):
        name = valid(given).strip()
        replaced += valid(given) != given
        if not name:
            name = next(free for free in _unnamed(place) if free not in header)
        if name in names:
            raise InputError(f"the columns of {origin} must have different names, but {name!r} is there twice")
        names.append(name)
    note = (
        f"{origin}: {replaced} column name{'s' * (replaced > 1)} with characters that are not valid Unicode, replaced"
    )
    return tuple(names), (note,) if replaced else ()


def _unnamed(place: int) -> Sequence[str]:
    return [f"column {place}{'_' * more}" for more in range(1000)]
