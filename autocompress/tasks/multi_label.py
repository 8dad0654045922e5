"""Recognizes labels that hold several labels each: multi-label data, which is not supported yet."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Any

from autocompress.system.errors import InputError
from autocompress.tasks.valid_text import shown

SEPARATORS = ",;|"
_BRACKETS = re.compile(r"[\[({].*[\])}]", re.DOTALL)
_ARRAY = re.compile(r"\[[\s\d.]*\]|\[.*[,'\"].*\]", re.DOTALL)
_NUMBERS = re.compile(r"\d+([,;|]\s*\d+)*")
_ADVICE = (
    "several labels for a text (multi-label) are not supported yet; keep one label per row, "
    "or train a model for each label"
)


def refuse_several(values: Sequence[Any], where: str, *, text_is_a_name: bool) -> None:
    """Raise InputError if labels are lists, or lists written as text: ``['a', 'b']``, ``[0, 1, 0]``, ``2,14``.

    With ``text_is_a_name`` the user said that the labels are classes: text is then taken as it stands.
    """
    for row, value in enumerate(values):
        if isinstance(value, list | tuple | set | dict):
            raise InputError(
                f"a label of {where} must be one name or number, but data row {row + 1} has {_kind(value)}; {_ADVICE}"
            )
    if text_is_a_name:
        return
    texts = {value.strip() for value in values if isinstance(value, str)}
    several = _joined(texts) | {text for text in texts if _is_list(text)}
    if several:
        row = next(row for row, value in enumerate(values) if isinstance(value, str) and value.strip() in several)
        text = str(values[row]).strip()
        numeric = "; if it is one number, write it with a point, as 3.5" if re.fullmatch(r"\d+(,\d+)+", text) else ""
        raise InputError(
            f"a label of {where} must be one name or number, but data row {row + 1} has {shown(text)!r}, a list "
            f"written as text; {_ADVICE}{numeric}; if it is the name of one class, say --task classification"
        )


def _kind(value: Any) -> str:
    return shown(f"a {type(value).__name__}: {value!r}")


def _is_list(text: str) -> bool:
    if not _BRACKETS.fullmatch(text):
        return False
    if _ARRAY.fullmatch(text):
        return True
    try:
        return isinstance(ast.literal_eval(text), list | tuple | set | dict)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return False


def _joined(texts: set[str]) -> set[str]:
    """Find labels made of others with a separator between them, and lists of numbers among numbers."""
    found = set()
    all_numbers = all(_NUMBERS.fullmatch(text) for text in texts)
    for text in texts:
        for separator in SEPARATORS:
            parts = [part.strip() for part in text.split(separator)]
            if len(parts) > 1 and all(parts) and (all_numbers or texts.issuperset(parts)):
                found.add(text)
    return found
