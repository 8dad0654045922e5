"""Decides whether labels are classes or scores: by what the user says, else the checkpoint, else the labels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from autocompress.tasks.columns import is_score_name
from autocompress.tasks.declared import DeclaredTask
from autocompress.tasks.kinds import task_kind
from autocompress.tasks.kinds.classification import CLASSIFICATION
from autocompress.tasks.kinds.regression import REGRESSION
from autocompress.tasks.labels import numbers_of, spelled
from autocompress.tasks.valid_text import shown

FEW_VALUES = 20
SEVERAL_ROWS = 3
USUAL_SCALES = ((0, 100), (1, 100))
_ALTERNATIVES = {
    CLASSIFICATION.name: (REGRESSION.name, "scores"),
    REGRESSION.name: (CLASSIFICATION.name, "names of classes"),
}
_CODE = re.compile(r"[+-]?0\d+|[+-]?\d{16,}")
_WRITTEN_AS_FLOAT = re.compile(r".*[.eE].*")


@dataclass(frozen=True)
class Decision:
    """A kind of task and, where there was a choice, why it was taken and how to say otherwise."""

    kind: str
    notes: tuple[str, ...] = ()


def decide_kind(
    values: Sequence[Any], column: str, where: str, *, asked: str | None = None, declared: DeclaredTask | None = None
) -> Decision:
    """Choose the kind of task for training labels (none missing).

    It is the one that is ``asked`` for, any of ``TASK_KINDS``. Otherwise the choice is between a classification and a
    regression: as the checkpoint's head is ``declared``, or as the labels look. InputError if the labels are numbers
    but for some that stand for a missing one.
    """
    if asked is not None:
        return Decision(asked, (f"the labels are taken as {_taken(asked)}, as --task says",))
    numbers = numbers_of(values, where)
    if not numbers:
        return Decision(CLASSIFICATION.name)
    counts = Counter(map(spelled, values))
    kind, why = _by_checkpoint(declared, numbers, len(values)) or _by_values(numbers, counts, values, column)
    other, meant = _ALTERNATIVES[kind]
    return Decision(
        kind, (f"the labels are numbers, taken as {_taken(kind)}: {why}; if they are {meant}, say --task {other}",)
    )


def _taken(kind: str) -> str:
    return task_kind(kind).words(()).labels


def _by_checkpoint(declared: DeclaredTask | None, numbers: dict[str, Decimal], rows: int) -> tuple[str, str] | None:
    """Follow the head: a regression, or a classification unless its outputs are too few for the labels."""
    if declared is None:
        return None
    if declared.is_regression:
        said = "problem_type is regression" if declared.problem_type == "regression" else "one output"
        return REGRESSION.name, f"the checkpoint's head is for a regression ({said})"
    distinct, outputs = len(numbers), declared.num_labels
    says_classes = declared.problem_type == "single_label_classification" or bool(declared.label_names)
    fits = outputs == distinct or (says_classes and (outputs is None or distinct < outputs))
    named = set(numbers) <= set(declared.label_names)
    if fits and distinct <= rows // 2 and (named or all(map(_is_whole, numbers.values()))):
        return CLASSIFICATION.name, "the checkpoint's head is for a classification"
    return None


def _by_values(
    numbers: dict[str, Decimal], counts: Counter[str], values: Sequence[Any], column: str
) -> tuple[str, str]:
    distinct, several = len(counts), f"there are {len(counts):,} different ones"
    recurring = distinct <= FEW_VALUES and distinct <= len(values) // 2
    if not all(map(_is_whole, numbers.values())):
        if recurring and not is_score_name(column) and _respelled(numbers):
            return CLASSIFICATION.name, f"{several}, of which some are one number in several spellings"
        return REGRESSION.name, "some have fractions"
    if distinct <= FEW_VALUES:
        return CLASSIFICATION.name, f"there are only {distinct} different ones, all whole"
    if any(_CODE.fullmatch(spelling) for spelling in counts):
        return CLASSIFICATION.name, "some have leading zeros or 16 digits and more, as codes have"
    if any(isinstance(value, float | Decimal) or _WRITTEN_AS_FLOAT.fullmatch(spelled(value)) for value in values):
        return REGRESSION.name, several
    return _by_range(numbers, counts, column, several)


def _by_range(numbers: dict[str, Decimal], counts: Counter[str], column: str, several: str) -> tuple[str, str]:
    """Whole numbers are classes if they count up as class indices do, and not as scores are named or scaled."""
    if is_score_name(column):
        return REGRESSION.name, f"{several} in a column named {shown(column)!r}"
    first, last = int(min(numbers.values())), int(max(numbers.values()))
    if (first, last) in USUAL_SCALES:
        return REGRESSION.name, f"they go from {first} to {last}, a usual scale of scores"
    gapless = first in (0, 1) and last - first + 1 == len(numbers)
    if gapless and min(counts.values()) >= SEVERAL_ROWS:
        return CLASSIFICATION.name, f"they count from {first} to {last} without a gap and each recurs, as classes do"
    return REGRESSION.name, several


def _respelled(numbers: dict[str, Decimal]) -> bool:
    """Whether a fraction stands there in two spellings, such as 1.1 and 1.10: names (of versions) and no numbers."""
    fractions = [number for number in numbers.values() if not _is_whole(number)]
    return len(set(fractions)) < len(fractions)


def _is_whole(number: Decimal) -> bool:
    return number == number.to_integral_value()
