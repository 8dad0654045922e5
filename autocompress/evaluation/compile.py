"""Compiles weights and a configuration into the bytes of one ONNX file."""

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
from autocompress.tasks.encoding import EncodedDataset, EncodedSplit

BATCH = 16


def serialise(
    prepared: Prepared, arrays: dict[str, np.ndarray], shape: EncoderShape, configuration: Configuration
) -> bytes:
    """Return the ONNX file of ``arrays``, which are already cut to ``configuration``, as bytes.

    ``shape`` is that of the weights they are cut from.
    """
    content: bytes = emit(arrays, configuration, shape, _inputs(prepared, shape)).SerializeToString()
    return content


def serialise_describing(prepared: Prepared, configuration: TransformerConfiguration) -> bytes:
    """Return an ONNX file, as bytes, whose output holds the logits, followed by every layer's hidden states."""
    arrays, shape = cut_weights(prepared, configuration)
    content: bytes = emit_describing(arrays, configuration, shape, _inputs(prepared, shape)).SerializeToString()
    return content


class Compiled:
    """Runs an ONNX file on all cores and in large batches, for outputs on many texts; latency is measured otherwise.

    ``content`` are the bytes of the file.
    """

    def __init__(self, prepared: Prepared, content: bytes) -> None:
        self._pad_id = prepared.data.pad_id
        self._session = Session(content, threads=len(usable_cores()))

    def outputs(self, split: EncodedSplit) -> np.ndarray:
        """Return the outputs [n, C] on a split's texts, in their order; batches hold texts of similar length."""
        return predict(self._session, split, BATCH, self._pad_id, by_length=True)


def separator_of(data: EncodedDataset, shape: EncoderShape) -> int | None:
    """Return the token that tells the two texts of a pair apart; None where the teacher reads token types."""
    return None if shape.type_vocab_size > 1 else data.separator_id


def _inputs(prepared: Prepared, shape: EncoderShape) -> GraphInputs:
    return GraphInputs(
        pair=prepared.data.task.pair,
        vocabulary=prepared.vocabulary,
        max_length=prepared.data.max_length,
        separator_id=separator_of(prepared.data, shape),
    )
