"""The teacher's outputs on many texts: from its own 8-bit file, twice as fast as PyTorch, where that is true to it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autocompress.compilation import Compiled, serialise_describing
from autocompress.configuration import TransformerConfiguration
from autocompress.distillation.hidden_states import HiddenStates, principal_components
from autocompress.distillation.teacher import predict_logits
from autocompress.events import Event, Listener
from autocompress.labels_so_far import LabelsSoFar
from autocompress.networks.checkpoint import load_classifier, open_checkpoint
from autocompress.prepared import Prepared
from autocompress.tasks.encoding import EncodedSplit
from autocompress.tasks.metrics import unexplained

CHUNK = 4096
CHECKED_ROWS = 512
UNEXPLAINED = 0.02
MEANS_BYTES = 128 * 2**20


@dataclass(frozen=True, eq=False)
class TeacherOutputs:
    """Logits [n, C] and, from the 8-bit file, hidden states.

    ``means`` [m, layers - 1, H] are those of every layer but the last, over the tokens, of the first texts: as many
    as ``MEANS_BYTES`` hold.
    """

    logits: NDArray[np.float32]
    hidden: HiddenStates | None = None
    means: NDArray[np.float16] | None = None


def teacher_outputs(
    prepared: Prepared,
    split: EncodedSplit,
    listener: Listener,
    labels: LabelsSoFar | None = None,
    deadline: float = math.inf,
) -> TeacherOutputs:
    """What the teacher says of ``split``, or of as many of its first texts as it can until ``deadline``, one at least.

    ``deadline`` is a ``time.monotonic`` reading, looked at after every ``CHUNK`` texts.

    The 8-bit file is used if at most ``UNEXPLAINED`` of the variance of the exact outputs is lost in it, as read from
    validation rows; else PyTorch in the fastest precision of this processor, without hidden states. The components of
    the hidden states are those of the first ``CHUNK`` texts: what the head reads, and the middle layer and the last
    but one. Texts that ``labels`` holds already are not asked again.
    """
    data, shape = prepared.data, prepared.teacher_shape
    compiled = Compiled(prepared, serialise_describing(prepared, TransformerConfiguration.uniform(shape)))
    classes, depth = shape.num_outputs, shape.num_hidden_layers
    checked = np.arange(min(CHECKED_ROWS, len(data.validation)))
    known = prepared.validation_outputs[checked]
    lost = unexplained(compiled.outputs(data.validation.subset(checked))[:, :classes], known)
    if not lost <= UNEXPLAINED:
        listener(Event("note", f"8 bits lose {lost:.1%} of the teacher's outputs: texts are labelled in PyTorch"))
        checkpoint = open_checkpoint(str(prepared.checkpoint))
        model, _ = load_classifier(checkpoint, data.task.num_outputs, data.task.label_names)
        chunks = _chunks(split, 0, listener, deadline)
        return TeacherOutputs(np.concatenate([predict_logits(model, chunk, data.pad_id) for _, chunk in chunks]))
    described = sorted({place for place in (depth // 2 - 1, depth - 2, depth - 1) if place >= 0})
    room = MEANS_BYTES // (2 * max(depth - 1, 1) * shape.hidden_size)
    labels = labels or LabelsSoFar()
    for begin, chunk in _chunks(split, labels.count, listener, deadline):
        outputs = compiled.outputs(chunk)
        states = outputs[:, classes:].reshape(len(outputs), depth, shape.hidden_size)
        chosen = states[:, described].reshape(len(states), -1)
        components = labels.components or principal_components(chosen)
        means = states[: max(room - begin, 0), :-1].astype(np.float16)
        labels.add(components, logits=outputs[:, :classes], values=components.of(chosen), means=means)
    assert labels.components is not None
    hidden = HiddenStates(labels.all("values").astype(np.float16), labels.components.shares)
    return TeacherOutputs(labels.all("logits").astype(np.float32), hidden, labels.all("means").astype(np.float16))


def _chunks(split: EncodedSplit, begin: int, listener: Listener, deadline: float) -> Iterator[tuple[int, EncodedSplit]]:
    """The rows from ``begin`` on, ``CHUNK`` at a time and where they begin, until the deadline."""
    while begin < len(split) and (begin == 0 or time.monotonic() < deadline):
        listener(Event("progress", "labelling made-up texts", begin / len(split)))
        yield begin, split.subset(np.arange(begin, min(begin + CHUNK, len(split))))
        begin += CHUNK
