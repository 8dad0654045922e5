"""Makes text valid Unicode, which every later step can encode, and shows names in messages and in code."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

REPLACEMENT = "\ufffd"
_INVALID = re.compile(r"[\x00\ud800-\udfff]")
_LONGEST_SHOWN = 60


def valid(text: str) -> str:
    """Put U+FFFD in place of every lone surrogate and NUL character of ``text``."""
    return _INVALID.sub(REPLACEMENT, text)


def valid_values(values: Sequence[Any]) -> tuple[list[Any], list[int]]:
    """Make every string valid and decode bytes as UTF-8; returns the values, and the rows (from 0) that it changed."""
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
    """Strip a name of case, repeated white space, Unicode form and invisible signs, to compare it with others."""
    visible = "".join(sign for sign in unicodedata.normalize("NFKC", text) if unicodedata.category(sign) != "Cf")
    return " ".join(visible.casefold().split())


def shown(name: str) -> str:
    """Show a name in a message of one line: cut where it is long, quoted where it cannot be printed."""
    if len(name) > _LONGEST_SHOWN:
        name = name[: _LONGEST_SHOWN - 1] + "…"
    return name if name.isprintable() else repr(name)


def listed(names: Sequence[str], most: int = 6) -> str:
    """List the first names, and dots for the others."""
    return ", ".join(shown(name) for name in names[:most]) + (", ..." if len(names) > most else "")


def literal(text: str) -> str:
    """A Python string literal on one line, in double quotes where nothing needs more than JSON's escapes."""
    return json.dumps(text, ensure_ascii=False) if text.isprintable() else repr(text)
