"""What a search starts from: data, checkpoint and teacher."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from autocompress.compression.importance import reorder
from autocompress.compression.vocabulary import vocabulary_order
from autocompress.distillation.batches import tensor_batch
from autocompress.distillation.teacher import TeacherSettings, fine_tune, predict_logits, seconds_wanted
from autocompress.distillation.training import autocast
from autocompress.distillation.training_state import TrainingState
from autocompress.domain.problem import Problem
from autocompress.domain.shape import EncoderShape
from autocompress.measurement.requests import draw_requests, write_requests
from autocompress.networks.families import import_encoder
from autocompress.preparation.choose_compensation import CALIBRATION_ROWS, useful_compensation
from autocompress.preparation.inputs import Inputs, load_start
from autocompress.students.transformer.compensation import Compensation
from autocompress.students.transformer.importance import importance_scores
from autocompress.students.transformer.network import ElasticEncoder
from autocompress.study.prepared import REQUESTS, TEACHER, Prepared
from autocompress.study.reuse import training_state
from autocompress.system.attempts import attempt
from autocompress.system.events import Event, Listener
from autocompress.system.files import write_sealed
from autocompress.tasks.encoding import EncodedDataset

FEWEST_CALIBRATION_ROWS, CALIBRATION_S = 128, 900.0

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def save_data(prepared: Prepared, inputs: Inputs, problem: Problem) -> None:
    """Write the encoded splits and the requests that every latency is measured on, drawn from the validation split."""
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
    """Leave the teacher as a checkpoint folder, its weights by importance, and its outputs on the validation split.

    Fine-tuning has ``budget_s`` seconds, or up to ``at_most_s`` where the rows are many or slow.
    """
    model = load_start(inputs)
    state = training_state(prepared, TEACHER, problem)
    if inputs.order is None:
        listener(Event("note", "the teacher is fine-tuned first"))
        _fine_tune(model, inputs.data, problem, budget_s, at_most_s, listener, state)
    temporary = prepared.folder / "checkpoint.partial"
    shutil.rmtree(temporary, ignore_errors=True)
    model.save_pretrained(temporary)
    inputs.checkpoint.tokenizer.save_pretrained(temporary)
    shape, arrays = import_encoder(model)
    data = inputs.data
    order = vocabulary_order(data.train.tokens, shape.vocab_size, np.array(data.special_ids))
    prepared.save_outputs(predict_logits(model, data.validation, data.pad_id, exact=True), order)
    rows = calibration_rows(problem.time_budget_s)
    ordered = _ordered(shape, arrays, inputs.data, rows)
    compensation = Compensation({}, frozenset())
    with attempt("what is cut from the teacher is not reconstructed", listener):
        compensation = useful_compensation(prepared, ordered, shape, rows)
    prepared.save_compensation(compensation)
    prepared.save(TEACHER, ordered, shape)
    shutil.rmtree(prepared.checkpoint, ignore_errors=True)
    temporary.replace(prepared.checkpoint)
    state.discard()


def _fine_tune(
    model: PreTrainedModel,
    data: EncodedDataset,
    problem: Problem,
    budget_s: float,
    at_most_s: float,
    listener: Listener,
    state: TrainingState,
) -> None:
    settings = TeacherSettings(budget_s=budget_s, seed=problem.seed)
    wanted_s = seconds_wanted(model, data, settings)
    settings = replace(settings, budget_s=min(max(budget_s, wanted_s), at_most_s))
    hint = fine_tune(model, data, settings, listener, state).hint(data.task.metric, problem.time_budget_s)
    if hint is not None:
        listener(Event("note", hint))


def calibration_rows(time_budget_s: float) -> int:
    """Texts that importance is read from and reconstruction fitted to: fewer where the time is short."""
    return round(min(max(CALIBRATION_ROWS * time_budget_s / CALIBRATION_S, FEWEST_CALIBRATION_ROWS), CALIBRATION_ROWS))


def _ordered(
    shape: EncoderShape, arrays: dict[str, np.ndarray], data: EncodedDataset, count: int
) -> dict[str, np.ndarray]:
    """The weights with heads, neurons and channels in order of importance on ``count`` rows of the training split."""
    split = data.splits["train"]
    rows = np.random.default_rng(0).permutation(len(split))[:count]
    encoder = ElasticEncoder(shape, arrays).eval()
    no_targets = np.zeros((len(split), 1), np.float32)
    batches = [tensor_batch(split, rows[i : i + 16], data.pad_id, no_targets) for i in range(0, len(rows), 16)]
    with autocast():
        heads, neurons, channels = importance_scores(encoder, batches, data.task.definition.label_loss)
    return reorder(arrays, shape, heads, neurons, channels)
