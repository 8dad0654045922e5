"""Open a study's trials so that the database agrees with the result files, each of which carries its digest.

The files decide. Damaged files are renamed, never deleted. A database that is damaged, or disagrees with the files, is
made anew from them; a trial whose file is damaged is dropped, and its configuration measured again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import optuna
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from autocompress.students.configuration import Configuration
from autocompress.study.database import DamagedError
from autocompress.study.results import TrialResult
from autocompress.study.store import StudyStore
from autocompress.system.errors import InputError, StudyError
from autocompress.trials.jobs import is_lost
from autocompress.trials.ledger import Ledger
from objectives.constraint import Constraint
from objectives.objective import Objective
from search_spaces import SearchSpace

UNREADABLE = (
    DamagedError,
    InputError,
    LookupError,
    TypeError,
    ValueError,
    optuna.exceptions.StorageInternalError,
    SQLAlchemyError,
)


@dataclass(frozen=True)
class Reopened:
    """A study's ledger, notes on what was repaired, and the configurations to measure again."""

    ledger: Ledger
    notes: tuple[str, ...] = ()
    again: tuple[Configuration, ...] = ()


def reopen(
    store: StudyStore, space: SearchSpace, objectives: Sequence[Objective], constraints: Sequence[Constraint]
) -> Reopened:
    """Return the ledger of a study after making its database agree with its result files."""
    notes = set_damaged_aside(store)
    results = {result.trial: result for result in store.results()}
    again: list[Configuration] = []
    try:
        ledger = Ledger(store, objectives, constraints)
        found = _disagreements(ledger, results)
        again = [ledger.configuration(number) for number in found if number not in results]
        reason = f"trials {', '.join(map(str, found))} differ from their result files" if found else ""
    except UNREADABLE as error:
        reason = str(error).splitlines()[0]
    if not reason:
        return Reopened(ledger, tuple(notes))
    aside = store.set_database_aside()
    ledger = Ledger(store, objectives, constraints)
    for number in range(max(results, default=-1) + 1):
        _replay(ledger, space, number, results.get(number))
        if number not in results and store.trial_folder(number).is_dir():
            store.set_aside(store.trial_folder(number))
    notes.append(f"{reason}; the database was made anew from {len(results)} result files, the old one is {aside.name}")
    return Reopened(ledger, tuple(notes), tuple(again))


def set_damaged_aside(store: StudyStore) -> list[str]:
    """Rename trials' folders, and files of later stages, whose results are damaged; return a note on each."""
    notes = []
    for number in list(store.trial_numbers()):
        try:
            store.result(number)
        except StudyError as error:
            aside = store.set_aside(store.trial_folder(number))
            notes.append(f"{error}; it is now in {aside.name}, and its configuration is measured again")
            continue
        for stage in ("refine", "verify"):
            try:
                store.result(number, stage)
            except StudyError as error:
                aside = store.set_aside(store.result_path(number, stage))
                notes.append(f"{error}; it is now {aside.name}")
    return notes


def _disagreements(ledger: Ledger, results: Mapping[int, TrialResult]) -> list[int]:
    """Return the numbers of trials on which database and files disagree."""
    trials: dict[int, FrozenTrial] = {trial.number: trial for trial in ledger.study.get_trials(deepcopy=False)}
    told = [number for number, trial in trials.items() if ledger.is_measurement(trial)]
    return sorted(
        {number for number in told if not ledger.agrees(trials[number], results.get(number))}
        | {number for number, result in results.items() if not _is_known(ledger, trials.get(number), result)}
    )


def _is_known(ledger: Ledger, trial: FrozenTrial | None, result: TrialResult) -> bool:
    """Return whether the database knows a result: it has its configuration, and is FAIL only if the result is lost.

    A trial that is still RUNNING agrees with any result; ``recover`` looks at it later.
    """
    if trial is not None and trial.state == TrialState.RUNNING:
        return True
    if trial is None or not ledger.is_of(trial, result):
        return False
    return trial.state != TrialState.FAIL or is_lost(result)


def _replay(ledger: Ledger, space: SearchSpace, number: int, result: TrialResult | None) -> None:
    """Ask for the trial of a result again and tell it; without a result, end the trial with that number as FAIL."""
    if result is None:
        ledger.fail(ledger.study.ask().number)
        return
    ledger.add(space, result.configuration)
    if is_lost(result):
        ledger.fail(number)
    else:
        ledger.commit(number, result)
