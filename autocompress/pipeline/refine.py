"""Distils the promising points of the search further, each by itself, then compiles and measures them again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from autocompress.distillation.recipes import NEAR_TEACHER, training_settings
from autocompress.distillation.refine import refine
from autocompress.distillation.super_network import DistillationSettings
from autocompress.evaluation.cut import cut_weights, source_of
from autocompress.evaluation.trial import TrialEvaluator
from autocompress.students import STUDENTS
from autocompress.students.configuration import configuration_to_json, describe
from autocompress.study.prepared_files import TEACHER
from autocompress.study.results import TrialResult
from autocompress.study.shipped import REFINED
from autocompress.system.attempts import ENDING, reason_of
from autocompress.system.events import Event, Listener
from autocompress.system.files import write_sealed
from autocompress.trials.jobs import RESULT, TrialRequest

SECONDS_EACH = 60.0
MOST = 8
LEAST_S = 9.0


def how_many(budget_s: float) -> int:
    """Points that can be refined in ``budget_s``: few and well rather than many and hardly."""
    return max(min(int(budget_s / SECONDS_EACH), MOST), 1 if budget_s > LEAST_S else 0)


def refine_points(
    evaluator: TrialEvaluator,
    chosen: Sequence[TrialResult],
    folders: Sequence[Path],
    deadline: float,
    seed: int,
    listener: Listener,
) -> list[TrialResult]:
    """Refine each of ``chosen`` into ``refined/`` of its trial's folder, sharing out the time until ``deadline``."""
    evaluator = replace(evaluator, stage="refine")
    done = []
    for place, (result, folder) in enumerate(zip(chosen, folders, strict=True)):
        budget_s = (deadline - time.monotonic()) / (len(chosen) - place) - 4.0
        if budget_s < 5.0:
            break
        message = f"refining trial {result.trial} ({describe(result.configuration)})"
        listener(Event("progress", message, 0.0))
        try:
            refined = _refine_one(evaluator, result, folder / REFINED, budget_s, seed, listener)
        except ENDING:
            raise
        except Exception as error:
            listener(Event("note", f"trial {result.trial} could not be refined: {reason_of(error)}"))
            continue
        done.append(refined)
        if refined.figures is not None and result.figures is not None:
            before, after = result.figures.validation.value, refined.figures.validation.value
            listener(Event("note", f"{message}: {result.figures.validation.metric} {before:.4f} -> {after:.4f}"))
    return done


def _refine_one(
    evaluator: TrialEvaluator, result: TrialResult, folder: Path, budget_s: float, seed: int, listener: Listener
) -> TrialResult:
    prepared, configuration = evaluator.prepared, result.configuration
    arrays, shape = cut_weights(prepared, configuration)
    near = source_of(prepared, configuration) == TEACHER
    recipe = NEAR_TEACHER if near else STUDENTS[configuration.student].alone
    training = training_settings(recipe, budget_s, prepared.transfer, seed)
    arrays = refine(
        arrays,
        shape,
        configuration,
        prepared.transfer,
        prepared.vocabulary_order,
        DistillationSettings(training, prepared.data.task.definition),
        listener,
    )
    evaluator.compile(arrays, shape, configuration, folder)
    request = TrialRequest(result.trial, 1, configuration_to_json(configuration), result.digest, str(folder), seed)
    refined = evaluator.measure(request)
    write_sealed(folder / RESULT, refined.to_json())
    return refined
