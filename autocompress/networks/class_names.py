"""Matches the outputs of a trained head with classes by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

NAMES, NUMBERS, UNNAMED, DIFFERENT = "names", "numbers", "unnamed", "different"
_NUMBER = re.compile(r"(?:label[_ -]?)?([+-]?\d+)(?:\.0+)?", re.IGNORECASE)


@dataclass(frozen=True)
class NameMatch:
    """The result of matching the names of outputs with those of classes.

    ``basis`` is ``names`` (equal but for case and spaces), ``numbers`` (equal numbers, or classes numbered as the
    outputs), ``unnamed`` (the names of one side carry no meaning) or ``different``. ``order[i]`` is the output for
    class i; ``order`` is None where the names do not determine it.
    """

    basis: str
    order: tuple[int, ...] | None


def match_names(outputs: Sequence[str | None], classes: Sequence[str]) -> NameMatch:
    """Match the names of outputs (None for one without a name) with those of as many classes."""
    names = [name or "" for name in outputs]
    for folded in (_folded, _letters):
        order = _order([folded(name) for name in names], [folded(name) for name in classes])
        if order is not None:
            return NameMatch(NAMES, order)
    numbers, wanted = [_number(name) for name in names], [_number(name) for name in classes]
    if None not in numbers and None not in wanted:
        order = _order([str(number) for number in numbers], [str(number) for number in wanted])
        return NameMatch(UNNAMED if order is None else NUMBERS, order)
    if None not in wanted:
        in_turn = wanted == list(range(len(classes)))
        return NameMatch(NUMBERS if in_turn else UNNAMED, tuple(range(len(classes))) if in_turn else None)
    nameless = None not in numbers or len({_folded(name) for name in names}) < len(names) or not all(names)
    return NameMatch(UNNAMED if nameless else DIFFERENT, None)


def _order(names: list[str], wanted: list[str]) -> tuple[int, ...] | None:
    """Return the position of each of ``wanted`` in ``names``; None unless both hold the same distinct names."""
    if len(set(names)) < len(names) or sorted(names) != sorted(wanted):
        return None
    return tuple(names.index(name) for name in wanted)


def _folded(name: str) -> str:
    return name.strip().casefold()


def _letters(name: str) -> str:
    """Replace each run of spaces, underscores and hyphens by one space, except in a number, where one may be a sign."""
    return _folded(name) if _number(name) is not None else " ".join(re.split(r"[\s_-]+", _folded(name))).strip()


def _number(name: str) -> int | None:
    match = _NUMBER.fullmatch(name.strip())
    return int(match[1]) if match and len(match[1]) < 19 else None
