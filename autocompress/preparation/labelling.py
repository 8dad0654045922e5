"""The teacher's outputs on many texts: from its own 8-bit file, twice as fast as PyTorch, where that is true to it.

A text that cannot be labelled costs itself alone: its outputs are NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autocompress.distillation.hidden_states import HiddenStates, principal_components
from autocompress.distillation.teacher import predict_logits
from autocompress.evaluation.compile import Compiled, serialise_describing
from autocompress.networks.checkpoint import open_checkpoint
from autocompress.networks.loading import load_classifier
from autocompress.preparation.labels_so_far import LabelsSoFar
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.study.prepared import Prepared
from autocompress.system.errors import MeasurementError
from autocompress.system.events import Event, Listener
from autocompress.tasks.encoding import EncodedSplit
from autocompress.tasks.metrics import unexplained

Floats = NDArray[np.float32]
CHUNK = 1024
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
    enough: Callable[[int], bool] = lambda labelled: False,
) -> TeacherOutputs:
    """What the teacher says of ``split``, or of so many of its first texts that their number is ``enough``.

    That is asked after every ``CHUNK`` texts.

    The 8-bit file is used if it works and at most ``UNEXPLAINED`` of the variance of the exact outputs is lost in it,
    as read from validation rows; else PyTorch in the fastest precision of this processor, without hidden states. The
    components of the hidden states are those of the first ``CHUNK`` texts: what the head reads, and the middle layer
    and the last but one. Texts that ``labels`` holds already are not asked again.
    """
    try:
        compiled, reason = _true_file(prepared)
    except Exception as error:
        compiled, reason = None, f"the teacher's 8-bit file does not work ({error})"
    if compiled is None:
        listener(Event("note", f"{reason}: texts are labelled in PyTorch"))
        return TeacherOutputs(_from_pytorch(prepared, split, listener, enough))
    shape = prepared.teacher_shape
    classes, depth = shape.num_outputs, shape.num_hidden_layers
    described = sorted({place for place in (depth // 2 - 1, depth - 2, depth - 1) if place >= 0})
    room = MEANS_BYTES // (2 * max(depth - 1, 1) * shape.hidden_size)
    labels = labels or LabelsSoFar()
    for begin, chunk in _chunks(split, labels.count, listener, enough):
        try:
            outputs = outputs_or_nan(compiled.outputs, chunk)
        except MeasurementError:
            if not labels.count:
                raise
            break
        states = outputs[:, classes:].reshape(len(outputs), depth, shape.hidden_size)
        chosen = states[:, described].reshape(len(states), -1)
        known = chosen[np.isfinite(outputs).all(axis=1)]
        components = labels.components or principal_components(known)
        means = states[: max(room - begin, 0), :-1].astype(np.float16)
        labels.add(components, logits=outputs[:, :classes], values=components.of(chosen), means=means)
    assert labels.components is not None
    hidden = HiddenStates(labels.all("values").astype(np.float16), labels.components.shares)
    return TeacherOutputs(labels.all("logits").astype(np.float32), hidden, labels.all("means").astype(np.float16))


def _true_file(prepared: Prepared) -> tuple[Compiled | None, str]:
    """The teacher's 8-bit file in a session, or the reason why it is not true enough to the teacher."""
    data, shape = prepared.data, prepared.teacher_shape
    compiled = Compiled(prepared, serialise_describing(prepared, TransformerConfiguration.uniform(shape)))
    checked = np.arange(min(CHECKED_ROWS, len(data.validation)))
    found = compiled.outputs(data.validation.subset(checked))[:, : shape.num_outputs]
    lost = unexplained(found, prepared.validation_outputs[checked])
    return (compiled, "") if lost <= UNEXPLAINED else (None, f"8 bits lose {lost:.1%} of the teacher's outputs")


def _from_pytorch(prepared: Prepared, split: EncodedSplit, listener: Listener, enough: Callable[[int], bool]) -> Floats:
    """Logits [n, C] of the checkpoint in PyTorch."""
    data = prepared.data
    checkpoint = open_checkpoint(str(prepared.checkpoint))
    model, _ = load_classifier(checkpoint, data.task.num_outputs, data.task.label_names)
    chunks = _chunks(split, 0, listener, enough)
    return np.concatenate([predict_logits(model, chunk, data.pad_id) for _, chunk in chunks])


def outputs_or_nan(outputs_of: Callable[[EncodedSplit], Floats], split: EncodedSplit) -> Floats:
    """Outputs [n, K] of a split; NaN for the texts that make ``outputs_of`` fail.

    The split is halved until such a text stands alone. MeasurementError if no text of it has outputs.
    """
    try:
        return outputs_of(split)
    except MeasurementError:
        if len(split) == 1:
            raise
    halves = [half for half in np.array_split(np.arange(len(split)), 2) if len(half)]
    found = [(len(half), _outputs_or_none(outputs_of, split.subset(half))) for half in halves]
    widths = {outputs.shape[1] for _, outputs in found if outputs is not None}
    if not widths:
        raise MeasurementError(f"the teacher must answer at least one of {len(split)} texts, but answered none")
    return np.concatenate(
        [np.full((count, *widths), np.nan, np.float32) if outputs is None else outputs for count, outputs in found]
    )


def _outputs_or_none(outputs_of: Callable[[EncodedSplit], Floats], split: EncodedSplit) -> Floats | None:
    try:
        return outputs_or_nan(outputs_of, split)
    except MeasurementError:
        return None


def _chunks(
    split: EncodedSplit, begin: int, listener: Listener, enough: Callable[[int], bool]
) -> Iterator[tuple[int, EncodedSplit]]:
    """The rows from ``begin`` on, ``CHUNK`` at a time and where they begin, until there are enough."""
    while begin < len(split) and (begin == 0 or not enough(begin)):
        listener(Event("progress", "labelling texts", begin / len(split)))
        yield begin, split.subset(np.arange(begin, min(begin + CHUNK, len(split))))
        begin += CHUNK
