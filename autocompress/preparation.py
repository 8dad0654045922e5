"""Everything that is paid once: data, teacher, order of importance, and a super-network per student type."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from autocompress.calibration import useful_compensation
from autocompress.compression.importance import reorder
from autocompress.compression.vocabulary import vocabulary_order
from autocompress.configuration import Configuration, EncoderShape, ExitConfiguration, TransformerConfiguration
from autocompress.distillation.augmentation import AugmentationSettings
from autocompress.distillation.keeping import Keeper
from autocompress.distillation.layer_heads import NO_HEADS, LayerHeads, head_outputs, train_layer_heads
from autocompress.distillation.losses import label_loss
from autocompress.distillation.recipes import SUPER_NETWORK
from autocompress.distillation.students import tensor_batch
from autocompress.distillation.super_network import (
    DistillationSettings,
    cheap_first,
    relative_cost,
    train_super_network,
)
from autocompress.distillation.teacher import TeacherSettings, fine_tune, predict_logits
from autocompress.distillation.training import autocast
from autocompress.distillation.transfer import extended
from autocompress.events import Event, Listener
from autocompress.files import write_sealed
from autocompress.labelling import TeacherOutputs, teacher_outputs
from autocompress.labels_so_far import LabelsSoFar
from autocompress.measurement.requests import draw_requests, write_requests
from autocompress.networks.checkpoint import Checkpoint, load_classifier, open_checkpoint
from autocompress.networks.elastic_encoder import ElasticEncoder
from autocompress.networks.exit_heads import add_exit_heads
from autocompress.networks.import_checkpoint import import_encoder
from autocompress.networks.importance import importance_scores
from autocompress.networks.student_sizes import StudentSizes
from autocompress.networks.students import INITIAL_STUDENTS, STUDENT_NETWORKS
from autocompress.prepared import REQUESTS, TEACHER, TRANSFER, Prepared
from autocompress.problem import Problem
from autocompress.reuse import content_key
from autocompress.tasks.demo import demo_model_path, load_demo
from autocompress.tasks.encoding import EncodedDataset, EncodedSplit, encode
from autocompress.tasks.loading import load_dataset
from search_spaces import SearchSpace

IMPORTANCE_ROWS = 512
TRAIN_ROWS_PER_SECOND = 40
EVALUATION_ROWS_PER_SECOND = 6
FEWEST_ROWS, MOST_EVALUATION_ROWS = 400, 2000
COUNTED_PARAMETERS = 10.6e6
TRANSFER_TOKENS_PER_SECOND = 4000
COPIES = 40
LABELLING_SHARE = 0.5
SPLICE_SHARE, PAIR_SPLICE_SHARE = 1.0, 0.5
SHARES = {"transformer": 0.36, "bilstm": 0.38, "cnn": 0.26}
PAIR_SHARES = {"transformer": 0.8, "bilstm": 0.1, "cnn": 0.1}


@dataclass(frozen=True)
class Inputs:
    """A problem's data, encoded, and the checkpoint it starts from."""

    data: EncodedDataset
    checkpoint: Checkpoint


def load_inputs(problem: Problem) -> Inputs:
    """Read and check data and checkpoint; nothing is trained or written. InputError says what does not fit."""
    checkpoint = open_checkpoint(problem.model or str(demo_model_path()))
    texts = load_demo() if problem.data.train is None else load_dataset(problem.data, problem.seed)
    data = encode(texts, checkpoint.tokenizer, max_positions=checkpoint.max_positions)
    return Inputs(_limited(data, problem, encoder_parameters(checkpoint)), checkpoint)


def encoder_parameters(checkpoint: Checkpoint) -> int:
    """Weights of the encoder's layers, which a token's cost is proportional to."""
    config = checkpoint.config
    layers, hidden = int(config.num_hidden_layers), int(config.hidden_size)
    return layers * hidden * (4 * hidden + 2 * int(config.intermediate_size))


def row_limits(time_budget_s: float, parameters: int) -> dict[str, int]:
    """Rows per split that a time budget can pass through an encoder; the rates were counted on MiniLM-L6."""
    seconds = time_budget_s * min(COUNTED_PARAMETERS / parameters, 1.0)
    evaluated = min(max(round(EVALUATION_ROWS_PER_SECOND * seconds), FEWEST_ROWS), MOST_EVALUATION_ROWS)
    train = max(round(TRAIN_ROWS_PER_SECOND * seconds), FEWEST_ROWS)
    return {"train": train, "validation": evaluated, "test": evaluated}


def _limited(data: EncodedDataset, problem: Problem, parameters: int) -> EncodedDataset:
    """At most as many rows per split as the time budget can pass through the model; what is left out is noted."""
    limits = row_limits(problem.time_budget_s, parameters)
    rng = np.random.default_rng(problem.seed)
    splits: dict[str, Any] = {}
    notes = list(data.notes)
    for name, split in data.splits.items():
        splits[name] = split
        if len(split) > limits[name]:
            splits[name] = split.subset(np.sort(rng.permutation(len(split))[: limits[name]]))
            notes.append(f"{name}: {limits[name]:,} of {len(split):,} rows are used, drawn by the seed")
    return replace(data, **splits, notes=tuple(notes))


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


def prepare_teacher(prepared: Prepared, inputs: Inputs, problem: Problem, budget_s: float, listener: Listener) -> None:
    """Leave the teacher as a checkpoint folder, its weights by importance, and its outputs on the validation split."""
    task = inputs.data.task
    model, trained = load_classifier(inputs.checkpoint, task.num_outputs, task.label_names)
    keeper = _keeper(prepared, TEACHER, problem)
    if trained:
        listener(Event("note", "the checkpoint has a trained head for these labels: it is the teacher as it is"))
    else:
        listener(Event("note", "the checkpoint has no trained head for these labels: it is fine-tuned first"))
        settings = TeacherSettings(budget_s=budget_s, seed=problem.seed)
        fine_tune(model, inputs.data, settings, listener, keeper)
    temporary = prepared.folder / "checkpoint.partial"
    shutil.rmtree(temporary, ignore_errors=True)
    model.save_pretrained(temporary)
    inputs.checkpoint.tokenizer.save_pretrained(temporary)
    shape, arrays = import_encoder(model)
    data = inputs.data
    order = vocabulary_order(data.train.tokens, shape.vocab_size, np.array(data.special_ids))
    prepared.save_outputs(predict_logits(model, data.validation, data.pad_id, exact=True), order)
    ordered = _ordered(shape, arrays, inputs.data)
    prepared.save_compensation(useful_compensation(prepared, ordered, shape))
    prepared.save(TEACHER, ordered, shape)
    shutil.rmtree(prepared.checkpoint, ignore_errors=True)
    temporary.replace(prepared.checkpoint)
    keeper.discard()


def prepare_transfer(prepared: Prepared, problem: Problem, budget_s: float, listener: Listener) -> None:
    """Leave the transfer set: the training texts and as many made-up ones as the time allows, with teacher outputs.

    On a slow machine it holds what could be labelled in ``LABELLING_SHARE`` of ``budget_s``, the training texts first.
    """
    deadline = time.monotonic() + LABELLING_SHARE * budget_s
    data, arrays = prepared.data, prepared.source(TEACHER)[0]
    parameters = encoder_parameters(open_checkpoint(str(prepared.checkpoint)))
    count = made_up_texts(data.train, problem.time_budget_s, parameters)
    separators = set(data.special_ids) - {data.unknown_id}
    settings = AugmentationSettings(splice_share=PAIR_SPLICE_SHARE if data.task.pair else SPLICE_SHARE)
    train = data.train.subset(np.random.default_rng(problem.seed).permutation(len(data.train)))
    split = extended(train, count, arrays["embeddings.word"], separators, settings, problem.seed)
    teacher = hashlib.sha256(prepared.validation_outputs.tobytes()).hexdigest()
    key = f"{content_key(prepared, TRANSFER, problem)} {teacher}"
    labels = LabelsSoFar(prepared.folder / f"{TRANSFER}.training", key)
    outputs = teacher_outputs(prepared, split, listener, labels, deadline)
    prepared.save_layer_heads(_layer_heads(prepared, outputs, listener))
    known = len(outputs.logits)
    if known < len(split):
        listener(Event("note", f"there was time to label {known} of {len(split)} texts"))
    prepared.save_transfer(split.subset(np.arange(known)), outputs.logits, outputs.hidden)
    labels.discard()


def _layer_heads(prepared: Prepared, known: TeacherOutputs, listener: Listener) -> LayerHeads:
    """Heads learnt from the teacher's ``known`` outputs, with what they say of the validation split."""
    if known.means is None:
        return NO_HEADS
    seen = teacher_outputs(prepared, prepared.data.validation, listener).means
    assert seen is not None
    trained = train_layer_heads(known.means, known.logits[: len(known.means)])
    return LayerHeads(trained, head_outputs(trained, seen))


def made_up_texts(train: EncodedSplit, time_budget_s: float, parameters: int) -> int:
    """Texts to make up, at most ``COPIES`` per real one: to label all takes about a tenth of the time."""
    tokens = TRANSFER_TOKENS_PER_SECOND * time_budget_s * min(COUNTED_PARAMETERS / parameters, 1.0)
    room = int(tokens / float(train.lengths.mean())) - len(train)
    return max(min(room, COPIES * len(train)), 0)


def prepare_super_network(
    prepared: Prepared, student: str, space: SearchSpace, problem: Problem, budget_s: float, listener: Listener
) -> None:
    """Train one student type's super-network for ``budget_s`` seconds and leave its weights."""
    arrays, shape = prepared.source(TEACHER)
    if student == TransformerConfiguration.student:
        shape, arrays = add_exit_heads(arrays, shape, seed=problem.seed)
    else:
        sizes = largest_sizes(space, student)
        arrays = INITIAL_STUDENTS[student](arrays, sizes, shape.num_outputs, problem.seed)
    network = STUDENT_NETWORKS[student](shape, arrays)
    keeper = _keeper(prepared, student, problem)
    training = SUPER_NETWORK[student].settings(budget_s, prepared.transfer, problem.seed)
    cost = partial(relative_cost, shape=shape)
    report = train_super_network(
        network,
        prepared.transfer,
        prepared.vocabulary_order,
        cheap_first(_architecture_sampler(space, student), cost),
        DistillationSettings(training),
        message=f"training the {student} super-network",
        listener=listener,
        keeper=keeper,
    )
    listener(Event("note", f"{student} super-network: {report.epochs:.1f} epochs in {report.seconds:.0f} s"))
    prepared.save(student, network.to_arrays(), shape)
    keeper.discard()


def _keeper(prepared: Prepared, source: str, problem: Problem) -> Keeper:
    """Where the training of a source keeps its state until it is done."""
    return Keeper(prepared.folder / f"{source}.training", content_key(prepared, source, problem))


def super_network_shares(prepared: Prepared, space: SearchSpace) -> dict[str, float]:
    """The student types that the space's designs are cut from, but the teacher itself.

    Each has its share of the time that is left when its turn comes, so the last has all of it. Students without
    attention do as well as sub-networks on single texts, and far worse on pairs.
    """
    shares = PAIR_SHARES if prepared.data.task.pair else SHARES
    needed = {prepared.source_of(configuration) for configuration in _drawn(space)} - {TEACHER}
    students = [student for student in shares if student in needed]
    rest = [sum(shares[later] for later in students[place:]) for place in range(len(students))]
    return {student: shares[student] / total for student, total in zip(students, rest, strict=True)}


def _drawn(space: SearchSpace, student: str | None = None) -> list[Configuration]:
    """The designs of a space and enough random points to hold the extremes of every parameter."""
    rng = np.random.default_rng(0)
    return [design for design in space.anchors() if student in (None, design.student)] + [
        space.sample(rng, student) for _ in range(128)
    ]


def largest_sizes(space: SearchSpace, student: str) -> StudentSizes:
    """The sizes a super-network needs so that every point of the space can be cut out of it."""
    drawn = _drawn(space, student)
    names = ("embedding_size", "hidden_size", "num_layers", "kernel_size")
    largest = {name: max(getattr(configuration, name, 1) for configuration in drawn) for name in names}
    return StudentSizes(**largest)


def _architecture_sampler(space: SearchSpace, student: str) -> Callable[[np.random.Generator], Configuration]:
    """Half of the time a design of the space, half of the time a random point; quantization is left to refinement."""
    designs = [design for design in space.anchors() if design.student == student]

    def sample(rng: np.random.Generator) -> Configuration:
        if designs and rng.random() < 0.5:
            return with_every_exit(designs[int(rng.integers(len(designs)))])
        return with_every_exit(space.sample(rng, student))

    return sample


def with_every_exit(configuration: Configuration) -> Configuration:
    """The same with an exit after each kept layer but the last, so that every head is trained."""
    if not isinstance(configuration, TransformerConfiguration) or len(configuration.layers) < 2:
        return configuration
    layers = tuple(layer.index for layer in configuration.layers[:-1])
    return replace(configuration, exit=ExitConfiguration(layers, 0.5))


def _ordered(shape: EncoderShape, arrays: dict[str, np.ndarray], data: EncodedDataset) -> dict[str, np.ndarray]:
    """The weights with heads, neurons and channels in order of importance on a part of the training split."""
    split = data.splits["train"]
    rows = np.random.default_rng(0).permutation(len(split))[:IMPORTANCE_ROWS]
    encoder = ElasticEncoder(shape, arrays).eval()
    no_targets = np.zeros((len(split), 1), np.float32)
    batches = [tensor_batch(split, rows[i : i + 16], data.pad_id, no_targets) for i in range(0, len(rows), 16)]
    with autocast():
        heads, neurons, channels = importance_scores(encoder, batches, label_loss)
    return reorder(arrays, shape, heads, neurons, channels)
