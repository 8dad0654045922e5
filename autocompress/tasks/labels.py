"""Turns labels as they stand in a table into the classes or numbers that a model is trained on.

A class keeps the spelling of its label: no label passes through a float. Numbers are compared exactly, as decimals.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal, DecimalException
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autocompress.system.errors import InputError
from autocompress.tasks.valid_text import folded, listed, shown

MISSING = frozenset({"nan", "na", "n/a", "#n/a", "<na>", "none", "null", "nil", "nat", "?", "-", "--"})
INFINITE = frozenset({"inf", "infinity", "+inf", "-inf", "+infinity", "-infinity"})
LARGEST = 1e12
EXACT_FLOAT = 2**53
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_WHOLE_FLOAT = re.compile(r"([+-]?\d+)\.0+")
_COMMA_NUMBER = re.compile(r"[+-]?\d+(,\d+)+")


def spelled(value: Any) -> str:
    """The name that a label has as a class: its own spelling, and whole floats without their ``.0``."""
    if isinstance(value, float):
        return str(int(value)) if math.isfinite(value) and value.is_integer() else repr(value)
    return f"{value:f}" if isinstance(value, Decimal) else str(value).strip()


def number_of(spelling: str) -> Decimal | None:
    """The exact number that a spelling stands for, or None."""
    if not _NUMBER.fullmatch(spelling):
        return None
    try:
        number = Decimal(spelling)
    except DecimalException:
        return None
    return number if number.is_finite() else None


def numbers_of(values: Sequence[Any], where: str) -> dict[str, Decimal]:
    """The number of every spelling among the labels; empty if they are not all numbers.

    InputError if all are numbers but those that stand for a missing or an infinite one.
    """
    numbers = {spelling: number_of(spelling) for spelling in dict.fromkeys(map(spelled, values))}
    known = {spelling: number for spelling, number in numbers.items() if number is not None}
    others = [spelling for spelling in numbers if spelling not in known]
    if not others:
        return known
    if known and all(spelling.casefold() in MISSING | INFINITE for spelling in others):
        regression_labels(values, where)
    return {}


def class_names(values: Sequence[Any], where: str, declared: Sequence[str] = ()) -> tuple[str, ...]:
    """The classes of training labels: numbers in numeric order, names in alphabetic order; InputError without two.

    Labels that are all written as whole floats (``1.0``) are named as whole numbers. Those among ``declared`` come
    first, in that order.
    """
    counts = Counter(map(spelled, values))
    whole = {spelling: _WHOLE_FLOAT.fullmatch(spelling) for spelling in counts}
    names = {match[1] for match in whole.values() if match}
    if not (all(whole.values()) and len(names) == len(counts)):
        names = set(counts)
    numbers = {name: number_of(name) for name in names}
    known = {name: number for name, number in numbers.items() if number is not None}
    ordered = sorted(names, key=lambda name: (known[name], name)) if len(known) == len(names) else sorted(names)
    place = {name: position for position, name in enumerate(declared)}
    ordered.sort(key=lambda name: place.get(name, len(place)))
    if len(ordered) < 2:
        raise InputError(f"the labels of {where} must have at least two classes, but all are {shown(ordered[0])!r}")
    if len(ordered) > len(values) // 2:
        remedy = "choose the right column with --label-column"
        if len(known) == len(names):
            remedy += " or, if they are scores, say --task regression"
        raise InputError(
            f"the labels of {where} must be classes that recur, but {len(values)} rows have {len(ordered)} different "
            f"labels; {remedy}"
        )
    return tuple(ordered)


def class_indices(values: Sequence[Any], names: tuple[str, ...], where: str) -> NDArray[np.int64]:
    """The index in ``names`` of every value, int64 [n]; InputError on the first that is missing or not among them.

    A label belongs to the class of the same spelling, or else to the only class that is the same number.
    """
    require_labels(values, where)
    positions = {name: index for index, name in enumerate(names)}
    by_number = _unambiguous(names)
    indices = np.empty(len(values), dtype=np.int64)
    for row, value in enumerate(values):
        spelling = spelled(value)
        index = positions.get(spelling)
        if index is None:
            number = None if isinstance(value, bool) else number_of(spelling)
            index = None if number is None else by_number.get(number)
            if index is None:
                raise _unseen(spelling, names, row, where)
            positions[spelling] = index
        indices[row] = index
    return indices


def regression_labels(values: Sequence[Any], where: str) -> NDArray[np.float64]:
    """The labels as numbers, float64 [n]; InputError on the first that is missing, not finite or larger than 1e12."""
    require_labels(values, where)
    numbers = np.empty(len(values), dtype=np.float64)
    for row, value in enumerate(values):
        number = None if isinstance(value, bool) else number_of(spelled(value))
        if number is None:
            text = spelled(value)
            remedy = "write it with a point, as 3.5" if _COMMA_NUMBER.fullmatch(text) else "correct or remove that row"
            raise InputError(
                f"every label of {where} must be a finite number, but data row {row + 1} has {shown(text)!r}; {remedy}"
            )
        if number.copy_abs() > LARGEST:
            raise InputError(
                f"every label of {where} must lie between -{LARGEST:.0e} and {LARGEST:.0e} to be trained on as a "
                f"number, but data row {row + 1} has {shown(spelled(value))}; rescale the labels or, if they name "
                f"classes, say --task classification"
            )
        numbers[row] = float(number)
    return numbers


def naming_notes(values: Sequence[Any], names: tuple[str, ...]) -> tuple[str, ...]:
    """Notes on names of classes: two spellings of one number, near-equal names, names that mean a missing label."""
    by_number: dict[Decimal, list[str]] = {}
    by_fold: dict[str, list[str]] = {}
    for name in names:
        number = number_of(name)
        if number is not None:
            by_number.setdefault(number, []).append(name)
        else:
            by_fold.setdefault(folded(name), []).append(name)
    notes = []
    if twice := [group for group in by_number.values() if len(group) > 1]:
        notes.append(f"labels that are one number in several spellings are different classes: {_groups(twice)}")
    if alike := [group for group in by_fold.values() if len(group) > 1]:
        notes.append(
            f"labels that differ only in case, white space or Unicode form are different classes: {_groups(alike)}; "
            f"write them alike if they mean the same"
        )
    if missing := [name for name in names if name.casefold() in MISSING]:
        notes.append(f"taken as the name of a class: {listed(missing)}; remove those rows if their label is unknown")
    zeros = any(isinstance(value, str | Decimal) and _WHOLE_FLOAT.fullmatch(spelled(value)) for value in values)
    if zeros and not any(_WHOLE_FLOAT.fullmatch(name) for name in names):
        notes.append(f"labels written with a fraction of zero are named as whole numbers: {listed(names)}")
    if any(isinstance(value, float) and abs(value) > EXACT_FLOAT for value in values):
        notes.append("labels are stored as floats beyond 2^53, which cannot hold every digit; store them as text")
    return tuple(notes)


def require_labels(values: Sequence[Any], where: str) -> None:
    """Raise InputError on the first label that is missing, not finite, or not one value."""
    for row, value in enumerate(values):
        empty = value is None or (isinstance(value, str) and not value.strip())
        if empty or (isinstance(value, float) and not math.isfinite(value)):
            found = "none" if empty else repr(value)
            raise InputError(
                f"every row of {where} must have a label, but data row {row + 1} has {found}; "
                f"correct or remove that row"
            )
        if isinstance(value, list | dict):
            raise InputError(
                f"a label of {where} must be one name or number, but data row {row + 1} has a {type(value).__name__}; "
                f"several labels for a text (multi-label) are not supported yet"
            )


def _unambiguous(names: Sequence[str]) -> Mapping[Decimal, int]:
    numbers = [number_of(name) for name in names]
    counts = Counter(numbers)
    return {number: index for index, number in enumerate(numbers) if number is not None and counts[number] == 1}


def _unseen(spelling: str, names: tuple[str, ...], row: int, where: str) -> InputError:
    alike = [name for name in names if folded(name) == folded(spelling)]
    hint = f", which is not spelled as {shown(alike[0])!r} is; write them alike" if alike else ""
    return InputError(
        f"every label of {where} must be one of the training data's ({listed(names, 10)}), "
        f"but data row {row + 1} has {shown(spelling)!r}{hint}"
    )


def _groups(groups: Sequence[Sequence[str]]) -> str:
    """List the first groups, each name quoted, and escaped where names of a group look the same."""
    same = [len({unicodedata.normalize("NFC", name) for name in group}) < len(group) for group in groups]
    quoted = [
        "/".join((ascii if alike else repr)(name[:40]) for name in group)
        for group, alike in zip(groups[:4], same[:4], strict=True)
    ]
    return ", ".join(quoted) + (", ..." if len(groups) > 4 else "")
