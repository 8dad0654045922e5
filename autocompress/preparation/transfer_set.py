"""Prepares the transfer set: training texts and augmented texts, with the teacher's outputs on them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from autocompress.distillation.augmentation import AugmentationSettings, Augmenter
from autocompress.distillation.layer_heads import NO_HEADS, LayerHeads, head_outputs, train_layer_heads
from autocompress.distillation.pair_augmentation import PairAugmenter
from autocompress.distillation.transfer import RowAugmenter, with_augmented
from autocompress.domain.problem import Problem
from autocompress.preparation.labelling import TeacherOutputs, teacher_outputs
from autocompress.preparation.labelling_state import LabellingState
from autocompress.study.prepared import Prepared
from autocompress.study.prepared_files import TEACHER, TRANSFER, write_layer_heads, write_transfer
from autocompress.study.reuse import content_key
from autocompress.system.attempts import attempt
from autocompress.system.errors import MeasurementError
from autocompress.system.events import Event, Listener
from autocompress.tasks.encoding import EncodedSplit

NO_SPLICE = AugmentationSettings(splice_share=0.0)


def prepare_transfer(
    prepared: Prepared, problem: Problem, count: int, enough: Callable[[int], bool], listener: Listener
) -> None:
    """Write the transfer set: the training texts and up to ``count`` augmented ones, with the teacher's outputs.

    Heads after the teacher's lower layers are trained on the same outputs and written too. The training texts come
    first; labelling ends as soon as ``enough(labelled)`` says so of the number of labelled texts. Texts that the
    teacher cannot label are left out; MeasurementError if that is all of them.
    """
    state = _labelling_state(prepared, problem)
    train = prepared.data.train.subset(np.random.default_rng(problem.seed).permutation(len(prepared.data.train)))
    split = _with_augmented(prepared, train, max(count, state.count - len(train)), problem.seed, listener)
    outputs = teacher_outputs(prepared, split, listener, state, enough)
    usable = outputs.finite_rows()
    _report_left_out(len(outputs.logits), len(usable), len(train), listener)
    outputs = outputs.subset(usable)
    heads = NO_HEADS
    with attempt("no heads after the teacher's lower layers", listener):
        heads = _layer_heads(prepared, outputs, listener)
    write_layer_heads(prepared.folder, heads)
    real_texts = int((usable < len(train)).sum())
    write_transfer(prepared.folder, split.subset(usable), outputs.logits, outputs.hidden, real_texts)
    state.discard()


def _labelling_state(prepared: Prepared, problem: Problem) -> LabellingState:
    """Where this teacher's labels on these texts are saved until all are there."""
    teacher = hashlib.sha256(prepared.validation_outputs.tobytes()).hexdigest()
    key = f"{content_key(prepared, TRANSFER, problem)} {teacher}"
    return LabellingState(prepared.folder / f"{TRANSFER}.training", key)


def _with_augmented(prepared: Prepared, train: EncodedSplit, count: int, seed: int, listener: Listener) -> EncodedSplit:
    """``train`` and ``count`` augmented texts: pairs or spliced ones, or, if that fails, ones with replaced words.

    None if that fails too.
    """
    data = prepared.data
    separators = set(data.special_ids) - {data.unknown_id}

    def pairs() -> RowAugmenter:
        return PairAugmenter.for_split(train, _word_vectors(prepared), separators, data.max_length, seed=seed)

    def texts(settings: AugmentationSettings) -> RowAugmenter:
        return Augmenter.for_texts(train.tokens, _word_vectors(prepared), separators, data.max_length, settings)

    made_up: dict[str, Callable[[], RowAugmenter]] = {
        **({"pairs": pairs} if data.task.pair else {"spliced texts": lambda: texts(AugmentationSettings())}),
        "texts with replaced words": lambda: texts(NO_SPLICE),
    }
    for kind, augmenter in made_up.items():
        with attempt(f"no {kind} are made up", listener):
            return with_augmented(train, augmenter(), count, seed)
    return train


def _word_vectors(prepared: Prepared) -> NDArray[np.float32]:
    """The teacher's word embeddings [V, E]."""
    return prepared.source(TEACHER)[0]["embeddings.word"]


def _report_left_out(labelled: int, usable: int, train_rows: int, listener: Listener) -> None:
    """Note the texts without labels, for lack of time or of finite outputs; MeasurementError if none has labels."""
    if labelled < train_rows:
        listener(Event("note", f"there was time to label {labelled:,} of {train_rows:,} training texts"))
    if usable < labelled:
        left_out = f"{labelled - usable:,} of {labelled:,} texts are left out"
        listener(Event("note", f"{left_out}: the teacher cannot label them"))
    if not usable:
        raise MeasurementError("the teacher must give finite outputs of some text, but gave none")


def _layer_heads(prepared: Prepared, outputs: TeacherOutputs, listener: Listener) -> LayerHeads:
    """Heads trained on the teacher's ``outputs``, and their own outputs on the validation split.

    No heads where the layers' means are not known, which only the teacher's 8-bit file gives.
    """
    if outputs.means is None:
        return NO_HEADS
    validation = prepared.data.validation
    means = teacher_outputs(prepared, validation, listener).means
    if means is None or len(means) < len(validation) or not np.isfinite(means).all():
        return NO_HEADS
    loss = prepared.data.task.definition.distillation_loss
    arrays = train_layer_heads(outputs.means, outputs.logits[: len(outputs.means)], loss)
    return LayerHeads(arrays, head_outputs(arrays, means))
