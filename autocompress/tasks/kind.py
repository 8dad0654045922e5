"""Deciding whether labels are classes or scores: by what the user says, else the checkpoint, else the labels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from autocompress.system.errors import InputError
from autocompress.tasks.columns import is_score_name
from autocompress.tasks.labels import number_of, numbers_of, spelled
from autocompress.tasks.valid_text import listed, shown

FEW_VALUES = 20
SEVERAL_ROWS = 3
USUAL_SCALES = ((0, 100), (1, 100))
_CODE = re.compile(r"[+-]?0\d+|[+-]?\d{16,}")
_WRITTEN_AS_FLOAT = re.compile(r".*[.eE].*")


@dataclass(frozen=True)
class DeclaredTask:
    """What the configuration of a checkpoint with a trained head says of it.

    ``label_names`` is in the order of the outputs, and empty where they are only LABEL_0, LABEL_1 and so on.
    """

    num_labels: int | None
    problem_type: str | None
    label_names: tuple[str, ...]

    @property
    def is_regression(self) -> bool:
        """Whether the head gives a number."""
        return self.problem_type == "regression" or (
            self.num_labels == 1 and self.problem_type != "single_label_classification"
        )


@dataclass(frozen=True)
class Decision:
    """A kind of task and, where there was a choice, why it was taken and how to say otherwise."""

    kind: str
    notes: tuple[str, ...] = ()


def refuse_multi_label(declared: DeclaredTask | None) -> None:
    """InputError if the checkpoint's head gives several labels for a text."""
    if declared is not None and declared.problem_type == "multi_label_classification":
        raise InputError(
            "the checkpoint's head must give one class or one number for a text, but its configuration says "
            "problem_type multi_label_classification (several labels for a text), which is not supported yet; give the "
            "checkpoint that it was fine-tuned from, or one for a single label"
        )


def decide_kind(
    values: Sequence[Any], column: str, where: str, *, asked: str | None = None, declared: DeclaredTask | None = None
) -> Decision:
    """The kind of task for training labels (none missing): as ``asked``, else as ``declared``, else by the labels.

    InputError if labels are numbers but for some that stand for a missing one, or none where a regression is asked.
    """
    if asked == "regression" and not any(number_of(spelled(value)) is not None for value in values):
        raise InputError(
            f"the labels of {where} must be numbers for --task regression, but data row 1 has "
            f"{shown(spelled(values[0]))!r}; leave --task out, or choose another column with --label-column"
        )
    if asked is not None:
        return Decision(asked, (f"the labels are taken as {_taken(asked)}, as --task says",))
    numbers = numbers_of(values, where)
    if not numbers:
        return Decision("classification")
    counts = Counter(map(spelled, values))
    kind, why = _by_checkpoint(declared, numbers, len(values)) or _by_values(numbers, counts, values, column)
    other = "classification" if kind == "regression" else "regression"
    meant = "names of classes" if kind == "regression" else "scores"
    return Decision(
        kind, (f"the labels are numbers, taken as {_taken(kind)}: {why}; if they are {meant}, say --task {other}",)
    )


def contradictions(declared: DeclaredTask | None, kind: str, label_names: Sequence[str]) -> tuple[str, ...]:
    """A note if the checkpoint's head is for another number of outputs than the labels ask for."""
    if declared is None or declared.num_labels is None:
        return ()
    needed = len(label_names) if kind == "classification" else 1
    if declared.num_labels == needed and (kind == "regression" or not declared.is_regression):
        return ()
    named = f" ({listed(declared.label_names)})" if declared.label_names else ""
    given = "one number" if declared.num_labels == 1 else f"{declared.num_labels} outputs{named}"
    asked = f"are {needed} classes ({listed(label_names)})" if kind == "classification" else "are scores, one number"
    return (f"the checkpoint's head gives {given}, but the labels {asked}: that head does not fit them",)


def _taken(kind: str) -> str:
    return "scores (a regression)" if kind == "regression" else "classes (a classification)"


def _by_checkpoint(declared: DeclaredTask | None, numbers: dict[str, Decimal], rows: int) -> tuple[str, str] | None:
    """A regression as the head says, or a classification as it says unless its outputs are too few for the labels."""
    if declared is None:
        return None
    if declared.is_regression:
        said = "problem_type is regression" if declared.problem_type == "regression" else "one output"
        return "regression", f"the checkpoint's head is for a regression ({said})"
    distinct, outputs = len(numbers), declared.num_labels
    says_classes = declared.problem_type == "single_label_classification" or bool(declared.label_names)
    fits = outputs == distinct or (says_classes and (outputs is None or distinct < outputs))
    named = set(numbers) <= set(declared.label_names)
    if fits and distinct <= rows // 2 and (named or all(map(_is_whole, numbers.values()))):
        return "classification", "the checkpoint's head is for a classification"
    return None


def _by_values(
    numbers: dict[str, Decimal], counts: Counter[str], values: Sequence[Any], column: str
) -> tuple[str, str]:
    distinct, several = len(counts), f"there are {len(counts):,} different ones"
    recurring = distinct <= FEW_VALUES and distinct <= len(values) // 2
    if not all(map(_is_whole, numbers.values())):
        if recurring and not is_score_name(column) and _respelled(numbers):
            return "classification", f"{several}, of which some are one number in several spellings"
        return "regression", "some have fractions"
    if distinct <= FEW_VALUES:
        return "classification", f"there are only {distinct} different ones, all whole"
    if any(_CODE.fullmatch(spelling) for spelling in counts):
        return "classification", "some have leading zeros or 16 digits and more, as codes have"
    if any(isinstance(value, float | Decimal) or _WRITTEN_AS_FLOAT.fullmatch(spelled(value)) for value in values):
        return "regression", several
    return _by_range(numbers, counts, column, several)


def _by_range(numbers: dict[str, Decimal], counts: Counter[str], column: str, several: str) -> tuple[str, str]:
    """Whole numbers are classes if they count up as class indices do, and not as scores are named or scaled."""
    if is_score_name(column):
        return "regression", f"{several} in a column named {shown(column)!r}"
    first, last = int(min(numbers.values())), int(max(numbers.values()))
    if (first, last) in USUAL_SCALES:
        return "regression", f"they go from {first} to {last}, a usual scale of scores"
    gapless = first in (0, 1) and last - first + 1 == len(numbers)
    if gapless and min(counts.values()) >= SEVERAL_ROWS:
        return "classification", f"they count from {first} to {last} without a gap and each recurs, as classes do"
    return "regression", several


def _respelled(numbers: dict[str, Decimal]) -> bool:
    """Whether a fraction stands there in two spellings, such as 1.1 and 1.10: names (of versions) and no numbers."""
    fractions = [number for number in numbers.values() if not _is_whole(number)]
    return len(set(fractions)) < len(fractions)


def _is_whole(number: Decimal) -> bool:
    return number == number.to_integral_value()
