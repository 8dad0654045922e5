"""Checks, plans, starts and resumes searches, each of which turns a problem into a finished study on disk."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from autocompress.domain.problem import Problem, differences
from autocompress.pipeline.feasibility import check_feasible
from autocompress.pipeline.pipeline import run_pipeline
from autocompress.pipeline.run import Run, hosted_ray
from autocompress.pipeline.schedule import Schedule
from autocompress.preparation.inputs import StudyInputs, load_inputs, load_start
from autocompress.study.store import StudyStore, check_name, study_names
from autocompress.system.command_line import command_line
from autocompress.system.errors import InputError, StudyError
from autocompress.system.events import Event, Listener
from autocompress.system.units import human_seconds
from autocompress.tasks.kinds import task_kind
from autocompress.tasks.valid_text import shown
from autocompress.trials.ray_cluster import Resources, check_cluster
from autocompress.trials.samplers import SAMPLERS
from search_spaces import SEARCH_SPACES

LEAST_RESUME_S = 60.0
"""Least time budget of a resumed study, however much of its own budget it has used."""


def start(problem: Problem, name: str, studies_dir: Path, begun: float, listener: Listener) -> None:
    """Check the problem, create the study and run the search to its end.

    The time budget counts from ``begun``, a reading of ``time.monotonic``.
    """
    schedule = Schedule(problem.time_budget_s, begun)
    _check_request(problem, name, studies_dir)
    folder, asked = studies_dir / name, problem.constraints
    with ExitStack() as stack:
        # Ray starts while the data are read, unless limits have to be checked by a measurement, which it would disturb.
        early = asked.max_latency_ms is None and asked.max_memory_bytes is None
        host = stack.enter_context(hosted_ray(folder, problem)) if early else None
        inputs = _checked_inputs(problem)
        host = host or stack.enter_context(hosted_ray(folder, problem))
        for note in inputs.origin.data.notes:
            listener(Event("note", note))
        with StudyStore.create(studies_dir, name, problem) as store:
            run_pipeline(Run(store, schedule, listener, host, problem.trials), inputs)


def go_on(
    name: str, studies_dir: Path, time_budget_s: float | None, trials: int | None, begun: float, listener: Listener
) -> None:
    """Resume a study with its stored problem, and run it to its end.

    Without ``time_budget_s`` an interrupted study gets the rest of its own budget, at least ``LEAST_RESUME_S``, and a
    finished one the whole budget again.
    """
    with StudyStore.resume(studies_dir, name) as store:
        used = 0.0 if store.progress().finished else sum(store.progress().used_s.values())
        budget = time_budget_s or max(store.problem.time_budget_s - used, LEAST_RESUME_S)
        schedule = Schedule(budget, begun)
        with hosted_ray(store.folder, store.problem) as host:
            run_pipeline(Run(store, schedule, listener, host, trials or store.problem.trials))


def plan(problem: Problem, name: str, studies_dir: Path) -> str:
    """Check the problem and return a description of the search in several lines, without training or writing."""
    _check_request(problem, name, studies_dir)
    data = _checked_inputs(problem).origin.data
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


def _check_request(problem: Problem, name: str, studies_dir: Path) -> None:
    """Check what needs neither data nor checkpoint: names, the machine or cluster, and that the study is new."""
    if problem.data.task is not None:
        task_kind(problem.data.task)
    for what, value, known in (("space", problem.space, SEARCH_SPACES), ("sampler", problem.sampler, SAMPLERS)):
        if value not in known:
            raise InputError(f"{what} must be one of {', '.join(known)}, but got {value!r}")
    check_cluster(Resources(problem.target.threads, problem.workers, problem.ray_address))
    _refuse_existing(studies_dir, check_name(name), problem)


def _refuse_existing(studies_dir: Path, name: str, problem: Problem) -> None:
    """Raise StudyError if the study exists; the error says how to resume it, or how its problem differs."""
    if name not in study_names(studies_dir):
        return
    changed = differences(StudyStore.read(studies_dir, name).problem, problem)
    detail = f"and asks for something else ({'; '.join(changed)}); choose another --study" if changed else ""
    resuming = f"with this problem: {command_line('resume', name, studies_dir)}"
    raise StudyError(f"study {name!r} must be new, but it exists {detail or resuming}")


def _checked_inputs(problem: Problem) -> StudyInputs:
    """Read and check data and checkpoints, and check that some configuration can meet the constraints."""
    inputs = load_inputs(problem)
    check_feasible(problem, inputs.origin, load_start(inputs.origin))
    return inputs
