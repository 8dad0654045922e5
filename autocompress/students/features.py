"""Describes a configuration by numbers that its quality may depend on smoothly, each of about unit range."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autocompress.domain.shape import EncoderShape
from autocompress.students.configuration import Configuration
from autocompress.students.dimension import Confidences
from autocompress.students.registry import STUDENTS


def quality_features(
    configuration: Configuration, shape: EncoderShape, confidences: Confidences | None, *, own_network: bool
) -> NDArray[np.float64]:
    """Features [k] of one student type, of the same length and meaning for all its configurations.

    ``own_network`` says whether it is cut from its type's super-network, not from the teacher.
    """
    kind = STUDENTS[configuration.student]
    origin = [float(own_network)] if kind.from_teacher else []
    return np.array([*origin, *kind.features(configuration, shape, confidences)])
