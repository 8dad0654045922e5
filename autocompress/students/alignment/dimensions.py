"""Declares the dimensions that only students have which align two texts."""

from __future__ import annotations

from autocompress.students.alignment.encoders import ENCODERS
from autocompress.students.dimension import Dimension, Feature, Label
from autocompress.students.pooled.dimensions import depth_dimension, size_dimension

HIDDEN_SIZE = size_dimension("alignment", (64, 128, 256))
NUM_LAYERS = depth_dimension("alignment", (1, 2))
ENCODER = Dimension(
    name="encoder",
    students=("alignment",),
    parameter="alignment_encoder",
    aspect="architecture",
    options=lambda shape: tuple(ENCODERS),
    neutral=lambda shape: tuple(ENCODERS)[-1],
    smallest=lambda options: options[0],
    label=Label(5, "", lambda values: "" if values[0] == "none" else values[0]),
    feature=Feature(lambda encoder, shape: (float(encoder == "cnn"), float(encoder == "bilstm"))),
)
