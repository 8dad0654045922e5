"""Runs the phases of a search: prepare, search, refine, verify. Each finds on disk what was done before.

After the teacher no part of it ends all of it: what fails is told, and the search goes on with what is left.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from autocompress.domain.figures import Baseline
from autocompress.domain.problem import Problem
from autocompress.evaluation.cut import is_available, source_of
from autocompress.evaluation.trial import TrialEvaluator
from autocompress.hardware.fingerprint import hardware_fingerprint
from autocompress.measurement.preflight import check_runtimes
from autocompress.measurement.stock_models import StockModels
from autocompress.pipeline.baselines import prepare_baselines
from autocompress.pipeline.refine import how_many, refine_points
from autocompress.pipeline.repair import repair, repair_model, teacher_inputs
from autocompress.pipeline.schedule import FIXED_S, Phase, Schedule
from autocompress.pipeline.selection import Criteria, finalists, to_refine
from autocompress.pipeline.verify import Verifier, test_request_count
from autocompress.pipeline.verify_plan import shortest_verification_s
from autocompress.preparation.inputs import Inputs, load_inputs
from autocompress.preparation.super_networks import prepare_super_networks
from autocompress.preparation.surrogate import surrogate_of
from autocompress.preparation.teacher import prepare_teacher, save_data
from autocompress.students import STUDENTS
from autocompress.students.configuration import Configuration, describe
from autocompress.study.baselines import write_baselines
from autocompress.study.database import check_place
from autocompress.study.prepared import Prepared
from autocompress.study.prepared_files import TEACHER, TRANSFER
from autocompress.study.results import TrialResult
from autocompress.study.reuse import remember, reuse
from autocompress.study.shipped import is_intact, shipped_folder, shipped_results
from autocompress.study.store import HARDWARE, Progress, StudyStore
from autocompress.system.attempts import attempt, reason_of
from autocompress.system.errors import MeasurementError
from autocompress.system.events import Event, Listener
from autocompress.system.files import write_sealed
from autocompress.system.units import human_seconds, human_size
from autocompress.trials.controller import Controller, TrialEvent
from autocompress.trials.ray_cluster import Resources
from autocompress.trials.ray_host import HostedRay
from autocompress.trials.samplers import SURROGATE
from autocompress.trials.settings import SearchSettings
from autocompress.trials.surrogate import Surrogate
from objectives import DEFAULT, constraints_for
from objectives.constraint import Constraint
from search_spaces import SEARCH_SPACES, SearchSpace

REACH = 0.03
FINALISTS_LOSE_AT_MOST = 0.06
LOST = 0.005
TEACHER_AT_MOST = 0.3
"""Of the time that is left, the most that fine-tuning takes where the rows are many or slow."""


def hosted_ray(study_folder: Path, problem: Problem) -> HostedRay:
    """Ray for the trials of a study, whose folder need not be there yet; it starts in the background."""
    evaluator = TrialEvaluator(Prepared(study_folder), problem.target)
    return HostedRay(evaluator, Resources(problem.target.threads, problem.workers, problem.ray_address))


@dataclass
class Pipeline:
    """One run over one study, new or continued; ``listener`` hears what happens, ``host`` runs the trials."""

    store: StudyStore
    schedule: Schedule
    listener: Listener
    host: HostedRay
    trials: int | None = None

    def __post_init__(self) -> None:
        self.problem: Problem = self.store.problem
        self.prepared = Prepared(self.store.folder)
        self.evaluator = TrialEvaluator(self.prepared, self.problem.target)

    def run(self, inputs: Inputs | None = None) -> None:
        """Do what is not done yet, within the schedule; afterwards the study is finished."""
        repair(self.store, self.prepared, self.listener)
        write_sealed(self.store.folder / HARDWARE, hardware_fingerprint(self.problem.target.threads))
        with self._phase("teacher") as phase:
            self._prepare_teacher(phase, inputs)
        space = SEARCH_SPACES[self.problem.space](
            self.prepared.teacher_shape, not self.prepared.data.task.definition.exits_early
        )
        constraints = constraints_for(self.problem, self.prepared.teacher_quality)
        with self._phase("baselines"):
            if not self.store.results():
                self._search(space, constraints, trials=1, deadline=None)
            stock, baselines = prepare_baselines(self.evaluator, self.listener)
        self.schedule.fixed_s["verify"] = shortest_verification_s(
            baselines, self.store.results()[:1], test_request_count(self.evaluator)
        )
        with self._phase("super-network") as phase:
            prepare_super_networks(self.prepared, space, self.problem, phase.planned_s, self.listener)
        with self._phase("search") as phase:
            self._search(space, constraints, self.trials, time.monotonic() + phase.planned_s)
        self.host.close()
        with self._phase("refine") as phase:
            self._refine(constraints, phase)
        with self._phase("verify") as phase:
            self._verify(baselines, stock, constraints, phase.planned_s)
        if not any(result.figures for result in self.store.results()):
            raise MeasurementError(self._nothing_measured(baselines))
        self._save_progress("verify", finished=True)

    def _prepare_teacher(self, phase: Phase, inputs: Inputs | None) -> None:
        """Data and teacher. What a search needs later is tried first; Ray may start while the training begins."""
        if not self.prepared.has_data:
            save_data(self.prepared, inputs or load_inputs(self.problem), self.problem)
        if self.prepared.has(TEACHER) or reuse(self.prepared, TEACHER, self.problem, self.listener):
            return
        check_place(self.store.folder)
        check_runtimes(self.problem.target)
        budget_s = max(phase.planned_s - FIXED_S["teacher"], 0.4 * phase.planned_s)
        at_most_s = max(budget_s, TEACHER_AT_MOST * self.schedule.left_s() - FIXED_S["teacher"])
        inputs = inputs or teacher_inputs(self.prepared, self.problem)
        prepare_teacher(self.prepared, inputs, self.problem, budget_s, at_most_s, self._with_ray)
        remember(self.prepared, TEACHER, self.problem)

    def _with_ray(self, event: Event) -> None:
        """Pass an event on; a Ray that could not start ends the training as soon as that is known, not at its end."""
        self.listener(event)
        if self.host.ready():
            self.host.wait_ready()

    def _search(
        self, space: SearchSpace, constraints: Sequence[Constraint], trials: int | None, deadline: float | None
    ) -> None:
        """Trials until their number or the deadline; if the workers fail again and again, with those there are."""
        surrogate = self._surrogate(space)
        settings = SearchSettings(space, DEFAULT, constraints, self.problem.sampler, self.problem.seed, surrogate)
        try:
            with self.host.pinned() as executor:
                controller = Controller(self.store, settings, executor, self._on_trial)
                for note in controller.notes:
                    self.listener(Event("note", note))
                designs = surrogate.initial_designs() if surrogate else space.initial_designs()
                controller.run(trials, deadline, [design for design in designs if self._is_available(design)])
        except MeasurementError as error:
            self.listener(Event("note", f"the search ends early: {reason_of(error)}"))
        self.store.remove_given_up()

    def _surrogate(self, space: SearchSpace) -> Surrogate | None:
        if self.problem.sampler == SURROGATE:
            with attempt("trials are drawn at random, for there is no surrogate", self.listener):
                return surrogate_of(self.problem, self.prepared, space)
        return None

    def _is_available(self, configuration: Configuration) -> bool:
        return is_available(self.prepared, configuration)

    def _on_trial(self, event: TrialEvent) -> None:
        if event.result is None:
            if event.message:
                self.listener(Event("note", f"trial {event.number} {event.kind}: {event.message}"))
            return
        name, figures = describe(event.configuration), event.result.figures
        if figures is None:
            self.listener(Event("trial", f"trial {event.number} failed: {event.result.reason}  {name}"))
            return
        quality, latency = figures.validation, figures.latency_ms
        measured = f"{quality.metric} {quality.value:.4f}  {latency.mean:.3f} ms  {human_size(figures.size_bytes)}"
        self.listener(Event("trial", f"trial {event.number}: {measured}  {name}"))

    def _refine(self, constraints: Sequence[Constraint], phase: Phase) -> None:
        """In rounds, while there is time: a shallow student needs less of it than was set aside."""
        if not self.prepared.has(TRANSFER):
            return
        results = [r for r in self.store.results() if not self._needs_no_refining(r) and not self._has_refined(r)]
        deadline = time.monotonic() + phase.planned_s
        while results:
            count, beside = how_many(deadline - time.monotonic()), shipped_results(self.store)
            chosen = to_refine(results, self._criteria(constraints), count, REACH, beside)
            if not chosen:
                return
            folders = [self.store.trial_folder(result.trial) for result in chosen]
            refine_points(self.evaluator, chosen, folders, deadline, self.problem.seed, self.listener)
            results = [result for result in results if result not in chosen]

    def _verify(
        self,
        baselines: Sequence[Baseline],
        stock: StockModels,
        constraints: Sequence[Constraint],
        planned_s: float,
    ) -> None:
        floor, lost = self.prepared.teacher_quality - FINALISTS_LOSE_AT_MOST, set[int]()
        while True:
            results = [result for result in shipped_results(self.store) if result.trial not in lost]
            chosen = finalists(results, self._criteria(constraints), self._finalist_count(results), floor)
            damaged = [result for result in chosen if not is_intact(self.store, result)]
            if not damaged:
                break
            lost |= {r.trial for r in damaged if not self._repaired(r)}
        folders = {result.trial: shipped_folder(self.store, result) for result in chosen}
        verifier = Verifier(self.evaluator, stock, baselines, self.listener)
        verification = verifier.verify(chosen, folders, planned_s)
        for result in self.store.results("verify"):
            self.store.result_path(result.trial, "verify").unlink()
        for result in verification.results:
            self.store.write_result(result)
        write_baselines(self.store.folder, verification.baselines, self.prepared.teacher_quality)

    def _criteria(self, constraints: Sequence[Constraint]) -> Criteria:
        return Criteria(DEFAULT, constraints, self.prepared.teacher_quality, self.prepared.guessing_quality)

    def _repaired(self, result: TrialResult) -> bool:
        with attempt(f"trial {result.trial} cannot be compiled again", self.listener):
            return repair_model(self.store, self.evaluator, result, self.listener)
        return False

    def _finalist_count(self, results: Sequence[TrialResult]) -> int:
        """As many as the test split can be predicted with in the time that is left, between 3 and 12."""
        means = sorted(r.figures.latency_ms.mean for r in results if r.figures)
        if not means:
            return 0
        rows = len(self.prepared.data.splits["test"]) / self.problem.target.batch_size
        each_s = (rows + 700) * means[len(means) // 2] / 1000 + 1.5
        return max(3, min(12, int(0.5 * self.schedule.left_s() / each_s)))

    def _nothing_measured(self, baselines: Sequence[Baseline]) -> str:
        """What to do where no trial could be measured."""
        reasons = [result.reason for result in self.store.results() if result.reason]
        known = "; ".join(
            f"{b.name} has {b.figures.validation.metric} {b.figures.validation.value:.4f} at "
            f"{b.figures.latency_ms.mean:.3g} ms"
            for b in baselines
        )
        return (
            f"at least one trial must be measured, but none could be ({reasons[-1] if reasons else 'see above'}); "
            f"what can be had without: {known or 'nothing'}, in {self.prepared.baselines}; resume to try again"
        )

    def _needs_no_refining(self, result: TrialResult) -> bool:
        """Whether training is slow and for no gain: what is the teacher's own, whole layers or almost its quality."""
        configuration = result.configuration
        if result.figures is None or source_of(self.prepared, configuration) != TEACHER:
            return False
        near = result.figures.validation.estimate >= self.prepared.teacher_quality - LOST
        kind = STUDENTS[configuration.student]
        return near or kind.keeps_teacher_layers(configuration, self.prepared.teacher_shape)

    def _has_refined(self, result: TrialResult) -> bool:
        return self.store.result_path(result.trial, "refine").is_file()

    @contextmanager
    def _phase(self, name: str) -> Iterator[Phase]:
        phase = self.schedule.enter(name)
        self.listener(Event("phase", f"{name}: {human_seconds(phase.planned_s)} planned"))
        self._save_progress(name)
        yield phase
        self.schedule.leave()
        self.listener(Event("note", f"{name}: {human_seconds(phase.used_s or 0.0)} used"))
        self._save_progress(name)

    def _save_progress(self, name: str, finished: bool = False) -> None:
        schedule = self.schedule
        self.store.write_progress(Progress(name, finished, schedule.planned_s(), schedule.used_s()))
