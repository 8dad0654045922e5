"""Runs the phases of a search: prepare, search, refine, verify. Each continues from what it finds on disk.

Once the teacher is prepared, no failure of a part ends the run: the listener is told, and the run goes on without it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from autocompress.domain.figures import Baseline
from autocompress.hardware.fingerprint import hardware_fingerprint
from autocompress.pipeline.baselines import prepare_baselines
from autocompress.pipeline.finalists import verify_finalists
from autocompress.pipeline.refine import refine_front
from autocompress.pipeline.repair import repair
from autocompress.pipeline.run import Run
from autocompress.pipeline.search import run_trials
from autocompress.pipeline.teacher import ensure_teacher
from autocompress.pipeline.verify import test_request_count
from autocompress.pipeline.verify_plan import shortest_verification_s
from autocompress.preparation.inputs import StudyInputs
from autocompress.preparation.super_networks import prepare_super_networks
from autocompress.study.store import HARDWARE
from autocompress.system.errors import MeasurementError
from autocompress.system.files import write_sealed


def run_pipeline(run: Run, inputs: StudyInputs | None = None) -> None:
    """Do everything that the study lacks, within the schedule, and mark the study as finished.

    MeasurementError if no trial could be measured; such a study can be resumed.
    """
    repair(run.store, run.prepared, run.listener)
    write_sealed(run.store.folder / HARDWARE, hardware_fingerprint(run.problem.target.threads))
    with run.phase("teacher") as phase:
        ensure_teacher(run, phase, inputs)
    _first_trial(run)
    with run.phase("baselines"):
        stock, baselines = prepare_baselines(run.evaluator, run.listener)
    run.schedule.fixed_s["verify"] = shortest_verification_s(
        baselines, run.store.results()[:1], test_request_count(run.evaluator)
    )
    with run.phase("super-network") as phase:
        prepare_super_networks(run.prepared, run.space, run.problem, phase.planned_s, run.listener)
    with run.phase("search") as phase:
        run_trials(run, run.trials, time.monotonic() + phase.planned_s)
    run.host.close()
    with run.phase("refine") as phase:
        refine_front(run, phase.planned_s)
    with run.phase("verify") as phase:
        verify_finalists(run, stock, baselines, phase.planned_s)
    if not any(result.figures for result in run.store.results()):
        raise MeasurementError(_nothing_measured(run, baselines))
    run.save_progress("verify", finished=True)


def _first_trial(run: Run) -> None:
    """Measure the teacher in 8 bits, so that the study has a model to ship whatever fails afterwards."""
    if not run.store.results():
        run_trials(run, trials=1, deadline=None)


def _nothing_measured(run: Run, baselines: Sequence[Baseline]) -> str:
    """Return the message for a study in which no trial could be measured."""
    reasons = [result.reason for result in run.store.results() if result.reason]
    known = "; ".join(
        f"{b.name} has {b.figures.validation.metric} {b.figures.validation.value:.4f} at "
        f"{b.figures.latency_ms.mean:.3g} ms"
        for b in baselines
    )
    return (
        f"at least one trial must be measured, but none could be ({reasons[-1] if reasons else 'see above'}); "
        f"what can be had without: {known or 'nothing'}, in {run.prepared.baselines}; resume to try again"
    )
