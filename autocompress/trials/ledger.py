"""Read and commit the trials of a study as Optuna stores them: which configurations are known, and their values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import optuna
from optuna.trial import FixedTrial, FrozenTrial, TrialState

from autocompress.students.configuration import (
    Configuration,
    configuration_digest,
    configuration_from_json,
    configuration_to_json,
)
from autocompress.study.database import add_running, stored_trial
from autocompress.study.results import TrialResult
from autocompress.study.store import StudyStore
from autocompress.trials.history import Point
from objectives.constraint import FAILED, Constraint
from objectives.objective import Objective
from search_spaces import SearchSpace

CONFIGURATION, DUPLICATE_OF, PREDICTED = "configuration", "duplicate_of", "predicted"
_WORST = {"maximize": 0.0, "minimize": 1e12}
"""Values of a failed trial, by direction, before any trial was measured."""


@dataclass(frozen=True)
class OpenTrial:
    """A trial that was asked for and not told; ``result`` is set if its result file is on disk."""

    number: int
    configuration: Configuration
    result: TrialResult | None = None

    @property
    def digest(self) -> str:
        """The configuration's digest."""
        return configuration_digest(self.configuration)


class Ledger:
    """Holds the trials of a study by their configuration's digest, and commits them; a commit may be repeated.

    A trial ends COMPLETE (measured, or with the worst values and the constraint ``failed`` = 1 if the configuration is
    at fault) or FAIL (lost to a fault of the machine, or interrupted while it was asked for). A duplicate has the user
    attribute ``duplicate_of`` and the values of the first trial with its configuration.
    """

    def __init__(self, store: StudyStore, objectives: Sequence[Objective], constraints: Sequence[Constraint]) -> None:
        self._store = store
        self._objectives = tuple(objectives)
        self._constraints = tuple(constraints)
        self.study = store.optuna_study([objective.direction for objective in objectives])
        self._first: dict[str, int] = {}
        self._measured: list[Point] = []
        self._open: dict[int, Configuration] = {}
        self._ids: dict[int, int] = {}
        self.asked = 0
        self.finished = 0
        for trial in self.study.get_trials(deepcopy=False):
            self._read(trial)

    def first(self, digest: str) -> int | None:
        """Return the trial that measures, or has measured, the configuration with ``digest``; None if there is none."""
        return self._first.get(digest)

    def register(self, trial: optuna.Trial, configuration: Configuration) -> int | None:
        """Store the configuration of a trial just asked for; return the number of an earlier trial with it, if any."""
        trial.set_user_attr(CONFIGURATION, configuration_to_json(configuration))
        first = self._note(trial.number, trial._trial_id, configuration)
        return None if first == trial.number else first

    def add(self, space: SearchSpace, wanted: Configuration, predicted: Point | None = None) -> OpenTrial:
        """Ask for a configuration of ``space`` that is not known yet, in one transaction.

        ``predicted`` holds the figures that the surrogate expects, if it proposed the configuration. Raises ValueError
        if the study is of another space.
        """
        chosen = FixedTrial(dict(space.parameters(wanted)))
        configuration = space.suggest(chosen)
        attributes: dict[str, object] = {CONFIGURATION: configuration_to_json(configuration)}
        if predicted is not None:
            attributes[PREDICTED] = predicted.figures()
        number, identifier = add_running(self.study, chosen, attributes)
        self._note(number, identifier, configuration)
        return OpenTrial(number, configuration)

    def _note(self, number: int, identifier: int, configuration: Configuration) -> int:
        self.asked += 1
        self._ids[number], self._open[number] = identifier, configuration
        return self._first.setdefault(configuration_digest(configuration), number)

    def measured(self) -> Sequence[Point]:
        """Return the measured trials in order of their numbers, without duplicates and failures."""
        return self._measured

    def open_trials(self) -> list[OpenTrial]:
        """Return the trials that were asked for and not told, in order of their numbers."""
        return [OpenTrial(number, self._open[number]) for number in sorted(self._open)]

    def commit(self, number: int, result: TrialResult) -> None:
        """Tell a result whose file is on disk: the constraints not stored yet first, then the values."""
        values = self._values(result)
        figures = result.figures if values is not None else None
        violations = {FAILED: 0.0 if figures is not None else 1.0}
        for constraint in self._constraints:
            violations[constraint.name] = 1.0 if figures is None else _finite(constraint.violation(figures), 1.0)
        self._tell(number, values or self._worst_seen(), violations)
        self.finished += 1
        if values is not None:
            self._remember(result.configuration, values)

    def _remember(self, configuration: Configuration, values: Sequence[float]) -> None:
        named = dict(zip((objective.name for objective in self._objectives), values, strict=True))
        if {"quality", "latency", "size"} <= set(named):
            self._measured.append(Point(configuration, named["quality"], named["latency"], named["size"]))

    def commit_duplicate(self, number: int, first: int) -> None:
        """Tell a trial the values of trial ``first``, which is finished and has the same configuration."""
        original, trial = self._frozen(first), self._trial(number)
        if DUPLICATE_OF not in self._frozen(number).user_attrs:
            trial.set_user_attr(DUPLICATE_OF, first)
        if original.state == TrialState.COMPLETE:
            self._tell(number, list(original.values), original.constraints)
        else:
            self.fail(number)

    def fail(self, number: int) -> None:
        """End a trial as FAIL, which samplers do not see."""
        self.study.tell(number, state=TrialState.FAIL, skip_if_finished=True)
        self._open.pop(number, None)

    def forget(self, number: int, digest: str) -> None:
        """End a trial as FAIL, and let its configuration be asked for again under another number."""
        self.fail(number)
        self._first.pop(digest, None)

    def is_finished(self, number: int) -> bool:
        """Return whether the trial was told."""
        return self._frozen(number).state.is_finished()

    def configuration(self, number: int) -> Configuration:
        """Return the configuration of a trial."""
        return configuration_from_json(self._frozen(number).user_attrs[CONFIGURATION])

    def is_measurement(self, trial: FrozenTrial) -> bool:
        """Return whether a trial was told from a result of its own."""
        return trial.state == TrialState.COMPLETE and DUPLICATE_OF not in trial.user_attrs

    def is_of(self, trial: FrozenTrial, result: TrialResult) -> bool:
        """Return whether a trial has the configuration of a result."""
        stored = trial.user_attrs.get(CONFIGURATION)
        return stored is not None and configuration_digest(configuration_from_json(stored)) == result.digest

    def agrees(self, trial: FrozenTrial, result: TrialResult | None) -> bool:
        """Return whether a trial was told what its result says; the values of a failed trial are not compared."""
        if result is None or not self.is_of(trial, result):
            return False
        values = self._values(result)
        failed = 1.0 if values is None else 0.0
        return trial.constraints.get(FAILED) == failed and (values is None or values == trial.values)

    def _read(self, trial: FrozenTrial) -> None:
        self._ids[trial.number] = trial._trial_id
        if CONFIGURATION not in trial.user_attrs:
            return
        self.asked += 1
        duplicate = DUPLICATE_OF in trial.user_attrs
        if trial.state == TrialState.COMPLETE and not duplicate:
            self.finished += 1
        if trial.state == TrialState.FAIL and self._store.result(trial.number) is None:
            return
        configuration = configuration_from_json(trial.user_attrs[CONFIGURATION])
        self._first.setdefault(configuration_digest(configuration), trial.number)
        if trial.state == TrialState.RUNNING:
            self._open[trial.number] = configuration
        if trial.state == TrialState.COMPLETE and not duplicate and trial.constraints.get(FAILED) == 0.0:
            self._remember(configuration, trial.values)

    def _values(self, result: TrialResult) -> list[float] | None:
        """Return the objectives' values; None if the configuration failed or a value is not finite."""
        if result.figures is None or result.reason is not None:
            return None
        values = [float(objective.value(result.figures)) for objective in self._objectives]
        return values if all(math.isfinite(value) for value in values) else None

    def _worst_seen(self) -> list[float]:
        """Return per objective the worst measured value so far, or a constant before any was measured."""
        complete = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        measured = [trial.values for trial in complete if trial.constraints.get(FAILED) == 0.0]
        worst = {"maximize": min, "minimize": max}
        return [
            worst[objective.direction](values[column] for values in measured)
            if measured
            else _WORST[objective.direction]
            for column, objective in enumerate(self._objectives)
        ]

    def _tell(self, number: int, values: Sequence[float], violations: dict[str, float]) -> None:
        stored = self._frozen(number)
        self._open.pop(number, None)
        if stored.state.is_finished():
            return
        trial = self._trial(number)
        for name, violation in violations.items():
            if name not in stored.constraints:
                trial.set_constraint(name, violation)
        self.study.tell(number, list(values), skip_if_finished=True)

    def _frozen(self, number: int) -> FrozenTrial:
        return stored_trial(self.study, self._ids[number])

    def _trial(self, number: int) -> optuna.Trial:
        return optuna.Trial(self.study, self._ids[number])


def _finite(value: float, otherwise: float) -> float:
    return float(value) if math.isfinite(value) else otherwise
