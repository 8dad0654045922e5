"""The teacher's outputs on many texts: from its own 8-bit file, twice as fast as PyTorch, where that is true to it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autocompress.artifact.session import Session
from autocompress.compilation import serialise
from autocompress.configuration import TransformerConfiguration
from autocompress.distillation.teacher import predict_logits
from autocompress.events import Event, Listener
from autocompress.exploration.cores import usable_cores
from autocompress.measurement.inference import predict
from autocompress.networks.checkpoint import load_classifier, open_checkpoint
from autocompress.prepared import Prepared
from autocompress.tasks.encoding import EncodedSplit

BATCH = 16
CHUNK = 4096
CHECKED_ROWS = 512
UNEXPLAINED = 0.02


def teacher_outputs(prepared: Prepared, split: EncodedSplit, listener: Listener) -> NDArray[np.float32]:
    """Teacher outputs [n, C] on ``split``, texts of similar length together.

    The 8-bit file is used if at most ``UNEXPLAINED`` of the variance of the exact outputs is lost in it, as read from
    validation rows; else PyTorch in the fastest precision of this processor.
    """
    data = prepared.data
    configuration = TransformerConfiguration.uniform(prepared.teacher_shape)
    arrays, shape = prepared.weights(configuration)
    session = Session(serialise(prepared, arrays, shape, configuration), threads=len(usable_cores()))

    def quick(rows: EncodedSplit) -> NDArray[np.float32]:
        return predict(session, rows, BATCH, data.pad_id, by_length=True)

    checked = np.arange(min(CHECKED_ROWS, len(data.validation)))
    lost = unexplained(quick(data.validation.subset(checked)), prepared.validation_outputs[checked])
    if not lost <= UNEXPLAINED:
        listener(Event("note", f"8 bits lose {lost:.1%} of the teacher's outputs: texts are labelled in PyTorch"))
        checkpoint = open_checkpoint(str(prepared.checkpoint))
        model, _ = load_classifier(checkpoint, data.task.num_outputs, data.task.label_names)
        return predict_logits(model, split, data.pad_id)
    parts = []
    for begin in range(0, len(split), CHUNK):
        listener(Event("progress", "labelling made-up texts", begin / len(split)))
        parts.append(quick(split.subset(np.arange(begin, min(begin + CHUNK, len(split))))))
    return np.concatenate(parts)


def unexplained(outputs: NDArray[np.float32], exact: NDArray[np.float32]) -> float:
    """Mean squared difference of outputs [n, C] over the variance of the exact ones, all columns taken together."""
    variance = float(np.square(exact - exact.mean(axis=0)).sum())
    difference = float(np.square(outputs - exact).sum())
    return difference / variance if variance > 0 else float(difference > 0)
