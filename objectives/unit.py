"""Write values of an objective for people: in tables, and as an option of the command line takes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from autocompress.system.units import format_duration_ms, format_size_bytes, human_size


@dataclass(frozen=True)
class Unit:
    """A unit of measured values.

    ``show`` rounds a value for reading. ``step`` is the precision to which an advised bound is rounded, and ``write``
    spells a rounded bound as its option is written.
    """

    name: str
    show: Callable[[float], str]
    step: Callable[[Decimal], Decimal]
    write: Callable[[Decimal], str]

    def rounded(self, value: float, rounding: str) -> str:
        """Round ``value`` to ``step`` in a rounding mode of ``decimal`` and write it as an option's argument.

        >>> from decimal import ROUND_CEILING
        >>> MILLISECONDS.rounded(0.12345, ROUND_CEILING), BYTES.rounded(1_234_567, ROUND_CEILING)
        ('124us', '1240kB')
        """
        exact = Decimal(value)
        return self.write(exact.quantize(self.step(exact), rounding))


def _show_ms(value: float) -> str:
    return format_duration_ms(round(value, 3)) if value >= 1e-3 else f"{value:.2g}ms"


def _step_ms(value: Decimal) -> Decimal:
    """A microsecond, or three digits below 10 microseconds."""
    return Decimal("0.001") if value >= Decimal("0.01") else Decimal(1).scaleb(value.adjusted() - 2)


def _write_ms(value: Decimal) -> str:
    return format_duration_ms(float(value))


def _step_bytes(value: Decimal) -> Decimal:
    """Three digits, and whole bytes."""
    return Decimal(1).scaleb(max(value.adjusted() - 2, 0))


def _write_bytes(value: Decimal) -> str:
    return format_size_bytes(int(value))


def _show_fraction(value: float) -> str:
    return f"{value:.4f}"


def _step_fraction(_value: Decimal) -> Decimal:
    return Decimal("0.0001")


MILLISECONDS = Unit("ms", _show_ms, _step_ms, _write_ms)
BYTES = Unit("bytes", human_size, _step_bytes, _write_bytes)
FRACTION = Unit("fraction", _show_fraction, _step_fraction, str)
