"""Keeps the Optuna study of a search in one SQLite file that survives ``kill -9``."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FixedTrial, FrozenTrial, TrialState
from sqlalchemy import event

from autocompress.system.errors import StorageError, StudyError
from autocompress.system.files import scratch
from objectives.objective import Direction

STUDY_NAME = "search"
_TIMEOUT_S = 60


class DamagedError(StudyError):
    """The SQLite file of a study fails its integrity check."""


def open_study(path: Path, directions: Sequence[Direction]) -> optuna.Study:
    """Open the Optuna study in the file ``path``, or create it; the caller must hold the lock of the study's folder.

    The file has a write-ahead log and ``synchronous=FULL``: a committed transaction is on disk. DamagedError if the
    file is damaged, StudyError if it was made with other directions, StorageError if it cannot be written.
    """
    if path.exists():
        _check_integrity(path)
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        storage = optuna.storages.RDBStorage("sqlite:///study.db", engine_kwargs={"creator": partial(_connect, path)})
        event.listen(storage.engine, "connect", _make_durable)
        storage.engine.dispose()
        study = optuna.create_study(
            storage=storage, study_name=STUDY_NAME, directions=list(directions), load_if_exists=True
        )
    except Exception as error:
        raise StorageError(
            f"{path} must be a writable SQLite file, but opening it failed: {_first_line(error)}"
        ) from error
    finally:
        optuna.logging.set_verbosity(verbosity)
    stored = [direction.name.lower() for direction in study.directions]
    if stored != list(directions):
        raise StudyError(f"the study has objectives to {stored}, but got {list(directions)}; start a new study")
    return study


def check_place(folder: Path) -> None:
    """Raise StorageError if the file system of ``folder`` cannot hold a study's database, as some on a network."""
    with scratch(folder, ".check-") as place:
        close_study(open_study(place / "study.db", ["minimize"]))


def add_running(study: optuna.Study, chosen: FixedTrial, attributes: dict[str, Any]) -> tuple[int, int]:
    """Store a running trial with its parameters and user attributes; return its number and Optuna's trial id.

    This is one transaction, where ``Study.ask`` takes one per parameter. ValueError if the study holds the parameter
    with another distribution.
    """
    template = optuna.trial.create_trial(
        state=TrialState.RUNNING, params=chosen.params, distributions=chosen.distributions, user_attrs=attributes
    )
    identifier = study._storage.create_new_trial(study._study_id, template_trial=template)
    return stored_trial(study, identifier).number, identifier


def stored_trial(study: optuna.Study, identifier: int) -> FrozenTrial:
    """Read one trial by Optuna's trial id, without reading the others."""
    return study._storage.get_trial(identifier)


def stored_choices(study: optuna.Study, parameter: str) -> tuple[Any, ...] | None:
    """Return the options of a categorical parameter as the study's trials have it; None if none of them has it."""
    trials = study.get_trials(deepcopy=False)
    known = (trial.distributions[parameter] for trial in trials if parameter in trial.distributions)
    found: Any = next(known, None)
    return None if found is None else tuple(found.choices)


def close_study(study: optuna.Study) -> None:
    """Close all connections to the study's file."""
    storage: Any = study._storage
    backend = getattr(storage, "_backend", storage)
    backend.remove_session()
    backend.engine.dispose()


def _connect(path: Path) -> sqlite3.Connection:
    """Connect by path, since some characters of a name mean something else in a URL; the pool changes threads."""
    return sqlite3.connect(path.absolute(), timeout=_TIMEOUT_S, check_same_thread=False)


def _make_durable(connection: sqlite3.Connection, _record: object) -> None:
    with closing(connection.cursor()) as cursor:
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")


def _check_integrity(path: Path) -> None:
    try:
        with closing(_connect(path)) as connection:
            answer = str(connection.execute("PRAGMA integrity_check").fetchone()[0])
    except sqlite3.DatabaseError as error:
        answer = str(error)
    if answer != "ok":
        raise DamagedError(f"{path} must be an intact SQLite file, but it is damaged ({_first_line(answer)})")


def _first_line(error: object) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
