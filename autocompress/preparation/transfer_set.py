"""What students are distilled on: the training texts, and texts made up from them, as the teacher labels them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from autocompress.distillation.augmentation import AugmentationSettings
from autocompress.distillation.hidden_states import HiddenStates
from autocompress.distillation.layer_heads import NO_HEADS, LayerHeads, head_outputs, train_layer_heads
from autocompress.distillation.transfer import extended
from autocompress.domain.problem import Problem
from autocompress.preparation.labelling import TeacherOutputs, teacher_outputs
from autocompress.preparation.labels_so_far import LabelsSoFar
from autocompress.study.prepared import TEACHER, TRANSFER, Prepared
from autocompress.study.reuse import content_key
from autocompress.system.attempts import attempt
from autocompress.system.errors import MeasurementError
from autocompress.system.events import Event, Listener
from autocompress.tasks.encoding import EncodedSplit

SPLICE_SHARE, PAIR_SPLICE_SHARE = 1.0, 0.5
NO_SPLICE = AugmentationSettings(splice_share=0.0)


def prepare_transfer(
    prepared: Prepared, problem: Problem, count: int, enough: Callable[[int], bool], listener: Listener
) -> None:
    """Leave the transfer set: the training texts and up to ``count`` made-up ones, with the teacher's outputs.

    The training texts come first; labelling ends as soon as the number of labelled texts is ``enough``. Texts that
    the teacher cannot label are left out. MeasurementError if that is all of them.
    """
    teacher = hashlib.sha256(prepared.validation_outputs.tobytes()).hexdigest()
    labels = LabelsSoFar(
        prepared.folder / f"{TRANSFER}.training", f"{content_key(prepared, TRANSFER, problem)} {teacher}"
    )
    train = prepared.data.train.subset(np.random.default_rng(problem.seed).permutation(len(prepared.data.train)))
    split = _with_made_up(prepared, train, max(count, labels.count - len(train)), problem.seed, listener)
    outputs = teacher_outputs(prepared, split, listener, labels, enough)
    known, usable = len(outputs.logits), usable_rows(outputs)
    if known < len(train):
        listener(Event("note", f"there was time to label {known:,} of {len(train):,} training texts"))
    if len(usable) < known:
        listener(
            Event("note", f"{known - len(usable):,} of {known:,} texts are left out: the teacher cannot label them")
        )
    if not len(usable):
        raise MeasurementError("the teacher must give finite outputs of some text, but gave none")
    outputs = _kept(outputs, usable)
    heads = NO_HEADS
    with attempt("no heads after the teacher's lower layers", listener):
        heads = _layer_heads(prepared, outputs, listener)
    prepared.save_layer_heads(heads)
    labelled = int((usable < len(train)).sum())
    prepared.save_transfer(split.subset(usable), outputs.logits, outputs.hidden, labelled)
    labels.discard()


def usable_rows(outputs: TeacherOutputs) -> NDArray[np.int64]:
    """Numbers of the texts whose outputs are all finite, ascending."""
    finite = np.ones(len(outputs.logits), bool)
    for known in (outputs.logits, None if outputs.hidden is None else outputs.hidden.values, outputs.means):
        if known is not None:
            finite[: len(known)] &= np.isfinite(known).reshape(len(known), -1).all(axis=1)
    return np.flatnonzero(finite)


def _kept(outputs: TeacherOutputs, rows: NDArray[np.int64]) -> TeacherOutputs:
    hidden, means = outputs.hidden, outputs.means
    return TeacherOutputs(
        outputs.logits[rows],
        None if hidden is None else HiddenStates(hidden.values[rows], hidden.shares),
        None if means is None else means[rows[rows < len(means)]],
    )


def _with_made_up(prepared: Prepared, train: EncodedSplit, count: int, seed: int, listener: Listener) -> EncodedSplit:
    """``train`` and ``count`` texts made up from it; if one way of making them up fails, the others; at last none."""
    data = prepared.data
    separators = set(data.special_ids) - {data.unknown_id}
    splice = AugmentationSettings(splice_share=PAIR_SPLICE_SHARE if data.task.pair else SPLICE_SHARE)
    for settings, kind in ((splice, "spliced texts"), (NO_SPLICE, "texts with replaced words")):
        with attempt(f"no {kind} are made up", listener):
            vectors = prepared.source(TEACHER)[0]["embeddings.word"]
            return extended(train, count, vectors, separators, settings, seed, data.max_length)
    return train


def _layer_heads(prepared: Prepared, known: TeacherOutputs, listener: Listener) -> LayerHeads:
    """Heads learnt from the teacher's ``known`` outputs, with what they say of the validation split."""
    if known.means is None:
        return NO_HEADS
    seen = teacher_outputs(prepared, prepared.data.validation, listener).means
    if seen is None or len(seen) < len(prepared.data.validation) or not np.isfinite(seen).all():
        return NO_HEADS
    loss = prepared.data.task.definition.distillation_loss
    trained = train_layer_heads(known.means, known.logits[: len(known.means)], loss)
    return LayerHeads(trained, head_outputs(trained, seen))
