"""The teacher's outputs on many texts: from its own 8-bit file, twice as fast as PyTorch, where that is true to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autocompress.compilation import Compiled, serialise_describing
from autocompress.configuration import TransformerConfiguration
from autocompress.distillation.hidden_states import HiddenStates, principal_components
from autocompress.distillation.teacher import predict_logits
from autocompress.events import Event, Listener
from autocompress.networks.checkpoint import load_classifier, open_checkpoint
from autocompress.prepared import Prepared
from autocompress.tasks.encoding import EncodedSplit
from autocompress.tasks.metrics import unexplained

CHUNK = 4096
CHECKED_ROWS = 512
UNEXPLAINED = 0.02


@dataclass(frozen=True, eq=False)
class TeacherOutputs:
    """Logits [n, C] and, from the 8-bit file, hidden states."""

    logits: NDArray[np.float32]
    hidden: HiddenStates | None


def teacher_outputs(prepared: Prepared, split: EncodedSplit, listener: Listener) -> TeacherOutputs:
    """What the teacher says of ``split``, texts of similar length together.

    The 8-bit file is used if at most ``UNEXPLAINED`` of the variance of the exact outputs is lost in it, as read from
    validation rows; else PyTorch in the fastest precision of this processor, without hidden states. The components of
    the hidden states are those of the first ``CHUNK`` texts.
    """
    data = prepared.data
    compiled = Compiled(
        prepared, serialise_describing(prepared, TransformerConfiguration.uniform(prepared.teacher_shape))
    )
    classes = prepared.teacher_shape.num_outputs
    checked = np.arange(min(CHECKED_ROWS, len(data.validation)))
    known = prepared.validation_outputs[checked]
    lost = unexplained(compiled.outputs(data.validation.subset(checked))[:, :classes], known)
    if not lost <= UNEXPLAINED:
        listener(Event("note", f"8 bits lose {lost:.1%} of the teacher's outputs: texts are labelled in PyTorch"))
        checkpoint = open_checkpoint(str(prepared.checkpoint))
        model, _ = load_classifier(checkpoint, data.task.num_outputs, data.task.label_names)
        return TeacherOutputs(predict_logits(model, split, data.pad_id), None)
    logits, values, components = [], [], None
    for begin in range(0, len(split), CHUNK):
        listener(Event("progress", "labelling made-up texts", begin / len(split)))
        outputs = compiled.outputs(split.subset(np.arange(begin, min(begin + CHUNK, len(split)))))
        components = components or principal_components(outputs[:, classes:])
        logits.append(outputs[:, :classes])
        values.append(components.of(outputs[:, classes:]))
    assert components is not None
    return TeacherOutputs(np.concatenate(logits), HiddenStates(np.concatenate(values), components.shares))
