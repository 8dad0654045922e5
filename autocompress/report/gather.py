"""Reads a study's folder, running or not, into a ``StudySummary``.

This imports neither torch nor Ray nor Optuna: ``autocompress show`` and ``studies`` answer at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autocompress.domain.figures import Baseline
from autocompress.report.summary import FrontPoint, PhaseTime, StudySummary, measured_teacher, speedups
from autocompress.study.baselines import read_baselines, read_teacher_quality
from autocompress.study.results import TrialResult
from autocompress.study.shipped import shipped_results
from autocompress.study.store import HARDWARE, PROBLEM, STATE, Progress, StudyStore
from autocompress.system.errors import StudyError
from autocompress.system.files import read_sealed
from autocompress.trials.pareto import non_dominated
from objectives import DEFAULT, constraints_for, feasible
from objectives.constraint import Constraint


def gather(store: StudyStore) -> StudySummary:
    """Summarize a study as it is on disk; StudyError names a damaged file.

    The front is the non-dominated set of the verified results; before the first is verified, that of all measured
    results, whose feasibility is not known yet.
    """
    baselines, problem = read_baselines(store.folder), store.problem
    results, verified = shipped_results(store), store.results("verify")
    front = _non_dominated(verified or results)
    teacher = teacher_of(store, baselines)
    constraints = constraints_for(problem, teacher)
    points = [_point(result, store, baselines, constraints if verified else None) for result in front]
    shown = {point.trial for point in points}
    progress = store.progress()
    return StudySummary(
        study=store.name,
        state=store.state(),
        problem=problem,
        baselines=baselines,
        trials=store.counts(),
        front=points,
        dominated=[(r.figures, r.trial) for r in results if r.trial not in shown and r.figures is not None],
        metric=results[0].figures.validation.metric if results and results[0].figures else "accuracy",
        notes=_notes(store),
        phases=_phases(progress),
        hardware=_stored(store, HARDWARE),
        updated=_updated(store),
        teacher=teacher,
    )


def teacher_of(store: StudyStore, baselines: Sequence[Baseline]) -> float | None:
    """Read the teacher's validation quality, from which ``max_drop`` counts; None before it is known."""
    measured = measured_teacher(baselines)
    return read_teacher_quality(store.folder) if measured is None else measured


def front_point(result: TrialResult, store: StudyStore) -> FrontPoint:
    """Make a front point of one measured result; its feasibility is known if the result is a verified one."""
    baselines = read_baselines(store.folder)
    known = constraints_for(store.problem, teacher_of(store, baselines)) if result.stage == "verify" else None
    return _point(result, store, baselines, known)


def _non_dominated(results: Sequence[TrialResult]) -> list[TrialResult]:
    measured = [result for result in results if result.figures is not None]
    if not measured:
        return []
    values = np.array([[objective.value(r.figures) for objective in DEFAULT] for r in measured if r.figures])
    mask = non_dominated(values, tuple(objective.direction for objective in DEFAULT))
    front = [measured[int(i)] for i in np.flatnonzero(mask)]
    return sorted(front, key=lambda r: r.figures.latency_ms.mean if r.figures else np.inf)


def _point(
    result: TrialResult, store: StudyStore, baselines: Sequence[Baseline], constraints: Sequence[Constraint] | None
) -> FrontPoint:
    figures = result.figures
    assert figures is not None
    refined = store.result(result.trial, "refine")
    return FrontPoint(
        trial=result.trial,
        feasible=None if constraints is None else feasible(constraints, figures),
        configuration=result.configuration,
        figures=figures,
        speedup=speedups(figures, baselines),
        stage=result.stage,
        refined=refined is not None and refined.artifact_digest == result.artifact_digest,
    )


def _phases(progress: Progress) -> list[PhaseTime]:
    return [
        PhaseTime(name=name, planned_s=planned, used_s=progress.used_s.get(name))
        for name, planned in progress.planned_s.items()
    ]


def _stored(store: StudyStore, name: str) -> dict[str, Any]:
    path = store.folder / name
    try:
        return read_sealed(path)
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise StudyError(f"{path} must be as the study wrote it, but {error}; start a new study") from error


def _notes(store: StudyStore) -> Sequence[str]:
    return tuple(_stored(store, "data/dataset.json").get("notes", ()))


def _updated(store: StudyStore) -> float:
    paths = [store.folder / PROBLEM, store.folder / STATE]
    return max(path.stat().st_mtime for path in paths if path.exists())
