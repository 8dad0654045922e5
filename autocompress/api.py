"""The Python interface; the command line is a thin layer over it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from autocompress.domain.problem import Constraints, DataSource, Problem, Target, differences
from autocompress.pipeline.feasibility import check_feasible
from autocompress.pipeline.pipeline import Pipeline, hosted_ray
from autocompress.pipeline.schedule import Schedule
from autocompress.preparation.inputs import Inputs, load_inputs, load_start
from autocompress.report.export import ExportSource, write_export
from autocompress.report.gather import front_point, gather
from autocompress.report.picks import pick_point
from autocompress.report.plot import write_plot
from autocompress.report.record import write_record
from autocompress.report.summary import FrontPoint, StudySummary
from autocompress.study.prepared import Prepared
from autocompress.study.shipped import MODEL, shipped_folder, shipped_results
from autocompress.study.store import StudyStore, check_name, study_names
from autocompress.system.command_line import command_line
from autocompress.system.errors import InputError, StudyError
from autocompress.system.events import Event, Listener, silent
from autocompress.system.units import human_seconds
from autocompress.tasks.kinds import task_kind
from autocompress.tasks.valid_text import shown
from autocompress.trials.ray_cluster import Resources, check_cluster
from autocompress.trials.samplers import SAMPLERS
from search_spaces import SEARCH_SPACES

LEAST_RESUME_S = 60.0


@dataclass(frozen=True)
class Study:
    """A study on disk, opened to read: nothing here changes it."""

    store: StudyStore

    @property
    def name(self) -> str:
        """The study's name."""
        return self.store.name

    @property
    def folder(self) -> Path:
        """The study's folder."""
        return self.store.folder

    @property
    def summary(self) -> StudySummary:
        """Everything known of the study now."""
        return gather(self.store)

    @property
    def front(self) -> tuple[FrontPoint, ...]:
        """The Pareto front, fastest first."""
        return tuple(self.summary.front)

    @property
    def state(self) -> str:
        """``running``, ``interrupted`` or ``finished``."""
        return self.store.state()

    def pick(self, pick: str = "close") -> FrontPoint:
        """A point of the front by rule (see ``PICKS``), among the feasible ones where there are any."""
        return pick_point(self.summary, pick, self._command("resume"))

    def export(
        self, directory: str | Path, *, trial: int | None = None, pick: str = "close", force: bool = False
    ) -> Path:
        """Write the artefact of a trial, or of the picked point, to ``directory`` and return that folder.

        Raises InputError if the folder exists and is not empty (unless ``force``) or there is no such trial.
        """
        summary = self.summary
        point = self.pick(pick) if trial is None else self.point(trial)
        return write_export(self.source(point), summary, Path(directory), force=force)

    def point(self, trial: int) -> FrontPoint:
        """The shipping figures of one trial; InputError if it was not measured."""
        on_front = [point for point in self.front if point.trial == trial]
        if on_front:
            return on_front[0]
        found = [result for result in shipped_results(self.store) if result.trial == trial]
        if not found:
            raise InputError(
                f"a trial must have been measured, but study {self.name!r} has no such trial {trial}; "
                f"see {self._command('show')}"
            )
        return front_point(found[0], self.store)

    def _command(self, command: str) -> str:
        return command_line(command, self.name, self.folder.parent)

    def source(self, point: FrontPoint) -> ExportSource:
        """The files and facts an export of ``point`` is made from."""
        results = {result.trial: result for result in shipped_results(self.store)}
        prepared = Prepared(self.folder)
        return ExportSource(
            point=point,
            model=shipped_folder(self.store, results[point.trial]) / MODEL,
            model_digest=results[point.trial].artifact_digest,
            checkpoint=prepared.checkpoint,
            task=prepared.data.task,
            max_length=prepared.data.max_length,
            fingerprint=results[point.trial].fingerprint,
        )

    def plot(self, path: str | Path) -> Path:
        """Draw the trade-off plot to a .png or .svg file and return its path."""
        return write_plot(self.summary, Path(path))


def search(
    model: str | None = None,
    *,
    train: str | None = None,
    validation: str | None = None,
    test: str | None = None,
    text_columns: Iterable[str] | None = None,
    label_column: str | None = None,
    task: str | None = None,
    max_latency_ms: float | None = None,
    max_size_bytes: int | None = None,
    max_memory_bytes: int | None = None,
    max_drop: float | None = None,
    min_quality: float | None = None,
    time_budget_s: float = 900.0,
    trials: int | None = None,
    study: str | None = None,
    studies_dir: str | Path = "studies",
    space: str = "joint",
    sampler: str = "surrogate",
    batch_size: int = 1,
    threads: int = 1,
    latency_statistic: str = "p95",
    workers: int | None = None,
    ray_address: str | None = None,
    seed: int = 0,
    accept_teacher: bool = False,
    on_event: Listener | None = None,
) -> Study:
    """Search for small and fast forms of ``model`` and return the study with its Pareto front.

    Without ``model`` and ``train`` the built-in demo is searched. Latencies are in milliseconds, sizes in bytes,
    ``max_drop`` in points of the task's metric, ``min_quality`` a fraction, the budget in seconds of wall clock.
    ``task`` is ``classification`` or ``regression``; without it the checkpoint and the labels decide. A checkpoint's
    trained head that the labels speak against is refused, unless ``accept_teacher``.
    Raises InputError for what cannot be used, StudyError if the study exists.
    """
    columns = None if text_columns is None else tuple(text_columns)
    problem = Problem(
        model=model,
        data=DataSource(train, validation, test, columns, label_column, task),
        target=Target(batch_size, threads, latency_statistic),
        constraints=Constraints(max_latency_ms, max_size_bytes, max_memory_bytes, max_drop, min_quality),
        time_budget_s=time_budget_s,
        trials=trials,
        space=space,
        sampler=sampler,
        workers=workers,
        ray_address=ray_address,
        seed=seed,
        accept_teacher=accept_teacher,
    )
    return run(problem, study=study, studies_dir=studies_dir, on_event=on_event)


def run(
    problem: Problem,
    *,
    study: str | None = None,
    studies_dir: str | Path = "studies",
    on_event: Listener | None = None,
    begun: float | None = None,
) -> Study:
    """``search`` for a problem that is already one value.

    The budget counts from ``begun``, a reading of ``time.monotonic``, or from now.
    """
    schedule = Schedule(problem.time_budget_s, begun or time.monotonic())
    name = default_name(problem) if study is None else study
    listener = on_event or silent
    _check_request(problem, name, studies_dir)
    folder, asked = Path(studies_dir) / name, problem.constraints
    with ExitStack() as stack:
        # Ray starts while the data are read, unless that would disturb the measurement that impossible limits take.
        early = asked.max_latency_ms is None and asked.max_memory_bytes is None
        host = stack.enter_context(hosted_ray(folder, problem)) if early else None
        inputs = _checked_inputs(problem)
        host = host or stack.enter_context(hosted_ray(folder, problem))
        for note in inputs.data.notes:
            listener(Event("note", note))
        with StudyStore.create(Path(studies_dir), name, problem) as store:
            Pipeline(store, schedule, listener, host, problem.trials).run(inputs)
    return _recorded(name, studies_dir)


def check(problem: Problem, name: str, studies_dir: str | Path = "studies") -> Inputs:
    """Everything that can be known to be wrong before training: names, data, checkpoint, impossible constraints."""
    _check_request(problem, name, studies_dir)
    return _checked_inputs(problem)


def _check_request(problem: Problem, name: str, studies_dir: str | Path) -> None:
    if problem.data.task is not None:
        task_kind(problem.data.task)
    for what, value, known in (("space", problem.space, SEARCH_SPACES), ("sampler", problem.sampler, SAMPLERS)):
        if value not in known:
            raise InputError(f"{what} must be one of {', '.join(known)}, but got {value!r}")
    check_cluster(Resources(problem.target.threads, problem.workers, problem.ray_address))
    _refuse_existing(Path(studies_dir), check_name(name), problem)


def _checked_inputs(problem: Problem) -> Inputs:
    inputs = load_inputs(problem)
    check_feasible(problem, inputs, load_start(inputs))
    return inputs


def plan(problem: Problem, *, study: str | None = None, studies_dir: str | Path = "studies") -> str:
    """What a search would do, after the same checks: text of several lines. Nothing is trained or written."""
    name = default_name(problem) if study is None else study
    data = check(problem, name, studies_dir).data
    task = data.task
    texts = " and ".join(map(shown, task.text_columns))
    rows = ", ".join(f"{split} {len(rows):,}" for split, rows in data.splits.items())
    schedule = Schedule(problem.time_budget_s)
    shares = [f"  {phase}: {human_seconds(seconds)}" for phase, seconds in schedule.preview().items()]
    return "\n".join(
        [
            f"study {name}: {texts} -> {shown(task.label_column)} ({task.words.answer}), {task.metric}",
            f"rows: {rows}; at most {data.max_length} tokens each",
            *data.notes,
            f"time budget {human_seconds(problem.time_budget_s)}, shared out as follows unless a phase needs less:",
            *shares,
        ]
    )


def resume(
    study: str,
    *,
    studies_dir: str | Path = "studies",
    time_budget_s: float | None = None,
    trials: int | None = None,
    on_event: Listener | None = None,
    begun: float | None = None,
) -> Study:
    """Go on with an interrupted or finished study; every finished trial is kept.

    ``time_budget_s`` is for this run; without it an interrupted study has what is left of its own, at least a minute,
    and a finished one has it again. ``trials`` is the total number of trials wanted.
    """
    with StudyStore.resume(Path(studies_dir), study) as store:
        used = 0.0 if store.progress().finished else sum(store.progress().used_s.values())
        budget = time_budget_s or max(store.problem.time_budget_s - used, LEAST_RESUME_S)
        schedule = Schedule(budget, begun or time.monotonic())
        with hosted_ray(store.folder, store.problem) as host:
            Pipeline(store, schedule, on_event or silent, host, trials or store.problem.trials).run()
    return _recorded(study, studies_dir)


def open_study(study: str, studies_dir: str | Path = "studies") -> Study:
    """Open a study to look at; it may be running. StudyError if there is none of that name."""
    return Study(StudyStore.read(Path(studies_dir), study))


def list_studies(studies_dir: str | Path = "studies") -> list[StudySummary]:
    """Summaries of all studies in a folder, by name."""
    return [open_study(name, studies_dir).summary for name in study_names(Path(studies_dir))]


def default_name(problem: Problem) -> str:
    """``demo``, or what of the training file's name can be in a study's, with the date and time."""
    stem = "demo" if problem.data.train is None else Path(problem.data.train).stem.lstrip(".")
    base = "".join(letter if letter.isprintable() and letter != "\\" else "-" for letter in stem[:40]) or "study"
    return f"{base}-{datetime.now():%Y%m%d-%H%M%S}"


def _recorded(name: str, studies_dir: str | Path) -> Study:
    study = open_study(name, studies_dir)
    write_record(study.summary, study.folder)
    return study


def _refuse_existing(studies_dir: Path, name: str, problem: Problem) -> None:
    if name not in study_names(studies_dir):
        return
    changed = differences(StudyStore.read(studies_dir, name).problem, problem)
    detail = f"and asks for something else ({'; '.join(changed)}); choose another --study" if changed else ""
    resuming = f"with this problem: {command_line('resume', name, studies_dir)}"
    raise StudyError(f"study {name!r} must be new, but it exists {detail or resuming}")
