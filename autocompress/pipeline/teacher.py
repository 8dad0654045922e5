"""Ensures that a study has its data and its teacher: present already, reused from a sibling study, or prepared.

With a student checkpoint there are two models to prepare, the large teacher and the one that students start from.
"""

from __future__ import annotations

from collections.abc import Sequence

from autocompress.measurement.preflight import check_runtimes
from autocompress.pipeline.repair import teacher_inputs
from autocompress.pipeline.run import Run
from autocompress.pipeline.schedule import FIXED_S, Phase
from autocompress.preparation.inputs import Inputs, StudyInputs, encoder_parameters, load_inputs
from autocompress.preparation.teacher import prepare_teacher, save_data
from autocompress.study.database import check_place
from autocompress.study.prepared_files import TEACHER
from autocompress.study.reuse import remember, reuse
from autocompress.system.events import Event

TEACHER_AT_MOST = 0.3
"""Largest fraction of the remaining time that fine-tuning takes if the rows are many or slow."""


def ensure_teacher(run: Run, phase: Phase, inputs: StudyInputs | None) -> None:
    """Prepare the data and the teacher, and with a student checkpoint that model too, if they are missing.

    Before the training it checks what the search needs later, so that an unusable machine is reported in seconds.
    """
    problem, models = run.problem, run.prepared.models_of(run.problem)
    if not all(model.has_data for model in models):
        loaded = inputs or load_inputs(problem)  # once, so that row i is the same text in both
        for model in models:
            save_data(model, loaded.of(model), problem)
    missing = [one for one in models if not (one.has(TEACHER) or reuse(one, TEACHER, problem, run.listener))]
    if not missing:
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

    starts = [inputs.of(model) if inputs else teacher_inputs(model, problem) for model in missing]
    for model, start, share in zip(missing, starts, fine_tuning_shares(starts), strict=True):
        prepare_teacher(model, start, problem, share * budget_s, share * at_most_s, while_ray_starts)
        remember(model, TEACHER, problem)


def fine_tuning_shares(starts: Sequence[Inputs]) -> list[float]:
    """Return for each model the share of the time that it has, in proportion to its size; 0 if its head is trained."""
    sizes = [encoder_parameters(start.checkpoint) if start.order is None else 0 for start in starts]
    return [size / max(sum(sizes), 1) for size in sizes]
