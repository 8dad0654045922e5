"""Says how the artefact keeps each weight of a student."""

from __future__ import annotations

from collections.abc import Iterable

from autocompress.students.configuration import Configuration
from autocompress.students.linear_forms import LinearSettings
from autocompress.students.registry import STUDENTS
from autocompress.system.errors import InputError

FLOAT = LinearSettings(32)
"""Kept as it is: biases, norms, and what is too small to be worth rounding."""


def weight_settings(configuration: Configuration, names: Iterable[str]) -> dict[str, LinearSettings]:
    """Settings of each weight among canonical ``names`` that is rounded, sparse or of another form.

    InputError names a weight that no part of the student type claims.
    """
    kind = STUDENTS[configuration.student]
    found = {name: kind.settings_of(name, configuration) for name in names}
    unclaimed = sorted(name for name, settings in found.items() if settings is None)
    if unclaimed:
        raise InputError(
            f"every weight of a {kind.name} must be claimed by one of its parts, but {', '.join(unclaimed)} is by "
            f"none; say in its settings_of how it is kept"
        )
    return {name: settings for name, settings in found.items() if settings is not None and settings != FLOAT}


def side_bits(bits: int) -> int:
    """Bits of a small matrix beside matrices of ``bits`` bits."""
    return 32 if bits == 32 else 8
