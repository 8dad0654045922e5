"""Find the trials that a killed controller left open, before the search goes on."""

from __future__ import annotations

from dataclasses import replace

from optuna.trial import TrialState

from autocompress.study.store import StudyStore
from autocompress.system.errors import StudyError
from autocompress.trials.ledger import CONFIGURATION, Ledger, OpenTrial


def recover(store: StudyStore, ledger: Ledger) -> list[OpenTrial]:
    """Return the open trials in order: measured ones with their result, others to run again under the same number.

    A trial that was interrupted while it was asked for becomes FAIL. A result file that is unreadable or of another
    configuration is ignored. Calling this again changes nothing.
    """
    for trial in ledger.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if CONFIGURATION not in trial.user_attrs:
            ledger.fail(trial.number)
    return [_with_result(store, trial) for trial in ledger.open_trials()]


def _with_result(store: StudyStore, trial: OpenTrial) -> OpenTrial:
    try:
        result = store.result(trial.number)
    except StudyError:
        return trial
    if result is None or result.digest != trial.digest:
        return trial
    return replace(trial, result=result)
