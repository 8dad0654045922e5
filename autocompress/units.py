"""Durations and sizes as people write them, and back.

Inside the program a duration is a float in milliseconds or seconds and a size is an int in bytes, with the unit in
the name; the strings exist only at the edge.
"""

import math
import re

from autocompress.errors import InputError

MILLISECONDS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3, "h": 3600e3}
BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_QUANTITY = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*([A-Za-zµ]+)\s*")


def parse_duration_ms(text: str) -> float:
    """Milliseconds in ``text``, such as ``20ms``, ``850us``, ``1.5s``, ``15m``; raises InputError."""
    return _parse(text, {**MILLISECONDS, "µs": 1e-3, "min": 60e3}, "a duration", "20ms")


def parse_size_bytes(text: str) -> int:
    """Bytes in ``text``, such as ``10MB`` or ``8MiB``, rounded to the nearest; raises InputError."""
    lowered = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30, "KB": 10**3}
    return round(_parse(text, {**BYTES, **lowered}, "a size", "10MB"))


def format_duration_ms(milliseconds: float) -> str:
    """The shortest string that ``parse_duration_ms`` reads back to exactly ``milliseconds``."""
    return _format(milliseconds, MILLISECONDS, ("h", "m", "s", "ms", "us"), "ms")


def format_size_bytes(size: int) -> str:
    """The shortest string that ``parse_size_bytes`` reads back to exactly ``size``."""
    return _format(size, BYTES, ("GiB", "MiB", "KiB", "GB", "MB", "kB"), "B")


def human_size(size: float) -> str:
    """``size`` in bytes for a table: three significant digits, decimal units."""
    for unit in ("GB", "MB", "kB"):
        if size >= BYTES[unit]:
            return f"{size / BYTES[unit]:.3g} {unit}"
    return f"{size:.0f} B"


def human_seconds(seconds: float) -> str:
    """``seconds`` for a message: ``45 s``, ``3 min 20 s`` or ``2 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _parse(text: str, units: dict[str, float] | dict[str, int], what: str, example: str) -> float:
    match = _QUANTITY.fullmatch(text)
    known = ", ".join(units)
    if match is None:
        raise InputError(f"{what} is a number and a unit ({known}), but got {text!r}; write for example {example}")
    number, unit = match.groups()
    if unit not in units:
        raise InputError(
            f"the unit of {what} is one of {known}, but got {unit!r} in {text!r}; write for example {example}"
        )
    value = float(number) * units[unit]
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"{what} must be greater than zero and finite, but got {text!r}; write for example {example}")
    return value


def _format(value: float, units: dict[str, float] | dict[str, int], order: tuple[str, ...], base: str) -> str:
    for unit in order:
        number = value / units[unit]
        text = f"{number:.0f}" if number == int(number) else repr(number)
        if number >= 1 and float(text) * units[unit] == value and len(text) <= 8:
            return f"{text}{unit}"
    return f"{value:.0f}{base}" if value == int(value) else f"{value:.17f}".rstrip("0") + base
