"""Describes a configuration by features of about unit range on which its quality depends smoothly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autocompress.domain.shape import EncoderShape
from autocompress.students.configuration import Configuration
from autocompress.students.exit_policies import ExitScores
from autocompress.students.registry import STUDENTS


def quality_features(
    configuration: Configuration, shape: EncoderShape, confidences: ExitScores | None, *, own_network: bool
) -> NDArray[np.float64]:
    """Return the features [k] of a configuration; they mean the same for all configurations of one student type.

    ``own_network`` tells whether the weights are cut from the type's super-network rather than from the teacher.
    """
    kind = STUDENTS[configuration.student]
    origin = [float(own_network)] if kind.from_teacher else []
    return np.array([*origin, *kind.features(configuration, shape, confidences)])
