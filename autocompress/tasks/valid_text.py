"""Text that every later step can encode and print: what is not valid Unicode is replaced, and counted."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

REPLACEMENT = "\ufffd"
_INVALID = re.compile(r"[\x00\ud800-\udfff]")
_LONGEST_SHOWN = 60


def valid(text: str) -> str:
    """``text`` with U+FFFD in place of every lone surrogate and NUL character."""
    return _INVALID.sub(REPLACEMENT, text)


def valid_values(values: Sequence[Any]) -> tuple[list[Any], list[int]]:
    """The values with every string made valid and bytes decoded as UTF-8, and the rows (from 0) where that replaced."""
    changed: list[int] = []
    found: list[Any] = []
    for row, value in enumerate(values):
        if isinstance(value, bytes):
            text = valid(value.decode("utf-8", "replace"))
            replaced = REPLACEMENT in text
        elif isinstance(value, str) and _INVALID.search(value):
            text, replaced = valid(value), True
        else:
            found.append(value)
            continue
        found.append(text)
        if replaced:
            changed.append(row)
    return found, changed


def folded(text: str) -> str:
    """What is left of a name without case, white space at its ends or repeated, Unicode form and invisible signs."""
    visible = "".join(sign for sign in unicodedata.normalize("NFKC", text) if unicodedata.category(sign) != "Cf")
    return " ".join(visible.casefold().split())


def shown(name: str) -> str:
    """A name as a message of one line shows it: as it is, or quoted where it is long or cannot be printed."""
    if len(name) > _LONGEST_SHOWN:
        name = name[: _LONGEST_SHOWN - 1] + "…"
    return name if name.isprintable() else repr(name)


def listed(names: Sequence[str], most: int = 6) -> str:
    """The first names in a row, and dots for the others."""
    return ", ".join(shown(name) for name in names[:most]) + (", ..." if len(names) > most else "")
