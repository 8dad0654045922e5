"""Compiles prepared weights and a configuration into the bytes of one ONNX file."""

from __future__ import annotations

import numpy as np

from autocompress.artifact.blocks import GraphInputs
from autocompress.artifact.session import Session
from autocompress.domain.shape import EncoderShape
from autocompress.evaluation.cut import cut_weights
from autocompress.hardware.cores import usable_cores
from autocompress.measurement.inference import predict
from autocompress.students.configuration import Configuration
from autocompress.students.emit import emit
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.students.transformer.describing_graph import emit_describing
from autocompress.study.prepared import Prepared
from autocompress.tasks.encoding import EncodedSplit

BATCH = 16


def serialise(
    prepared: Prepared, arrays: dict[str, np.ndarray], shape: EncoderShape, configuration: Configuration
) -> bytes:
    """The bytes of the ONNX file of a configuration's weights, which are already cut to it."""
    content: bytes = emit(arrays, configuration, shape, _inputs(prepared)).SerializeToString()
    return content


def serialise_describing(prepared: Prepared, configuration: TransformerConfiguration) -> bytes:
    """The bytes of a graph that gives the hidden states of every layer after the logits."""
    arrays, shape = cut_weights(prepared, configuration)
    content: bytes = emit_describing(arrays, configuration, shape, _inputs(prepared)).SerializeToString()
    return content


class Compiled:
    """A file's bytes in a session on all cores, for many texts at once: not how it will be served."""

    def __init__(self, prepared: Prepared, content: bytes) -> None:
        self._pad_id = prepared.data.pad_id
        self._session = Session(content, threads=len(usable_cores()))

    def outputs(self, split: EncodedSplit) -> np.ndarray:
        """Outputs [n, C], texts of similar length together."""
        return predict(self._session, split, BATCH, self._pad_id, by_length=True)


def _inputs(prepared: Prepared) -> GraphInputs:
    return GraphInputs(
        pair=prepared.data.task.pair,
        vocabulary_order=prepared.vocabulary_order,
        unknown_id=prepared.data.unknown_id,
        max_length=prepared.data.max_length,
    )
