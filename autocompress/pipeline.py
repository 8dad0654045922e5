"""The story of a search: prepare -> search -> refine -> verify. Each step finds on disk what was done before."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from autocompress.configuration import TransformerConfiguration, describe
from autocompress.errors import StudyError
from autocompress.events import Event, Listener
from autocompress.exploration.controller import Controller, TrialEvent
from autocompress.exploration.objective import Constraint
from autocompress.exploration.ray_cluster import Resources
from autocompress.exploration.ray_host import HostedRay
from autocompress.exploration.samplers import SURROGATE
from autocompress.exploration.study import Progress, StudyStore
from autocompress.figures import Baseline, TrialResult
from autocompress.files import read_sealed, write_sealed
from autocompress.measurement.baselines import measure_baselines
from autocompress.measurement.export_stock import StockModels, build_baselines, has_stock_models, stock_models
from autocompress.measurement.fingerprint import hardware_fingerprint
from autocompress.mending import mend, mend_model, teacher_inputs
from autocompress.phases import FIXED_S, Phase, Schedule
from autocompress.preparation import (
    Inputs,
    load_inputs,
    prepare_super_network,
    prepare_teacher,
    prepare_transfer,
    save_data,
    super_network_shares,
)
from autocompress.prepared import TEACHER, TRANSFER, Prepared
from autocompress.problem import Problem
from autocompress.refinement import how_many, refine_points
from autocompress.reuse import remember, reuse
from autocompress.selection import finalists, to_refine
from autocompress.shipping import is_intact, shipping_folder, shipping_results
from autocompress.surrogates import surrogate_of
from autocompress.trial import TrialEvaluator
from autocompress.units import human_seconds, human_size
from autocompress.verification import least_s, verify
from objectives import DEFAULT, constraints_for
from search_spaces import SEARCH_SPACES, SearchSpace

BASELINES = "baselines.json"
HARDWARE = "hardware.json"
REACH = 0.03
USEFUL = 0.06
LOST = 0.005


@dataclass
class Pipeline:
    """One run over one study, new or continued; ``listener`` hears what happens."""

    store: StudyStore
    schedule: Schedule
    listener: Listener
    trials: int | None = None

    def __post_init__(self) -> None:
        self.problem: Problem = self.store.problem
        self.prepared = Prepared(self.store.folder)
        self.evaluator = TrialEvaluator(self.prepared, self.problem.target)

    def run(self, inputs: Inputs | None = None) -> None:
        """Do what is not done yet, within the schedule; afterwards the study is finished."""
        mend(self.store, self.prepared, self.listener)
        write_sealed(self.store.folder / HARDWARE, hardware_fingerprint(self.problem.target.threads))
        with self._phase("teacher") as phase:
            self._prepare_teacher(phase, inputs)
        space = SEARCH_SPACES[self.problem.space](
            self.prepared.teacher_shape, self.prepared.data.task.kind == "regression"
        )
        constraints = constraints_for(self.problem, self.prepared.teacher_quality)
        with self._phase("baselines"):
            if not self.store.results():
                self._search(space, constraints, trials=1, deadline=None)
            stock, baselines = self._baselines()
        self.schedule.fixed_s["verify"] = least_s(self.evaluator, baselines, self.store.results()[:1])
        with self._phase("super-network") as phase:
            self._prepare_super_networks(space, phase)
        with self._phase("search") as phase:
            self._search(space, constraints, self.trials, time.monotonic() + phase.planned_s)
        with self._phase("refine") as phase:
            self._refine(baselines, constraints, phase)
        with self._phase("verify") as phase:
            self._verify(baselines, stock, constraints, phase.planned_s)
        self._save_progress("verify", finished=True)

    def _prepare_teacher(self, phase: Phase, inputs: Inputs | None) -> None:
        if not self.prepared.has_data:
            save_data(self.prepared, inputs or load_inputs(self.problem), self.problem)
        if self.prepared.has(TEACHER) or reuse(self.prepared, TEACHER, self.problem, self.listener):
            return
        budget_s = max(phase.planned_s - FIXED_S["teacher"], 0.4 * phase.planned_s)
        inputs = inputs or teacher_inputs(self.prepared, self.problem)
        prepare_teacher(self.prepared, inputs, self.problem, budget_s, self.listener)
        remember(self.prepared, TEACHER, self.problem)

    def _baselines(self) -> tuple[StockModels, list[Baseline]]:
        stock = stock_models(self.prepared.checkpoint, self.prepared.baselines)
        if not has_stock_models(stock):
            build_baselines(self.prepared.checkpoint, self.prepared.baselines)
        try:
            known = read_baselines(self.store.folder)
        except StudyError as error:
            self.listener(Event("note", str(error)))
            known = []
        if not known:
            data = self.prepared.data
            measured = measure_baselines(
                stock,
                data.task,
                data.splits["validation"],
                self.evaluator.requests,
                self.problem.target,
                pad_id=data.pad_id,
            )
            known = list(measured)
            write_baselines(self.store.folder, known)
        return stock, known

    def _prepare_super_networks(self, space: SearchSpace, phase: Phase) -> None:
        deadline = time.monotonic() + phase.planned_s
        if not (self.prepared.has(TRANSFER) or reuse(self.prepared, TRANSFER, self.problem, self.listener)):
            prepare_transfer(self.prepared, self.problem, phase.planned_s, self.listener)
            remember(self.prepared, TRANSFER, self.problem)
        for student, share in super_network_shares(self.prepared, space).items():
            if self.prepared.has(student) or reuse(self.prepared, student, self.problem, self.listener):
                continue
            budget_s = (deadline - time.monotonic()) * share
            prepare_super_network(self.prepared, student, space, self.problem, max(budget_s, 1.0), self.listener)
            remember(self.prepared, student, self.problem)

    def _search(
        self, space: SearchSpace, constraints: Sequence[Constraint], trials: int | None, deadline: float | None
    ) -> None:
        problem = self.problem
        resources = Resources(problem.target.threads, problem.workers, problem.ray_address)
        surrogate = surrogate_of(problem, self.prepared, space) if problem.sampler == SURROGATE else None
        with HostedRay(self.evaluator, resources) as executor:
            controller = Controller(
                self.store,
                space=space,
                objectives=DEFAULT,
                constraints=constraints,
                sampler=problem.sampler,
                executor=executor,
                surrogate=surrogate,
                seed=problem.seed,
                on_event=self._on_trial,
            )
            for note in controller.notes:
                self.listener(Event("note", note))
            controller.run(trials, deadline, surrogate.starters() if surrogate else space.anchors())
        self.store.remove_given_up()

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

    def _refine(self, baselines: Sequence[Baseline], constraints: Sequence[Constraint], phase: Phase) -> None:
        """In rounds, while there is time: a shallow student needs less of it than was set aside."""
        results = [r for r in self.store.results() if not self._needs_no_refining(r) and not self._has_refined(r)]
        teacher = baselines[0].figures.validation.value
        deadline = time.monotonic() + phase.planned_s
        while results:
            count, beside = how_many(deadline - time.monotonic()), shipping_results(self.store)
            chosen = to_refine(results, DEFAULT, teacher, constraints, count, REACH, beside)
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
        floor, lost = baselines[0].figures.validation.value - USEFUL, set[int]()
        while True:
            results = [result for result in shipping_results(self.store) if result.trial not in lost]
            chosen = finalists(results, DEFAULT, constraints, self._finalist_count(results), floor)
            damaged = [result for result in chosen if not is_intact(self.store, result)]
            if not damaged:
                break
            lost |= {r.trial for r in damaged if not mend_model(self.store, self.evaluator, r, self.listener)}
        folders = {result.trial: shipping_folder(self.store, result) for result in chosen}
        verification = verify(self.evaluator, chosen, folders, baselines, stock, planned_s)
        for result in self.store.results("verify"):
            self.store.result_path(result.trial, "verify").unlink()
        for result in verification.results:
            self.store.write_result(result)
        write_baselines(self.store.folder, verification.baselines)

    def _finalist_count(self, results: Sequence[TrialResult]) -> int:
        """As many as the test split can be predicted with in the time that is left, between 3 and 12."""
        means = sorted(r.figures.latency_ms.mean for r in results if r.figures)
        rows = len(self.prepared.data.splits["test"]) / self.problem.target.batch_size
        each_s = (rows + 700) * means[len(means) // 2] / 1000 + 1.5
        return max(3, min(12, int(0.5 * self.schedule.left_s() / each_s)))

    def _needs_no_refining(self, result: TrialResult) -> bool:
        """Whether training is slow and for no gain: what is the teacher's own, whole layers or almost its quality."""
        configuration = result.configuration
        if result.figures is None or self.prepared.source_of(configuration) != TEACHER:
            return False
        assert isinstance(configuration, TransformerConfiguration)
        near = result.figures.validation.estimate >= self.prepared.teacher_quality - LOST
        return near or configuration.has_whole_layers(self.prepared.teacher_shape)

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


def read_baselines(study_folder: Path) -> list[Baseline]:
    """The stored baselines; none before they were measured. StudyError if their file is damaged."""
    path = Prepared(study_folder).baselines / BASELINES
    try:
        return [Baseline.from_json(data) for data in read_sealed(path)["baselines"]]
    except FileNotFoundError:
        return []
    except ValueError as error:
        raise StudyError(f"{path} must be as it was written, but {error}; resume the study to measure again") from error


def write_baselines(study_folder: Path, baselines: Sequence[Baseline]) -> None:
    """Store the baselines' figures."""
    content = {"baselines": [baseline.to_json() for baseline in baselines]}
    write_sealed(Prepared(study_folder).baselines / BASELINES, content)
