"""Which of a trial's files ships, from the search or refined, and whether it is still the one that was measured."""

from __future__ import annotations

from pathlib import Path

from autocompress.study.results import TrialResult
from autocompress.study.store import StudyStore
from autocompress.system.files import sha256

MODEL = "model.onnx"
REFINED = "refined"


def shipped_results(store: StudyStore) -> list[TrialResult]:
    """Per measured trial the better of its result and its refined result."""
    return [better_of(r, store.result(r.trial, "refine")) for r in store.results() if r.figures is not None]


def shipped_folder(store: StudyStore, result: TrialResult) -> Path:
    """Where the model.onnx of a result is."""
    folder = store.trial_folder(result.trial)
    refined = store.result(result.trial, "refine")
    ships_refined = refined is not None and refined.artifact_digest == result.artifact_digest
    return folder / REFINED if ships_refined else folder


def is_intact(store: StudyStore, result: TrialResult) -> bool:
    """Whether the model.onnx of a result is there and the one that was measured."""
    path = shipped_folder(store, result) / MODEL
    return path.is_file() and sha256(path) == result.artifact_digest


def better_of(result: TrialResult, refined: TrialResult | None) -> TrialResult:
    """The refined result where its validation quality is at least as good, else the one from the search."""
    if refined is None or refined.figures is None or result.figures is None:
        return result
    return refined if refined.figures.validation.estimate >= result.figures.validation.estimate else result
