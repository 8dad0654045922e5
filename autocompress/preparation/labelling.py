"""Labels texts with the teacher's outputs: by its 8-bit file, twice as fast as PyTorch, if that is accurate enough.

A text that the teacher cannot label gets NaN and costs only itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autocompress.distillation.hidden_states import HiddenStates, principal_components
from autocompress.distillation.teacher import predict_logits
from autocompress.domain.shape import EncoderShape
from autocompress.evaluation.compile import Compiled, serialise_describing
from autocompress.networks.checkpoint import open_checkpoint
from autocompress.networks.loading import load_in_class_order
from autocompress.preparation.labelling_state import LabellingState
from autocompress.preparation.readings import Texts
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.study.prepared import Prepared
from autocompress.system.errors import MeasurementError
from autocompress.system.events import Event, Listener
from autocompress.tasks.encoding import EncodedSplit
from autocompress.tasks.metrics import unexplained

Floats = NDArray[np.float32]
CHUNK = 1024
CHECKED_ROWS = 512
UNEXPLAINED, LARGE_TEACHER_TIMES = 0.02, 5
"""Largest share of the variance of a teacher's outputs that its 8-bit file may lose, to label texts.

A teacher that only labels texts may lose ``LARGE_TEACHER_TIMES`` as much. It is large, so PyTorch labels few texts in
the time; that more texts are worth the less exact labels is an assumption.
"""
MEANS_BYTES = 128 * 2**20


@dataclass(frozen=True, eq=False)
class TeacherOutputs:
    """Holds the teacher's logits [n, C] and, from the 8-bit file, its hidden states.

    ``means`` [m, layers - 1, H] are the outputs of every layer but the last, averaged over the tokens, for the first m
    texts, as many as ``MEANS_BYTES`` hold.
    """

    logits: Floats
    hidden: HiddenStates | None = None
    means: NDArray[np.float16] | None = None

    def finite_rows(self) -> NDArray[np.int64]:
        """Return the numbers of the texts whose outputs are all finite, ascending."""
        finite = np.ones(len(self.logits), bool)
        for outputs in (self.logits, None if self.hidden is None else self.hidden.values, self.means):
            if outputs is not None:
                finite[: len(outputs)] &= np.isfinite(outputs).reshape(len(outputs), -1).all(axis=1)
        return np.flatnonzero(finite)

    def subset(self, rows: NDArray[np.int64]) -> TeacherOutputs:
        """Return the outputs on the texts ``rows``, ascending."""
        hidden, means = self.hidden, self.means
        return TeacherOutputs(
            self.logits[rows],
            None if hidden is None else HiddenStates(hidden.values[rows], hidden.shares),
            None if means is None else means[rows[rows < len(means)]],
        )


def teacher_outputs(
    prepared: Prepared,
    split: Texts,
    listener: Listener,
    state: LabellingState | None = None,
    enough: Callable[[int], bool] = lambda labelled: False,
) -> TeacherOutputs:
    """Return the outputs on ``split``, or on its first texts, of the model that is prepared there.

    That is the teacher, or a smaller model that students start from. After every ``CHUNK`` texts labelling ends if
    ``enough(labelled)`` says so of their number. Texts whose outputs are in ``state`` are not labelled again. Without
    an accurate 8-bit file (see ``accurate_8_bit_file``) PyTorch gives the logits, in this processor's fastest
    precision, and the hidden states are left out; the listener is told why. MeasurementError if none of the first
    chunk's texts can be labelled.
    """
    file, reason = accurate_8_bit_file(prepared)
    if file is None:
        listener(Event("note", f"{reason}: texts are labelled in PyTorch"))
        return TeacherOutputs(_pytorch_logits(prepared, split, listener, enough))
    state = state or LabellingState()
    for begin, chunk in _chunks(split, state.count, listener, enough):
        try:
            outputs = predict_or_nan(file.outputs, chunk)
        except MeasurementError:
            if not state.count:
                raise
            break
        _add_chunk(state, outputs, begin, prepared.teacher_shape)
    assert state.components is not None
    return TeacherOutputs(
        state.all("logits").astype(np.float32),
        HiddenStates(state.all("values").astype(np.float16), state.components.shares),
        state.all("means").astype(np.float16),
    )


def texts_with_means(shape: EncoderShape) -> int:
    """Return for how many texts the means of an encoder's lower layers are kept."""
    return MEANS_BYTES // (2 * max(shape.num_hidden_layers - 1, 1) * shape.hidden_size)


def accurate_8_bit_file(prepared: Prepared) -> tuple[Compiled | None, str]:
    """Return the 8-bit file of the teacher that is prepared there, or None and the reason why it cannot be used.

    It can if it runs and loses at most ``UNEXPLAINED`` of the variance of the exact outputs on ``CHECKED_ROWS``
    validation texts, or ``LARGE_TEACHER_TIMES`` as much if it only labels texts. Its outputs [n, C + layers * H] are
    the logits, then the hidden states of each layer.
    """
    try:
        data, shape = prepared.data, prepared.teacher_shape
        file = Compiled(prepared, serialise_describing(prepared, TransformerConfiguration.uniform(shape)))
        checked = np.arange(min(CHECKED_ROWS, len(data.validation)))
        logits = file.outputs(data.validation.subset(checked))[:, : shape.num_outputs]
        lost = unexplained(logits, prepared.origin_outputs[checked])
    except Exception as error:
        return None, f"the teacher's 8-bit file does not work ({error})"
    most = UNEXPLAINED * (LARGE_TEACHER_TIMES if prepared.only_labels else 1)
    return (file, "") if lost <= most else (None, f"8 bits lose {lost:.1%} of the teacher's outputs")


def _add_chunk(state: LabellingState, outputs: Floats, begin: int, shape: EncoderShape) -> None:
    """Add the 8-bit file's ``outputs`` [n, C + layers * H] on the texts from number ``begin`` on.

    The hidden states to distil are those of the middle layer and the last but one, averaged over the tokens, and what
    the head reads. Their principal components are fitted to the first chunk's texts.
    """
    layers, hidden_size = shape.num_hidden_layers, shape.hidden_size
    states = outputs[:, shape.num_outputs :].reshape(len(outputs), layers, hidden_size)
    distilled = sorted({layer for layer in (layers // 2 - 1, layers - 2, layers - 1) if layer >= 0})
    features = states[:, distilled].reshape(len(states), -1)
    components = state.components or principal_components(features[np.isfinite(outputs).all(axis=1)])
    means = states[: max(texts_with_means(shape) - begin, 0), :-1].astype(np.float16)
    state.add(components, logits=outputs[:, : shape.num_outputs], values=components.project(features), means=means)


def _pytorch_logits(prepared: Prepared, split: Texts, listener: Listener, enough: Callable[[int], bool]) -> Floats:
    """Logits [n, C] of the teacher's checkpoint in PyTorch."""
    data = prepared.data
    checkpoint = open_checkpoint(str(prepared.checkpoint))
    model, _ = load_in_class_order(checkpoint, data.task.num_outputs, data.task.label_names)
    chunks = _chunks(split, 0, listener, enough)
    return np.concatenate([predict_logits(model, chunk, data.pad_id) for _, chunk in chunks])


def predict_or_nan(predict: Callable[[EncodedSplit], Floats], split: EncodedSplit) -> Floats:
    """Return the outputs [n, K] of a split, with NaN for the texts on which ``predict`` raises MeasurementError.

    A split that fails is halved until the failing text stands alone. MeasurementError if all texts fail.
    """
    try:
        return predict(split)
    except MeasurementError:
        if len(split) == 1:
            raise
    halves = [half for half in np.array_split(np.arange(len(split)), 2) if len(half)]
    found = [(len(half), _predict_or_none(predict, split.subset(half))) for half in halves]
    widths = {outputs.shape[1] for _, outputs in found if outputs is not None}
    if not widths:
        raise MeasurementError(f"the teacher must answer at least one of {len(split)} texts, but answered none")
    return np.concatenate(
        [np.full((count, *widths), np.nan, np.float32) if outputs is None else outputs for count, outputs in found]
    )


def _predict_or_none(predict: Callable[[EncodedSplit], Floats], split: EncodedSplit) -> Floats | None:
    try:
        return predict_or_nan(predict, split)
    except MeasurementError:
        return None


def _chunks(
    split: Texts, begin: int, listener: Listener, enough: Callable[[int], bool]
) -> Iterator[tuple[int, EncodedSplit]]:
    """Yield ``CHUNK`` texts at a time, from number ``begin`` on, and the number of the first; end when ``enough``."""
    while begin < len(split) and (begin == 0 or not enough(begin)):
        listener(Event("progress", "labelling texts", begin / len(split)))
        yield begin, split.subset(np.arange(begin, min(begin + CHUNK, len(split))))
        begin += CHUNK
