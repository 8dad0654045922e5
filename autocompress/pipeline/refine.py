"""Distils promising configurations further, each on its own, then compiles and measures them again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from autocompress.distillation.recipes import NEAR_TEACHER, distillation_settings, training_settings
from autocompress.distillation.refine import refine
from autocompress.distillation.student_texts import StudentTexts
from autocompress.evaluation.cut import cut_weights, source_of
from autocompress.pipeline.run import Run
from autocompress.pipeline.selection import NEAR_HOPE, hope_by_latency, to_refine
from autocompress.students import STUDENTS
from autocompress.students.configuration import configuration_to_json, describe
from autocompress.study.prepared_files import TEACHER, TRANSFER
from autocompress.study.results import TrialResult
from autocompress.study.shipped import REFINED, shipped_results
from autocompress.system.attempts import ENDING, reason_of
from autocompress.system.events import Event
from autocompress.system.files import write_sealed
from autocompress.trials.jobs import RESULT, TrialRequest

SECONDS_EACH = 60.0
"""Least seconds planned for a configuration if several are refined."""
MOST = 8
"""Most configurations that are refined in one round."""
LEAST_S = 9.0
"""Seconds below which nothing is refined."""
MEASURING_S, LEAST_TRAINING_S = 4.0, 5.0
REACH = 0.03
"""Loss of quality to the teacher beyond which a configuration is not refined."""
HARDLY_LOST = 0.005
"""Loss of quality to the teacher below which refining what is cut from the origin gains nothing."""


def how_many(budget_s: float) -> int:
    """Return how many configurations to refine in ``budget_s`` seconds: at most ``MOST``, ``SECONDS_EACH`` for each.

    It is one if the budget is smaller than that, but above ``LEAST_S``.
    """
    return max(min(int(budget_s / SECONDS_EACH), MOST), 1 if budget_s > LEAST_S else 0)


def refine_front(run: Run, planned_s: float) -> None:
    """Refine promising configurations in rounds while there is time; a shallow student takes less than planned."""
    if not run.prepared.has(TRANSFER):
        return
    measured = run.store.results()
    results = [one for one in measured if not _gains_nothing(run, one) and not _is_refined(run, one)]
    deadline, hope = time.monotonic() + planned_s, hope_by_latency(measured)
    while results:
        count, beside = how_many(deadline - time.monotonic()), shipped_results(run.store)
        chosen = to_refine(results, run.criteria, count, REACH, beside, partial(_hope, run, hope))
        if not chosen:
            return
        refine_points(run, chosen, deadline)
        results = [result for result in results if result not in chosen]


def refine_points(run: Run, chosen: Sequence[TrialResult], deadline: float) -> list[TrialResult]:
    """Refine each of ``chosen``, into ``refined/`` of its trial's folder, and return the refined results.

    The time until ``deadline`` (a reading of ``time.monotonic``) is divided equally. One that fails is left out, and
    the listener is told.
    """
    done = []
    for place, result in enumerate(chosen):
        budget_s = (deadline - time.monotonic()) / (len(chosen) - place) - MEASURING_S
        if budget_s < LEAST_TRAINING_S:
            break
        message = f"refining trial {result.trial} ({describe(result.configuration)})"
        run.listener(Event("progress", message, 0.0))
        try:
            refined = _refine_one(run, result, budget_s)
        except ENDING:
            raise
        except Exception as error:
            run.note(f"trial {result.trial} could not be refined: {reason_of(error)}")
            continue
        done.append(refined)
        if refined.figures is not None and result.figures is not None:
            before, after = result.figures.validation.value, refined.figures.validation.value
            run.note(f"{message}: {result.figures.validation.metric} {before:.4f} -> {after:.4f}")
    return done


def _refine_one(run: Run, result: TrialResult, budget_s: float) -> TrialResult:
    """Train, compile and measure the configuration of a result, and store the refined result."""
    prepared, configuration = run.prepared, result.configuration
    folder, evaluator = run.store.trial_folder(result.trial) / REFINED, replace(run.evaluator, stage="refine")
    arrays, shape = cut_weights(prepared, configuration)
    near = source_of(prepared, configuration) != configuration.student
    recipe = NEAR_TEACHER if near else STUDENTS[configuration.student].alone
    training = training_settings(recipe, budget_s, prepared.transfer, run.problem.seed)
    settings = distillation_settings(recipe, training, prepared.data.task.definition, prepared.transfer)
    texts = StudentTexts(prepared.transfer, prepared.vocabulary)
    arrays = refine(arrays, shape, configuration, texts, settings, run.listener)
    evaluator.compile(arrays, shape, configuration, folder)
    fields = configuration_to_json(configuration)
    request = TrialRequest(result.trial, 1, fields, result.digest, str(folder), run.problem.seed)
    refined = evaluator.measure(request)
    write_sealed(folder / RESULT, refined.to_json())
    return refined


def _hope(run: Run, of_students: Callable[[TrialResult], float], result: TrialResult) -> float:
    """Return the share of its distance to the teacher that refining a result is hoped to close.

    It is small for what is cut from the teacher itself, but not for what is cut from a smaller origin.
    """
    from_teacher = run.prepared.teaches_itself and source_of(run.prepared, result.configuration) == TEACHER
    return NEAR_HOPE if from_teacher else of_students(result)


def _gains_nothing(run: Run, result: TrialResult) -> bool:
    """Return whether refining gains nothing: for cuts of the origin that are almost as good as the teacher.

    Where the origin is the teacher, that is also true of cuts with unchanged layers.
    """
    configuration, prepared = result.configuration, run.prepared
    if result.figures is None or source_of(prepared, configuration) == configuration.student:
        return False
    as_good = result.figures.validation.estimate >= prepared.teacher_quality - HARDLY_LOST
    kind = STUDENTS[configuration.student]
    return as_good or (prepared.teaches_itself and kind.keeps_teacher_layers(configuration, prepared.teacher_shape))


def _is_refined(run: Run, result: TrialResult) -> bool:
    return run.store.result_path(result.trial, "refine").is_file()
