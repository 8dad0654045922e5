"""Lists every trial of a study as its files hold it, so that each can be checked from outside."""

from __future__ import annotations

from typing import Any

from autocompress.report.summary import figures_to_json
from autocompress.study.results import TrialResult
from autocompress.study.store import StudyStore

LATER_STAGES = ("refine", "verify")


def all_trials(store: StudyStore) -> list[dict[str, Any]]:
    """Return one JSON object per trial that was started, in order; a duplicate of another is never started.

    ``state`` is complete, failed, or running or interrupted where there is no result yet. ``digest`` is that of the
    configuration, ``attempts`` how often it was tried, ``reason`` why it failed (else None). A measured trial has its
    figures, and those of the stages that followed under ``refine`` and ``verify``. StudyError names a damaged file.
    """
    unfinished = "running" if store.state() == "running" else "interrupted"
    return [_trial(store, number, unfinished) for number in store.trial_numbers()]


def _trial(store: StudyStore, number: int, unfinished: str) -> dict[str, Any]:
    result = store.result(number)
    if result is None:
        return {"trial": number, "state": unfinished, "digest": None, "attempts": None, "reason": None}
    later = {stage: store.result(number, stage) for stage in LATER_STAGES}
    return {
        "trial": number,
        "state": "failed" if result.figures is None else "complete",
        "digest": result.digest,
        "attempts": result.attempt + 1,
        "reason": result.reason,
        **_measured(result),
        **{stage: _measured(found) for stage, found in later.items() if found is not None},
    }


def _measured(result: TrialResult) -> dict[str, Any]:
    if result.figures is None:
        return {}
    return {"artifact_sha256": result.artifact_digest, **figures_to_json(result.figures)}
