"""Trains a super-network per student type on the transfer set, within the time of their phase."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from autocompress.distillation.recipes import training_settings
from autocompress.distillation.super_network import (
    DistillationSettings,
    cheap_first,
    train_super_network,
)
from autocompress.distillation.training import TrainingReport, TrainingSettings
from autocompress.distillation.training_state import TrainingState
from autocompress.distillation.transfer import REAL_PASSES, TransferSet
from autocompress.domain.problem import Problem
from autocompress.evaluation.cut import source_of
from autocompress.preparation.transfer_set import prepare_transfer
from autocompress.students import STUDENTS
from autocompress.students.configuration import Configuration
from autocompress.students.elastic import ElasticNetwork
from autocompress.study.prepared import Prepared
from autocompress.study.prepared_files import TEACHER, TRANSFER, write_source
from autocompress.study.reuse import remember, reuse, training_state
from autocompress.system.attempts import attempt
from autocompress.system.events import Event, Listener, silent
from search_spaces import SearchSpace

COPIES = 40
LABELLING_SHARE = 0.5
LEAST_PASSES = 0.5
PROBE_S, PROBE_ROWS, PROBE_PARTS, LONG_S = 0.7, 512, 8, 60.0


def prepare_super_networks(
    prepared: Prepared, space: SearchSpace, problem: Problem, budget_s: float, listener: Listener
) -> None:
    """Leave the transfer set and the super-networks of the space, as far as they are not there, in ``budget_s``.

    What cannot be made is told and left out; trials that would be cut from it are then not proposed.
    """
    deadline = time.monotonic() + budget_s
    shares = super_network_shares(prepared, space)
    missing = [student for student in shares if not _is_there(prepared, student, problem, listener)]
    rates: dict[str, float] = {}
    if missing:
        with attempt("how fast students read is not known", listener):
            parts = 1 if budget_s > LONG_S else PROBE_PARTS
            rates = {student: reading_rate(prepared, student, space, problem, parts) for student in missing}
    if not _is_there(prepared, TRANSFER, problem, listener):
        left_s = deadline - time.monotonic()
        with attempt("students cannot be distilled", listener):
            rows = len(prepared.data.train)
            count = readable(rates, shares, rows, left_s) if rates else COPIES * rows

            def enough(labelled: int) -> bool:
                now_s = deadline - time.monotonic()
                late = now_s <= (1 - LABELLING_SHARE) * left_s
                return late or (bool(rates) and labelled >= rows + readable(rates, shares, rows, now_s))

            prepare_transfer(prepared, problem, count, enough, listener)
            remember(prepared, TRANSFER, problem)
    if not prepared.has(TRANSFER):
        return
    able = with_time(missing, shares, rates, len(prepared.data.train), deadline - time.monotonic())
    for student in missing:
        if student not in able:
            listener(Event("note", f"there is no time to train a {student} of any use: none is searched"))
    for student, share in able.items():
        student_s = max((deadline - time.monotonic()) * share, 1.0)
        with attempt(f"no {student} is trained, and none is searched", listener):
            prepare_super_network(prepared, student, space, problem, student_s, listener)
            remember(prepared, student, problem)


def _is_there(prepared: Prepared, source: str, problem: Problem, listener: Listener) -> bool:
    return prepared.has(source) or reuse(prepared, source, problem, listener)


def readable(rates: Mapping[str, float], shares: Mapping[str, float], train_rows: int, left_s: float) -> int:
    """Made-up texts that the student which reads most can read in its share of ``left_s``, the real ones besides.

    ``rates`` are rows per second; the real texts are read ``REAL_PASSES`` times.
    """
    whole = sum(shares[student] for student in rates)
    rows = max((rates[student] * shares[student] / whole * left_s for student in rates), default=0.0)
    return max(min(round(rows) - REAL_PASSES * train_rows, COPIES * train_rows), 0)


def reading_rate(prepared: Prepared, student: str, space: SearchSpace, problem: Problem, parts: int = 1) -> float:
    """Rows per second that the training of a super-network reads, from ``PROBE_S`` seconds of a throw-away one.

    It is found sooner, and a little too low, with batches of which ``parts`` make a usual one.
    """
    train, outputs = prepared.data.train, prepared.teacher_shape.num_outputs
    rows = np.random.default_rng(problem.seed).permutation(len(train))[:PROBE_ROWS]
    real = train.subset(rows)
    texts = TransferSet(
        real,
        np.zeros((len(real), outputs), np.float32),
        len(real),
        prepared.data.pad_id,
        prepared.data.unknown_id,
    )
    training = training_settings(STUDENTS[student].recipe, PROBE_S, texts, problem.seed)
    training = replace(training, batch_size=training.batch_size // parts, max_epochs=PROBE_ROWS)
    report = _train(prepared, _initial(prepared, student, space, problem), student, space, texts, training)
    return report.epochs * len(real) / report.seconds


def with_time(
    missing: Sequence[str], shares: Mapping[str, float], rates: Mapping[str, float], train_rows: int, left_s: float
) -> dict[str, float]:
    """Of the ``missing`` students those that can read enough in ``left_s``, each with its share when its turn comes.

    The last has all of what is left then. While one would read less than ``LEAST_PASSES`` of the real texts, which
    only takes time from the others, the one that would read least is left out.
    """
    able = list(missing)
    while able:
        whole = sum(shares[student] for student in able)
        passes = {s: rates.get(s, math.inf) * left_s * shares[s] / whole / train_rows for s in able}
        slowest = min(passes, key=passes.__getitem__)
        if passes[slowest] >= LEAST_PASSES:
            break
        able.remove(slowest)
    rest = [sum(shares[later] for later in able[place:]) for place in range(len(able))]
    return {student: shares[student] / total for student, total in zip(able, rest, strict=True)}


def prepare_super_network(
    prepared: Prepared, student: str, space: SearchSpace, problem: Problem, budget_s: float, listener: Listener
) -> None:
    """Train one student type's super-network for ``budget_s`` seconds and leave its weights."""
    network = _initial(prepared, student, space, problem)
    state = training_state(prepared, student, problem)
    training = training_settings(STUDENTS[student].recipe, budget_s, prepared.transfer, problem.seed)
    report = _train(prepared, network, student, space, prepared.transfer, training, listener, state)
    texts = prepared.transfer
    passes = report.epochs * len(texts.order) / len(texts.split)
    listener(
        Event(
            "note",
            f"{student} super-network: {passes:.1f} passes over {len(texts.split):,} texts in {report.seconds:.0f} s",
        )
    )
    write_source(prepared.folder, student, network.to_arrays(), network.shape)
    state.discard()


def _initial(prepared: Prepared, student: str, space: SearchSpace, problem: Problem) -> ElasticNetwork:
    """The super-network of a student type before any training."""
    arrays, shape = prepared.source(TEACHER)
    shape, arrays = STUDENTS[student].initial(arrays, shape, drawn(space, student), problem.seed)
    return STUDENTS[student].network(shape, arrays)


def _train(
    prepared: Prepared,
    network: ElasticNetwork,
    student: str,
    space: SearchSpace,
    texts: TransferSet,
    training: TrainingSettings,
    listener: Listener = silent,
    state: TrainingState | None = None,
) -> TrainingReport:
    multiplications = STUDENTS[student].multiplications
    largest = max(multiplications(configuration, network.shape) for configuration in drawn(space, student)) or 1.0

    def cost(configuration: Configuration) -> float:
        return multiplications(configuration, network.shape) / largest

    return train_super_network(
        network,
        texts,
        prepared.vocabulary_order,
        cheap_first(_architecture_sampler(space, student), cost),
        DistillationSettings(training, prepared.data.task.definition),
        message=f"training the {student} super-network",
        listener=listener,
        state=state,
    )


def super_network_shares(prepared: Prepared, space: SearchSpace) -> dict[str, float]:
    """The student types that the space's designs are cut from, but the teacher itself, and how their time is shared.

    Students without attention do as well as sub-networks on single texts, and far worse on pairs.
    """
    pair = prepared.data.task.pair
    needed = {source_of(prepared, configuration) for configuration in drawn(space)} - {TEACHER}
    return {n: kind.shares.pair if pair else kind.shares.single for n, kind in STUDENTS.items() if n in needed}


def drawn(space: SearchSpace, student: str | None = None) -> list[Configuration]:
    """The designs of a space and enough random points to hold the extremes of every parameter."""
    rng = np.random.default_rng(0)
    return [design for design in space.initial_designs() if student in (None, design.student)] + [
        space.sample(rng, student) for _ in range(128)
    ]


def _architecture_sampler(space: SearchSpace, student: str) -> Callable[[np.random.Generator], Configuration]:
    """Half of the time a design of the space, half of the time a random point; quantization is left to refinement."""
    designs = [design for design in space.initial_designs() if design.student == student]

    def sample(rng: np.random.Generator) -> Configuration:
        if designs and rng.random() < 0.5:
            return STUDENTS[student].as_trained(designs[int(rng.integers(len(designs)))])
        return STUDENTS[student].as_trained(space.sample(rng, student))

    return sample
