"""Holds the mappings of student types and of dimensions, which are filled when the package is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autocompress.students.dimension import Dimension
    from autocompress.students.student_type import StudentType

STUDENTS: dict[str, StudentType] = {}
"""Student types by name, the teacher's own architecture first."""
DIMENSIONS: dict[str, Dimension] = {}
"""Dimensions in the order in which a trial is asked for them; those of layers are asked for layer by layer."""


def dimensions_of(student: str) -> tuple[Dimension, ...]:
    """The dimensions of a student type, in order."""
    return tuple(dimension for dimension in DIMENSIONS.values() if student in dimension.students)
