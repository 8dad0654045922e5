"""Prepares the teacher, or the student checkpoint: fine-tunes it if need be, and writes its outputs and weights."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from autocompress.compression.importance import reorder
from autocompress.compression.vocabulary import Vocabulary, similar_tokens, vocabulary_order
from autocompress.distillation.batches import tensor_batch
from autocompress.distillation.mixed_precision import autocast
from autocompress.distillation.teacher import (
    FineTuning,
    TeacherSettings,
    affordable_epochs,
    fine_tune,
    predict_logits,
    seconds_wanted,
)
from autocompress.domain.problem import Problem
from autocompress.domain.shape import EncoderShape
from autocompress.measurement.requests import draw_requests, write_requests
from autocompress.networks.families.import_encoder import import_encoder
from autocompress.networks.weights import Arrays
from autocompress.preparation.choose_compensation import CALIBRATION_ROWS, unpadded_texts, useful_compensation
from autocompress.preparation.inputs import Inputs, load_start
from autocompress.students.transformer.average_attention import attention_kernels
from autocompress.students.transformer.compensation import Compensation
from autocompress.students.transformer.importance import importance_scores
from autocompress.students.transformer.network import ElasticEncoder
from autocompress.study.prepared import REQUESTS, Prepared
from autocompress.study.prepared_files import TEACHER, write_compensation, write_outputs, write_source
from autocompress.study.reuse import training_state
from autocompress.system.attempts import attempt
from autocompress.system.events import Event, Listener
from autocompress.system.files import write_sealed
from autocompress.tasks.encoding import EncodedDataset

FEWEST_CALIBRATION_ROWS, CALIBRATION_S = 128, 900.0
KERNEL_ROWS = 128
"""Texts over which attention is averaged."""

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def save_data(prepared: Prepared, inputs: Inputs, problem: Problem) -> None:
    """Write the encoded splits, and the requests drawn from the validation split that all latencies are measured on."""
    folder = prepared.study_folder / "data"
    inputs.data.save(folder)
    requests = draw_requests(
        inputs.data.splits["validation"],
        batch_size=problem.target.batch_size,
        pad_id=inputs.data.pad_id,
        seed=problem.seed,
    )
    write_sealed(folder / "model.json", {"digest": inputs.checkpoint.digest})
    write_requests(folder / REQUESTS, requests)


def prepare_teacher(
    prepared: Prepared, inputs: Inputs, problem: Problem, budget_s: float, at_most_s: float, listener: Listener
) -> None:
    """Write the teacher: its checkpoint folder, its weights in order of importance, and its outputs.

    A checkpoint without a trained head is fine-tuned first, for ``budget_s`` seconds, or for up to ``at_most_s`` where
    all passes over the data take longer. The checkpoint folder gets its name last, which says that all is written.
    The weights of a teacher that only labels texts keep their order. Students may start from another model than their
    teacher; that is written in the same way.
    """
    model = load_start(inputs)
    state = training_state(prepared, TEACHER, problem)
    if inputs.order is None:
        name = "teacher" if prepared.teaches_itself else "student checkpoint"
        listener(Event("note", f"the {name} is fine-tuned first"))
        settings = TeacherSettings(budget_s=budget_s, seed=problem.seed, name=name)
        wanted_s, rows = seconds_wanted(model, inputs.data, settings), len(inputs.data.train)
        epochs = affordable_epochs(rows, wanted_s / settings.epochs(rows), budget_s)
        settings = replace(settings, budget_s=min(max(budget_s, wanted_s), at_most_s), max_epochs=epochs)
        fine_tuning = fine_tune(model, inputs.data, settings, listener, state)
        if prepared.teaches_itself:
            _note_missing_time(fine_tuning, inputs.data, problem, listener)
    checkpoint, data = _save_checkpoint(prepared, model, inputs), inputs.data
    shape, arrays = import_encoder(model)
    vocabulary = vocabulary_of(data, arrays, only_labels=prepared.only_labels)
    outputs = predict_logits(model, data.validation, data.pad_id, exact=True)
    shape = replace(shape, output_scale=data.task.definition.loss_unit(outputs) ** 0.5)
    write_outputs(prepared.folder, outputs, vocabulary)
    _save_weights(prepared, arrays, shape, data, calibration_rows(problem.time_budget_s), listener)
    shutil.rmtree(prepared.checkpoint, ignore_errors=True)
    checkpoint.replace(prepared.checkpoint)
    state.discard()


def _note_missing_time(fine_tuning: FineTuning, data: EncodedDataset, problem: Problem, listener: Listener) -> None:
    hint = fine_tuning.hint(data.task.metric, problem.time_budget_s)
    if hint is not None:
        listener(Event("note", hint))


def _save_checkpoint(prepared: Prepared, model: PreTrainedModel, inputs: Inputs) -> Path:
    """Write model and tokenizer to a folder with a temporary name, and return that."""
    folder = prepared.folder / "checkpoint.partial"
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    inputs.checkpoint.tokenizer.save_pretrained(folder)
    return folder


def _save_weights(
    prepared: Prepared, arrays: Arrays, shape: EncoderShape, data: EncodedDataset, rows: int, listener: Listener
) -> None:
    """Write the weights in order of importance, with kernels in place of attention, and the compensation for cuts.

    Importance and compensation are computed from ``rows`` texts. All three only serve what is cut from the weights, and
    take minutes for a large model: one that only labels texts has none of them. Choosing the compensation takes ten
    seconds even with the fewest rows, so a search that is so short has none.
    """
    compensation = Compensation({}, frozenset())
    if not prepared.only_labels:
        arrays = _by_importance(shape, arrays, data, rows)
        with attempt("convolutions start without the teacher's attention", listener):
            arrays |= attention_kernels(shape, arrays, unpadded_texts(data, min(rows, KERNEL_ROWS)))
        if rows > FEWEST_CALIBRATION_ROWS:
            with attempt("what is cut from the teacher is not reconstructed", listener):
                compensation = useful_compensation(prepared, arrays, shape, rows)
    write_compensation(prepared.folder, compensation)
    write_source(prepared.folder, TEACHER, arrays, shape)


def vocabulary_of(data: EncodedDataset, arrays: Arrays, *, only_labels: bool) -> Vocabulary:
    """Return the tokens by frequency in the training texts, and which ones are alike to the teacher.

    The latter only serves students, so it is left out for a teacher that ``only_labels`` texts.
    """
    words = arrays["embeddings.word"]
    order = vocabulary_order(data.train.tokens, len(words), data.special_ids)
    similar = None if only_labels else similar_tokens(words, order, data.special_ids, data.unknown_id)
    return Vocabulary(order, data.unknown_id, similar)


def calibration_rows(time_budget_s: float) -> int:
    """Return the number of texts that importance and compensation are computed from: fewer in a short search."""
    return round(min(max(CALIBRATION_ROWS * time_budget_s / CALIBRATION_S, FEWEST_CALIBRATION_ROWS), CALIBRATION_ROWS))


def _by_importance(shape: EncoderShape, arrays: Arrays, data: EncodedDataset, count: int) -> Arrays:
    """The weights with heads, neurons and channels in order of importance on ``count`` rows of the training split."""
    split = data.splits["train"]
    rows = np.random.default_rng(0).permutation(len(split))[:count]
    encoder = ElasticEncoder(shape, arrays).eval()
    no_targets = np.zeros((len(split), 1), np.float32)
    batches = [tensor_batch(split, rows[i : i + 16], data.pad_id, no_targets) for i in range(0, len(rows), 16)]
    with autocast():
        heads, neurons, channels = importance_scores(encoder, batches, data.task.definition.label_loss)
    return reorder(arrays, shape, heads, neurons, channels)
