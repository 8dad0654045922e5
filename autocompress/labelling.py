"""The teacher's outputs on many texts: from its own 8-bit file, twice as fast as PyTorch, where that is true to it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autocompress.compilation import Compiled
from autocompress.configuration import TransformerConfiguration
from autocompress.distillation.teacher import predict_logits
from autocompress.events import Event, Listener
from autocompress.networks.checkpoint import load_classifier, open_checkpoint
from autocompress.prepared import Prepared
from autocompress.tasks.encoding import EncodedSplit
from autocompress.tasks.metrics import unexplained

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
    compiled = Compiled(prepared, arrays, shape, configuration)
    checked = np.arange(min(CHECKED_ROWS, len(data.validation)))
    lost = unexplained(compiled.outputs(data.validation.subset(checked)), prepared.validation_outputs[checked])
    if not lost <= UNEXPLAINED:
        listener(Event("note", f"8 bits lose {lost:.1%} of the teacher's outputs: texts are labelled in PyTorch"))
        checkpoint = open_checkpoint(str(prepared.checkpoint))
        model, _ = load_classifier(checkpoint, data.task.num_outputs, data.task.label_names)
        return predict_logits(model, split, data.pad_id)
    parts = []
    for begin in range(0, len(split), CHUNK):
        listener(Event("progress", "labelling made-up texts", begin / len(split)))
        parts.append(compiled.outputs(split.subset(np.arange(begin, min(begin + CHUNK, len(split))))))
    return np.concatenate(parts)
