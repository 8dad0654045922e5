"""Prepares the transfer set and a super-network per student type, within the time of their phase."""

from __future__ import annotations

import time
from collections.abc import Mapping

from autocompress.distillation.recipes import training_settings
from autocompress.domain.problem import Problem
from autocompress.evaluation.cut import source_of
from autocompress.preparation.narrow_teachers import prepare_narrow_teachers
from autocompress.preparation.student_training import StudentTraining, covering_configurations
from autocompress.preparation.training_time import (
    COPIES,
    augmented_rows,
    needed_shares,
    shares_of_the_rest,
    time_shares,
)
from autocompress.preparation.transfer_set import prepare_transfer
from autocompress.students import STUDENTS
from autocompress.study.prepared import Prepared
from autocompress.study.prepared_files import TRANSFER, write_source
from autocompress.study.reuse import remember, reuse, training_state
from autocompress.system.attempts import attempt
from autocompress.system.events import Event, Listener
from search_spaces import SearchSpace

LABELLING_SHARE = 0.5
"""Labelling ends after this share of the time, so that the rest is for training."""
NARROW_SHARE = 0.15
"""Share of the rest that narrow teachers may take."""
LONG_S, SHORT_PROBE_PARTS = 60.0, 8
"""In a phase of at most ``LONG_S`` the probe of a student's speed has an eighth of the batch size."""
PROBE_SHARE, PROBE_AT_MOST_S = 0.06, 10.0
"""Share of the training time, and seconds at most, of the short training that tells what the task needs."""


def prepare_super_networks(
    prepared: Prepared, space: SearchSpace, problem: Problem, budget_s: float, listener: Listener
) -> None:
    """Leave the transfer set, narrow teachers and the super-networks of the space on disk, in ``budget_s`` seconds.

    What is there already, or can be taken over from another study, is not made again. What fails is told and left out;
    trials that would be cut from it are then not proposed.
    """
    deadline = time.monotonic() + budget_s
    shares = time_shares(_students(prepared, space), pair=prepared.data.task.pair)
    missing = {
        student: StudentTraining(prepared, space, problem, student)
        for student in shares
        if not _is_there(prepared, student, problem, listener)
    }
    rates = _reading_rates(missing, budget_s, listener)
    if not _is_there(prepared, TRANSFER, problem, listener):
        with attempt("students cannot be distilled", listener):
            _label_texts(prepared, problem, rates, shares, deadline, listener)
    if not prepared.has(TRANSFER):
        return
    narrow_s = NARROW_SHARE * max(deadline - time.monotonic(), 0.0)
    prepare_narrow_teachers(
        prepared, space, problem, narrow_s, lambda source: _is_there(prepared, source, problem, listener), listener
    )
    if budget_s > LONG_S:
        shares = _as_needed(missing, shares, deadline, listener)
    able = shares_of_the_rest(list(missing), shares, rates, len(prepared.data.train), deadline - time.monotonic())
    for student in missing:
        if student not in able:
            listener(Event("note", f"there is no time to train a {student} of any use: none is searched"))
    for student, share in able.items():
        student_s = max((deadline - time.monotonic()) * share, 1.0)
        with attempt(f"no {student} is trained, and none is searched", listener):
            train_student(missing[student], student_s, listener)


def _students(prepared: Prepared, space: SearchSpace) -> set[str]:
    """Return the student types of the space whose configurations are not all cut from the teacher itself."""
    return {source_of(prepared, configuration) for configuration in covering_configurations(space)} & set(STUDENTS)


def _is_there(prepared: Prepared, source: str, problem: Problem, listener: Listener) -> bool:
    return prepared.has(source) or reuse(prepared, source, problem, listener)


def _reading_rates(missing: Mapping[str, StudentTraining], budget_s: float, listener: Listener) -> dict[str, float]:
    """Return the rows per second that each student's training reads; of none if that of one cannot be measured."""
    with attempt("how fast students read is not known", listener):
        parts = 1 if budget_s > LONG_S else SHORT_PROBE_PARTS
        return {student: training.reading_rate(parts) for student, training in missing.items()}
    return {}


def _as_needed(
    missing: Mapping[str, StudentTraining],
    shares: dict[str, float],
    deadline: float,
    listener: Listener,
) -> dict[str, float]:
    """Return the shares of the training time that fit the task, by a short training of one student type.

    It is the type with the largest share among those without the teacher's layers; see ``needed_shares``.
    """
    without = [student for student in missing if not STUDENTS[student].from_teacher]
    if not without or len(without) == len(missing):
        return shares
    student = max(without, key=lambda name: shares[name])
    seconds = min(PROBE_SHARE * max(deadline - time.monotonic(), 0.0), PROBE_AT_MOST_S)
    with attempt("the training time is not fitted to the task", listener):
        explained = missing[student].explained(seconds)
        needed = needed_shares(shares, explained)
        others = 1.0 - sum(needed[name] for name in without) / sum(needed[name] for name in missing)
        listener(
            Event(
                "note",
                f"after {seconds:.0f} s of training a {student} explains {explained:.0%} of the variance of the "
                f"teacher's outputs, so sub-networks of the teacher have {others:.0%} of the training time",
            )
        )
        return needed
    return shares


def _label_texts(
    prepared: Prepared,
    problem: Problem,
    rates: Mapping[str, float],
    shares: Mapping[str, float],
    deadline: float,
    listener: Listener,
) -> None:
    """Write the transfer set, with as many augmented texts as students can read in what labelling leaves of the time.

    Without ``rates`` there are ``COPIES`` augmented texts per training text, if there is time to label them.
    """
    rows, begun_left_s = len(prepared.data.train), deadline - time.monotonic()

    def enough(labelled: int) -> bool:
        left_s = deadline - time.monotonic()
        is_late = left_s <= (1 - LABELLING_SHARE) * begun_left_s
        return is_late or (bool(rates) and labelled >= rows + augmented_rows(rates, shares, rows, left_s))

    count = augmented_rows(rates, shares, rows, begun_left_s) if rates else COPIES * rows
    prepare_transfer(prepared, problem, count, enough, listener)
    remember(prepared, TRANSFER, problem)


def train_student(training: StudentTraining, budget_s: float, listener: Listener) -> None:
    """Train one student type's super-network for ``budget_s`` seconds and write its weights.

    A training that was interrupted continues where its state was saved.
    """
    prepared, problem, student = training.prepared, training.problem, training.student
    network, transfer = training.initial_network(), prepared.transfer
    state = training_state(prepared, student, problem)
    settings = training_settings(STUDENTS[student].recipe, budget_s, transfer, problem.seed)
    report = training.train(network, transfer, settings, listener, state)
    passes, rows = report.epochs * len(transfer.order) / len(transfer.split), len(transfer.split)
    message = f"{student} super-network: {passes:.1f} passes over {rows:,} texts in {report.seconds:.0f} s"
    listener(Event("note", message))
    write_source(prepared.folder, student, network.to_arrays(), network.shape)
    state.discard()
    remember(prepared, student, problem)
