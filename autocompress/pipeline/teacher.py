"""Leaves data and teacher in the study: as they are there, taken over from a sibling study, or prepared."""

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
"""Of the time that is left, the most that fine-tuning takes where the rows are many or slow."""


def ensure_teacher(run: Run, phase: Phase, inputs: Inputs | None) -> None:
    """Prepare data and teacher if need be. What a search needs later is tried before the training."""
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
        """Pass an event on; a Ray that could not start ends the training as soon as that is known."""
        run.listener(event)
        if run.host.ready():
            run.host.wait_ready()

    inputs = inputs or teacher_inputs(prepared, problem)
    prepare_teacher(prepared, inputs, problem, budget_s, at_most_s, while_ray_starts)
    remember(prepared, TEACHER, problem)
