"""Prepares the transfer set: training texts and augmented texts, with the teacher's outputs on them.

Students and a large teacher read the same texts, each in the tokens of its own tokenizer.
"""

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
from autocompress.preparation.labelling import TeacherOutputs, teacher_outputs, texts_with_means
from autocompress.preparation.labelling_state import LabellingState
from autocompress.preparation.readings import readings
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
    order = np.random.default_rng(problem.seed).permutation(len(prepared.data.train))
    train = prepared.data.train.subset(order)
    split = _with_augmented(prepared, train, max(count, state.count - len(train)), problem.seed, listener)
    read_by_students, read_by_teacher = readings(prepared, split, order)
    outputs = teacher_outputs(prepared.labeller, read_by_teacher, listener, state, enough)
    usable = outputs.finite_rows()
    _report_left_out(len(outputs.logits), len(usable), len(train), listener)
    outputs = outputs.subset(usable)
    heads, split = NO_HEADS, read_by_students.subset(usable)
    with attempt("no heads after the teacher's lower layers", listener):
        heads = _layer_heads(prepared, split, outputs, listener)
    write_layer_heads(prepared.folder, heads)
    real_texts = int((usable < len(train)).sum())
    write_transfer(prepared.folder, split, outputs.logits, outputs.hidden, real_texts)
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
    """The word embeddings [V, E] of the model that students start from."""
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


def _layer_heads(prepared: Prepared, split: EncodedSplit, outputs: TeacherOutputs, listener: Listener) -> LayerHeads:
    """Heads after the lower layers that students are cut from, and their outputs on the validation split.

    They are trained on the teacher's ``outputs`` for ``split``. No heads where the layers' means are not known, which
    only an accurate 8-bit file gives.
    """
    if prepared.teaches_itself and outputs.means is None:
        return NO_HEADS
    validation = prepared.data.validation
    on_validation = teacher_outputs(prepared, validation, listener).means
    if on_validation is None or len(on_validation) < len(validation) or not np.isfinite(on_validation).all():
        return NO_HEADS
    means, logits = _layer_means(prepared, split, outputs, listener)
    if means is None:
        return NO_HEADS
    arrays = train_layer_heads(means, logits, prepared.data.task.definition.distillation_loss)
    return LayerHeads(arrays, head_outputs(arrays, on_validation))


def _layer_means(
    prepared: Prepared, split: EncodedSplit, outputs: TeacherOutputs, listener: Listener
) -> tuple[NDArray[np.float16] | None, NDArray[np.float32]]:
    """Means [m, layers - 1, H] of the layers that students are cut from, and the teacher's logits [m, C], on m texts.

    The means over the tokens are a part of the teacher's outputs, unless it has other layers than students.
    """
    if prepared.teaches_itself:
        return outputs.means, outputs.logits[: 0 if outputs.means is None else len(outputs.means)]
    some = np.arange(min(texts_with_means(prepared.teacher_shape), len(split)))
    own = teacher_outputs(prepared, split.subset(some), listener)
    finite = own.finite_rows()
    return own.subset(finite).means, outputs.logits[finite]
