"""Which of a trial's files ships, from the search or refined, and whether it is still the one that was measured."""

from __future__ import annotations

from pathlib import Path

from autocompress.exploration.study import StudyStore
from autocompress.figures import TrialResult
from autocompress.files import sha256
from autocompress.refinement import REFINED, better_of
from autocompress.trial import MODEL


def shipping_results(store: StudyStore) -> list[TrialResult]:
    """Per measured trial the better of its result and its refined result."""
    return [better_of(r, store.result(r.trial, "refine")) for r in store.results() if r.figures is not None]


def shipping_folder(store: StudyStore, result: TrialResult) -> Path:
    """Where the model.onnx of a result is."""
    folder = store.trial_folder(result.trial)
    refined = store.result(result.trial, "refine")
    ships_refined = refined is not None and refined.artifact_digest == result.artifact_digest
    return folder / REFINED if ships_refined else folder


def is_intact(store: StudyStore, result: TrialResult) -> bool:
    """Whether the model.onnx of a result is there and the one that was measured."""
    path = shipping_folder(store, result) / MODEL
    return path.is_file() and sha256(path) == result.artifact_digest
