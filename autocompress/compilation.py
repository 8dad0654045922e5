"""From prepared weights and a configuration to the bytes of its one ONNX file."""

from __future__ import annotations

import numpy as np

from autocompress.artifact.emit import GraphInputs, emit
from autocompress.configuration import Configuration, EncoderShape
from autocompress.prepared import Prepared


def serialise(
    prepared: Prepared, arrays: dict[str, np.ndarray], shape: EncoderShape, configuration: Configuration
) -> bytes:
    """The bytes of the ONNX file of a configuration's weights, which are already cut to it."""
    inputs = GraphInputs(
        pair=prepared.data.task.pair,
        vocabulary_order=prepared.vocabulary_order,
        unknown_id=prepared.data.unknown_id,
        max_length=prepared.data.max_length,
    )
    content: bytes = emit(arrays, configuration, shape, inputs).SerializeToString()
    return content
