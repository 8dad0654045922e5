"""A study's folder written by the study store itself, from figures that were made up."""

from pathlib import Path

from synthetic_study import make_configuration, make_summary

from autocompress.domain.problem import Constraints, Problem
from autocompress.study.baselines import write_baselines
from autocompress.study.results import TrialResult
from autocompress.study.store import Progress, StudyStore

POINTS = 20


def write_study(studies: Path, name: str, constraints: Constraints, verified: bool = True) -> None:
    summary = make_summary(POINTS)
    with StudyStore.create(studies, name, Problem(constraints=constraints)) as store:
        write_baselines(store.folder, summary.baselines)
        for trial, point in enumerate(summary.front):
            store.make_trial_folder(trial)
            for stage in ("search", "verify") if verified else ("search",):
                figures = point.figures
                store.write_result(TrialResult(trial, 0, make_configuration(trial), figures, stage=stage))
        if verified:
            store.write_progress(Progress("verify", True, {"search": 400.0}, {"search": 391.0}))
