"""Runs the trials of a search on Ray until their number or the deadline is reached."""

from __future__ import annotations

from autocompress.evaluation.cut import is_available
from autocompress.pipeline.run import Run
from autocompress.preparation.surrogate import surrogate_of
from autocompress.students.configuration import describe
from autocompress.system.attempts import attempt, reason_of
from autocompress.system.errors import MeasurementError
from autocompress.system.events import Event, Listener
from autocompress.system.units import human_size
from autocompress.trials.controller import Controller, TrialEvent
from autocompress.trials.samplers import SURROGATE
from autocompress.trials.settings import SearchSettings
from autocompress.trials.surrogate import Surrogate
from objectives import DEFAULT


def run_trials(run: Run, trials: int | None, deadline: float | None) -> None:
    """Run trials until the study has ``trials`` or ``time.monotonic()`` reaches ``deadline``.

    If workers fail repeatedly, the search ends with the trials measured so far, and the listener is told.
    """
    space, problem = run.space, run.problem
    surrogate = _surrogate(run)
    settings = SearchSettings(space, DEFAULT, run.criteria.constraints, problem.sampler, problem.seed, surrogate)
    try:
        with run.host.pinned() as executor:
            controller = Controller(run.store, settings, executor, lambda event: tell_trial(event, run.listener))
            for note in controller.notes:
                run.note(note)
            designs = surrogate.initial_designs() if surrogate else space.initial_designs()
            controller.run(trials, deadline, [design for design in designs if is_available(run.prepared, design)])
    except MeasurementError as error:
        run.note(f"the search ends early: {reason_of(error)}")
    run.store.remove_given_up()


def _surrogate(run: Run) -> Surrogate | None:
    """Return the surrogate if the problem asks for it and it can be built."""
    if run.problem.sampler == SURROGATE:
        with attempt("trials are drawn at random, for there is no surrogate", run.listener):
            return surrogate_of(run.problem, run.prepared, run.space)
    return None


def tell_trial(event: TrialEvent, listener: Listener) -> None:
    """Send the outcome of a trial to the listener: its figures, why it failed, or why it is repeated."""
    if event.result is None:
        if event.message:
            listener(Event("note", f"trial {event.number} {event.kind}: {event.message}"))
        return
    name, figures = describe(event.configuration), event.result.figures
    if figures is None:
        listener(Event("trial", f"trial {event.number} failed: {event.result.reason}  {name}"))
        return
    quality, latency = figures.validation, figures.latency_ms
    measured = f"{quality.metric} {quality.value:.4f}  {latency.mean:.3f} ms  {human_size(figures.size_bytes)}"
    listener(Event("trial", f"trial {event.number}: {measured}  {name}"))
