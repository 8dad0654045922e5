"""Parses and formats durations and sizes such as ``20ms`` and ``10MB``.

Inside the program a duration is a float in milliseconds or seconds and a size is an int in bytes, with the unit in
the name; the strings exist only on the command line and in messages.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction

from autocompress.system.errors import InputError

MILLISECONDS = {
    "us": Fraction(1, 1000),
    "ms": Fraction(1),
    "s": Fraction(1000),
    "m": Fraction(60000),
    "h": Fraction(3600000),
}
BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_OTHER_DURATIONS = {"µs": Fraction(1, 1000), "min": Fraction(60000)}
_OTHER_SIZES = {"kb": 10**3, "KB": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_LARGEST = 10**18
_QUANTITY = re.compile(r"\s*([0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})\s*([A-Za-zµ]+)\s*")


def parse_duration_ms(text: str) -> float:
    """Parse a duration such as ``20ms``, ``850us``, ``1.5s`` or ``15m`` into milliseconds; InputError if it is none."""
    return float(_parse(text, {**MILLISECONDS, **_OTHER_DURATIONS}, "a duration", "20ms"))


def parse_size_bytes(text: str) -> int:
    """Parse a size such as ``10MB`` or ``8MiB`` into bytes, rounded to the nearest; InputError if it is none."""
    size = round(_parse(text, {**BYTES, **_OTHER_SIZES}, "a size", "10MB"))
    if size < 1:
        raise InputError(f"a size must be at least 1B, but got {text!r}; write for example 10MB")
    return size


def format_duration_ms(milliseconds: float) -> str:
    """Write a duration as the shortest string that ``parse_duration_ms`` reads back exactly, such as ``90s``."""
    spellings = _spellings(milliseconds, MILLISECONDS)
    return min((text for text in spellings if _reads_as(text, milliseconds, parse_duration_ms)), key=_plainness)


def format_size_bytes(size: int) -> str:
    """Write a size as the shortest string that ``parse_size_bytes`` reads back exactly, such as ``8MiB``."""
    spellings = _spellings(size, BYTES)
    return min((text for text in spellings if _reads_as(text, size, parse_size_bytes)), key=_plainness)


def human_size(size: float) -> str:
    """Write a size in bytes for a table, with three significant digits and decimal units: ``22.5 kB``."""
    for unit in ("GB", "MB", "kB"):
        if size >= BYTES[unit]:
            return f"{size / BYTES[unit]:.3g} {unit}"
    return f"{size:.0f} B"


def human_seconds(seconds: float) -> str:
    """Write a duration in seconds for a message: ``45 s``, ``3 min 20 s`` or ``2 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _parse(text: str, units: Mapping[str, Fraction | int], what: str, example: str) -> Fraction:
    match = _QUANTITY.fullmatch(text)
    if match is None:
        known = ", ".join(units)
        raise InputError(f"{what} is a number and a unit ({known}), but got {text!r}; write for example {example}")
    number, unit = match.groups()
    if unit not in units:
        known = ", ".join(units)
        raise InputError(
            f"the unit of {what} is one of {known}, but got {unit!r} in {text!r}; write for example {example}"
        )
    value = Fraction(number) * units[unit]
    if not 0 < value <= _LARGEST:
        raise InputError(f"{what} must be above zero and not absurdly large, but got {text!r}; write {example}")
    return value


def _spellings(value: float, units: Mapping[str, Fraction | int]) -> list[str]:
    """Write ``value`` in each unit, from the decimal that Python shows for it; that in the base unit is exact."""
    decimal = Fraction(value if isinstance(value, int) else repr(float(value)))
    return [f"{_fixed(decimal / scale)}{unit}" for unit, scale in units.items()]


def _fixed(number: Fraction) -> str:
    if number.denominator == 1:
        return str(number.numerator)
    return format(Decimal(repr(float(number))), "f").rstrip("0").rstrip(".")


def _reads_as(text: str, value: float, parse: Callable[[str], float]) -> bool:
    try:
        return parse(text) == value
    except InputError:
        return False


def _plainness(text: str) -> tuple[int, bool]:
    return len(text), "." in text
