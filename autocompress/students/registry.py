"""Holds the mappings of student types and dimensions, which importing ``autocompress.students`` fills."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autocompress.students.dimension import Dimension
    from autocompress.students.student_type import StudentType

STUDENTS: dict[str, StudentType] = {}
"""Student types by name; the first is the teacher's own architecture."""
DIMENSIONS: dict[str, Dimension] = {}
"""Dimensions in the order in which a trial suggests them; dimensions per layer are suggested layer by layer."""


def dimensions_of(student: str) -> tuple[Dimension, ...]:
    """Return the dimensions of a student type, in the order of ``DIMENSIONS``."""
    return tuple(dimension for dimension in DIMENSIONS.values() if student in dimension.students)
