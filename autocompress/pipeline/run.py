"""Holds what the phases of one run share: the study, the schedule, the listener and the Ray host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from autocompress.domain.problem import Problem
from autocompress.evaluation.trial import TrialEvaluator
from autocompress.pipeline.schedule import Phase, Schedule
from autocompress.pipeline.selection import Criteria
from autocompress.study.database import stored_choices
from autocompress.study.prepared import Prepared
from autocompress.study.store import Progress, StudyStore
from autocompress.system.events import Event, Listener
from autocompress.system.units import human_seconds
from autocompress.trials.ray_cluster import Resources
from autocompress.trials.ray_host import HostedRay
from objectives import DEFAULT, constraints_for
from search_spaces import SEARCH_SPACES, SearchSpace


def hosted_ray(study_folder: Path, problem: Problem) -> HostedRay:
    """Return a Ray host for the trials of a study, which starts in the background.

    The study's folder need not exist yet.
    """
    evaluator = TrialEvaluator(Prepared(study_folder), problem.target)
    return HostedRay(evaluator, Resources(problem.target.threads, problem.workers, problem.ray_address))


@dataclass
class Run:
    """Holds the parts of one run of a study, which is new or resumed.

    ``listener`` is called with events, ``host`` runs the trials, and ``trials`` is the number at which the search ends,
    counting those of earlier runs (None: the time decides).
    """

    store: StudyStore
    schedule: Schedule
    listener: Listener
    host: HostedRay
    trials: int | None = None

    def __post_init__(self) -> None:
        self.problem: Problem = self.store.problem
        self.prepared = Prepared(self.store.folder)
        self.evaluator = TrialEvaluator(self.prepared, self.problem.target)

    @cached_property
    def space(self) -> SearchSpace:
        """The search space around the teacher, which must be prepared."""
        task, space = self.prepared.data.task, SEARCH_SPACES[self.problem.space]
        # A study keeps the student types with which it began: a sampler needs the same options in every trial.
        study = self.store.optuna_study([objective.direction for objective in DEFAULT])
        begun_with = stored_choices(study, "student")
        return space(self.prepared.teacher_shape, task.definition.exits_early, task.pair, begun_with)

    @cached_property
    def criteria(self) -> Criteria:
        """The criteria by which results are selected; the teacher must be prepared."""
        teacher, guessing = self.prepared.teacher_quality, self.prepared.guessing_quality
        return Criteria(DEFAULT, constraints_for(self.problem, teacher), teacher, guessing)

    def note(self, text: str) -> None:
        """Send a note to the listener."""
        self.listener(Event("note", text))

    @contextmanager
    def phase(self, name: str) -> Iterator[Phase]:
        """Enter a phase with its share of the remaining time, and store the seconds that it used when it ends."""
        phase = self.schedule.enter(name)
        self.listener(Event("phase", f"{name}: {human_seconds(phase.planned_s)} planned"))
        self.save_progress(name)
        yield phase
        self.schedule.leave()
        self.note(f"{name}: {human_seconds(phase.used_s or 0.0)} used")
        self.save_progress(name)

    def save_progress(self, name: str, finished: bool = False) -> None:
        """Write the phase's name and the seconds planned and used to the study."""
        self.store.write_progress(Progress(name, finished, self.schedule.planned_s(), self.schedule.used_s()))
