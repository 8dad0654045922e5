"""Determines how the artefact stores each weight of a student."""

from __future__ import annotations

from collections.abc import Iterable

from autocompress.students.configuration import Configuration
from autocompress.students.linear_forms import LinearSettings
from autocompress.students.registry import STUDENTS
from autocompress.system.errors import InputError

FLOAT = LinearSettings(32)
"""Settings of weights that are stored in float32: biases, norms, and matrices too small to be worth rounding."""


def weight_settings(configuration: Configuration, names: Iterable[str]) -> dict[str, LinearSettings]:
    """Return the settings of each weight, by canonical name, that is not stored in plain float32.

    InputError names the weights for which the student type's ``settings_of`` returns None.
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
    """Return the bits of small matrices (head, positions) in a model whose large ones have ``bits`` bits: 8 or 32."""
    return 32 if bits == 32 else 8
