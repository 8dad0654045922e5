"""Chooses which of a trial's files is shipped: the one compiled in the search, or the refined one."""

from __future__ import annotations

from pathlib import Path

from autocompress.study.results import TrialResult
from autocompress.study.store import StudyStore
from autocompress.system.files import sha256

MODEL = "model.onnx"
REFINED = "refined"


def shipped_results(store: StudyStore) -> list[TrialResult]:
    """Return for each measured trial the result that ``better_of`` chooses from those of the search and of refining."""
    return [better_of(r, store.result(r.trial, "refine")) for r in store.results() if r.figures is not None]


def shipped_folder(store: StudyStore, result: TrialResult) -> Path:
    """Return the folder of a result's model.onnx."""
    folder = store.trial_folder(result.trial)
    refined = store.result(result.trial, "refine")
    ships_refined = refined is not None and refined.artifact_digest == result.artifact_digest
    return folder / REFINED if ships_refined else folder


def is_intact(store: StudyStore, result: TrialResult) -> bool:
    """Return whether the model.onnx of a result exists and has the SHA-256 of the measured file."""
    path = shipped_folder(store, result) / MODEL
    return path.is_file() and sha256(path) == result.artifact_digest


def better_of(result: TrialResult, refined: TrialResult | None) -> TrialResult:
    """Return the refined result if its expected validation quality is at least as good, else the search's."""
    if refined is None or refined.figures is None or result.figures is None:
        return result
    return refined if refined.figures.validation.estimate >= result.figures.validation.estimate else result
