"""Ensures that a study has its data and its teacher: present already, reused from a sibling study, or prepared."""

from __future__ import annotations

from autocompress.measurement.preflight import check_runtimes
from autocompress.pipeline.repair import teacher_inputs
from autocompress.pipeline.run import Run
from autocompress.pipeline.schedule import FIXED_S, Phase
from autocompress.preparation.inputs import Inputs, load_inputs
from autocompress.preparation.teacher import prepare_teacher, save_data
from autocompress.study.database import check_place
from autocompress.study.prepared_files import TEACHER
from autocompress.study.reuse import remember, reuse
from autocompress.system.events import Event

TEACHER_AT_MOST = 0.3
"""Largest fraction of the remaining time that fine-tuning takes if the rows are many or slow."""


def ensure_teacher(run: Run, phase: Phase, inputs: Inputs | None) -> None:
    """Prepare the data and the teacher if they are missing.

    Before the training it checks what the search needs later, so that an unusable machine is reported in seconds.
    """
    prepared, problem = run.prepared, run.problem
    if not prepared.has_data:
        save_data(prepared, inputs or load_inputs(problem), problem)
    if prepared.has(TEACHER) or reuse(prepared, TEACHER, problem, run.listener):
        return
    check_place(run.store.folder)
    check_runtimes(problem.target)
    budget_s = max(phase.planned_s - FIXED_S["teacher"], 0.4 * phase.planned_s)
    at_most_s = max(budget_s, TEACHER_AT_MOST * run.schedule.left_s() - FIXED_S["teacher"])

    def while_ray_starts(event: Event) -> None:
        """Pass an event to the listener; if Ray failed to start, raise its error, which ends the training."""
        run.listener(event)
        if run.host.ready():
            run.host.wait_ready()

    inputs = inputs or teacher_inputs(prepared, problem)
    prepare_teacher(prepared, inputs, problem, budget_s, at_most_s, while_ray_starts)
    remember(prepared, TEACHER, problem)
