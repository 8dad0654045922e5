"""Labels as they stand in a table, and as the numbers a model is trained on."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autocompress.errors import InputError

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE)
_WHOLE = re.compile(r"[+-]?\d+")
FEW_VALUES = 20


def infer_classes(values: Sequence[Any], declared: tuple[str, ...] | None, where: str) -> tuple[str, tuple[str, ...]]:
    """The kind of task that training labels ask for, and its classes in order (none for a regression).

    Numbers with a fraction, or more than 20 different ones written as floats, are a regression; every other column
    is a classification: whole numbers in numeric order, names in alphabetic order, ``declared`` names in theirs.
    """
    if declared is not None:
        present = set(class_indices(values, declared, where, declared=True).tolist())
        return "classification", _checked(tuple(declared[index] for index in sorted(present)), len(values), where)
    _require_all(values, where)
    numbers = [_number(value) for value in values]
    if any(number is None for number in numbers):
        return "classification", _checked(tuple(sorted({_name(value) for value in values})), len(values), where)
    finite = regression_labels(values, where)
    distinct = sorted(set(finite.tolist()))
    floats = any(not _is_whole(value) for value in values)
    if any(number != round(number) for number in distinct) or (floats and len(distinct) > FEW_VALUES):
        return "regression", ()
    return "classification", _checked(tuple(str(round(number)) for number in distinct), len(values), where)


def class_indices(
    values: Sequence[Any], names: tuple[str, ...], where: str, *, declared: bool = False
) -> NDArray[np.int64]:
    """Index into ``names`` of every value, int64 [n]; InputError on the first that is missing or not among them.

    With ``declared``, whole numbers are positions in ``names`` already.
    """
    _require_all(values, where)
    numeric = all(_WHOLE.fullmatch(name) for name in names)
    positions = {name: index for index, name in enumerate(names)}
    indices = np.empty(len(values), dtype=np.int64)
    for row, value in enumerate(values):
        number = _number(value) if numeric and not declared else None
        whole = number is not None and math.isfinite(number) and number == round(number)
        name = str(round(number)) if whole and number is not None else _name(value)
        if declared and isinstance(value, int) and 0 <= value < len(names):
            name = names[value]
        if name not in positions:
            shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
            raise InputError(
                f"every label of {where} must be one of the training data's ({shown}), "
                f"but data row {row + 1} has {name!r}"
            )
        indices[row] = positions[name]
    return indices


def regression_labels(values: Sequence[Any], where: str) -> NDArray[np.float64]:
    """Labels as numbers, float64 [n]; InputError on the first that is missing or not a finite number."""
    _require_all(values, where)
    numbers = [_number(value) for value in values]
    for row, number in enumerate(numbers):
        if number is None or not math.isfinite(number):
            raise InputError(
                f"every label of {where} must be a finite number, but data row {row + 1} has {values[row]!r}; "
                f"correct or remove that row"
            )
    return np.array(numbers, dtype=np.float64)


def _checked(names: tuple[str, ...], count: int, where: str) -> tuple[str, ...]:
    if len(names) < 2:
        raise InputError(f"the labels of {where} must have at least two classes, but all are {names[0]!r}")
    if len(names) > count // 2:
        raise InputError(
            f"the labels of {where} must be classes that recur, but {count} rows have {len(names)} different labels; "
            f"choose the right column with --label-column"
        )
    return names


def _require_all(values: Sequence[Any], where: str) -> None:
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
                f"a label of {where} must be one name or number, but data row {row + 1} has a {type(value).__name__}"
            )


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, float | Decimal):
        return float(value)
    text = str(value).strip()
    return float(text) if _NUMBER.fullmatch(text) else None


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and _WHOLE.fullmatch(value.strip()) is not None)


def _name(value: Any) -> str:
    return str(value).strip()
