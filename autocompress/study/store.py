"""A study's folder: problem, state, lock and one result file per trial."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import shutil
import socket
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import optuna
from filelock import FileLock, Timeout

from autocompress.domain.problem import Problem
from autocompress.study.database import close_study, open_study
from autocompress.study.results import TrialResult
from autocompress.system.command_line import command_line
from autocompress.system.errors import InputError, StorageError, StudyError
from autocompress.system.files import read_json, read_sealed, write_sealed
from objectives.objective import Direction

HARDWARE = "hardware.json"
RESULT_FILES = {"search": "result.json", "refine": "refined/result.json", "verify": "verified.json"}
_LOCK_WAIT_S = 2.0


@dataclass(frozen=True)
class Progress:
    """How far a study came: its phase, and per phase the seconds planned and used."""

    phase: str = "new"
    finished: bool = False
    planned_s: dict[str, float] = field(default_factory=dict)
    used_s: dict[str, float] = field(default_factory=dict)


def check_name(name: str) -> str:
    """``name`` if it can be a study's (one plain folder name); else InputError."""
    bad = not name.strip() or name.startswith(".") or len(name.encode()) > 200
    if bad or any(character in "/\\" or not character.isprintable() for character in name):
        raise InputError(
            f"a study's name must be a plain folder name without separators or a leading dot, but got {name!r}"
        )
    return name


def study_names(studies_dir: Path) -> list[str]:
    """The studies under ``studies_dir``, by name; a folder that does not exist has none. InputError if it is a file."""
    if studies_dir.exists() and not studies_dir.is_dir():
        raise InputError(f"--studies-dir must be a folder, but {studies_dir} is a file; name another")
    return sorted(path.parent.name for path in studies_dir.glob("*/problem.json"))


class StudyStore:
    """One study on disk. ``create`` and ``resume`` take its lock and may write; ``read`` does neither.

    The lock is an OS file lock, so it is free as soon as its holder is dead, however that came about.
    """

    def __init__(self, folder: Path, problem: Problem, lock: FileLock | None) -> None:
        self.folder = folder
        self.problem = problem
        self._lock = lock
        self._study: optuna.Study | None = None

    @classmethod
    def create(cls, studies_dir: Path, name: str, problem: Problem) -> StudyStore:
        """Make the folder of a new study and lock it; StudyError if the study exists."""
        folder = studies_dir / check_name(name)
        if (folder / "problem.json").exists():
            raise StudyError(
                f"study {name!r} must be new, but {folder} exists; resume it "
                f"({command_line('resume', name, studies_dir)}) or choose another --study"
            )
        lock = _take_lock(folder)
        try:
            if (folder / "problem.json").exists():
                raise StudyError(
                    f"study {name!r} must be new, but another process just made it; choose another --study"
                )
            write_sealed(folder / "problem.json", problem.to_json())
        except BaseException:
            lock.release()
            raise
        return cls(folder, problem, lock)

    @classmethod
    def resume(cls, studies_dir: Path, name: str) -> StudyStore:
        """Open a study and lock it; StudyError if there is none, or another process holds it (it is named)."""
        folder = _existing(studies_dir, name)
        lock = _take_lock(folder)
        try:
            return cls(folder, _read_problem(folder), lock)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def read(cls, studies_dir: Path, name: str) -> StudyStore:
        """Open a study to look at, also while another process works on it; nothing in it is changed."""
        folder = _existing(studies_dir, name)
        return cls(folder, _read_problem(folder), None)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    def state(self) -> str:
        """``running`` while a live process holds the lock, else ``finished`` or ``interrupted``."""
        if self._lock is not None or _is_locked(self.folder / "lock"):
            return "running"
        return "finished" if self.progress().finished else "interrupted"

    def progress(self) -> Progress:
        """The last written progress; that of a new study if there is none."""
        try:
            return Progress(**read_sealed(self.folder / "state.json"))
        except FileNotFoundError:
            return Progress()
        except (TypeError, ValueError) as error:
            raise StudyError(f"{self.folder / 'state.json'} is not a study's state: {error}") from error

    def write_progress(self, progress: Progress) -> None:
        """Store ``progress``."""
        self._must_hold_lock()
        write_sealed(self.folder / "state.json", asdict(progress))

    def optuna_study(self, directions: Sequence[Direction]) -> optuna.Study:
        """The Optuna study in study.db, made or opened at the first call; for the holder of the lock alone."""
        self._must_hold_lock()
        if self._study is None:
            self._study = open_study(self.folder / "study.db", directions)
        return self._study

    def set_database_aside(self) -> Path:
        """Close study.db and rename it, so that a new one can be made; where it is now."""
        self._must_hold_lock()
        if self._study is not None:
            close_study(self._study)
            self._study = None
        for suffix in ("-wal", "-shm"):
            (self.folder / f"study.db{suffix}").unlink(missing_ok=True)
        return self.set_aside(self.folder / "study.db")

    def set_aside(self, path: Path) -> Path:
        """Rename a damaged file or folder of the study to a free name that ends in ``.damaged``; where it is now."""
        self._must_hold_lock()
        names = (path.with_name(f"{path.name}{count or ''}.damaged") for count in itertools.count())
        aside = next(name for name in names if not name.exists())
        path.replace(aside)
        return aside

    def trial_folder(self, number: int) -> Path:
        """Where trial ``number`` keeps its files."""
        return self.folder / "trials" / f"{number:05d}"

    def make_trial_folder(self, number: int) -> Path:
        """The folder of trial ``number``, made if need be; StorageError if that fails."""
        folder = self.trial_folder(number)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{folder} must be writable, but {error.strerror or error}; free some space") from error
        return folder

    def remove_given_up(self) -> None:
        """Remove the folders of trials without a result: once a search has ended, nobody comes back to them."""
        self._must_hold_lock()
        for number in self.trial_numbers():
            if not self.result_path(number).exists():
                shutil.rmtree(self.trial_folder(number), ignore_errors=True)

    def result_path(self, number: int, stage: str = "search") -> Path:
        """The result file of a stage (search, refine, verify) of trial ``number``."""
        return self.trial_folder(number) / RESULT_FILES[stage]

    def result(self, number: int, stage: str = "search") -> TrialResult | None:
        """What was measured; None without a file. StudyError if the file is not that trial's result."""
        path = self.result_path(number, stage)
        try:
            result = TrialResult.from_json(read_sealed(path))
        except FileNotFoundError:
            return None
        except (ValueError, StudyError) as error:
            raise StudyError(f"{path} is not a result: {error}") from error
        if result.trial != number:
            raise StudyError(f"{path} must be the result of trial {number}, but it says trial {result.trial}")
        return result

    def write_result(self, result: TrialResult) -> None:
        """Store a result at the place of its trial and stage."""
        write_sealed(self.result_path(result.trial, result.stage), result.to_json())

    def results(self, stage: str = "search") -> list[TrialResult]:
        """All results of a stage, by trial number, failed ones (``figures`` is None) among them."""
        found = (self.result(number, stage) for number in self.trial_numbers())
        return [result for result in found if result is not None]

    def trial_numbers(self) -> Iterator[int]:
        """The trials that have a folder, in order; a duplicate has none."""
        folder = self.folder / "trials"
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        return (int(name) for name in names if name.isdigit())

    def counts(self) -> dict[str, int]:
        """Trials by state: ``complete``, ``failed``, and ``running`` or ``interrupted`` (started, without a result)."""
        numbers = list(self.trial_numbers())
        results = self.results()
        complete = sum(result.figures is not None for result in results)
        started = "running" if self.state() == "running" else "interrupted"
        return {
            "complete": complete,
            "failed": len(results) - complete,
            started: len(numbers) - len(results),
        }

    def close(self) -> None:
        """Close study.db and free the lock; closing twice does nothing."""
        if self._study is not None:
            close_study(self._study)
            self._study = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> StudyStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _must_hold_lock(self) -> None:
        if self._lock is None:
            raise StudyError(f"study {self.name!r} is open for reading only; resume it to change it")


def _existing(studies_dir: Path, name: str) -> Path:
    folder = studies_dir / check_name(name)
    if not (folder / "problem.json").is_file():
        known = study_names(studies_dir)
        hint = f"there are {', '.join(known)}" if known else f"there are none in {studies_dir}"
        raise StudyError(f"study {name!r} must exist, but {hint}")
    return folder


def _read_problem(folder: Path) -> Problem:
    path = folder / "problem.json"
    try:
        return Problem.from_json(read_sealed(path))
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise StudyError(f"{path} must be a study's problem, but reading it failed: {error}") from error


def _take_lock(folder: Path) -> FileLock:
    path = folder / "lock"
    lock = FileLock(path, thread_local=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=_LOCK_WAIT_S, poll_interval=0.1)
    except Timeout:
        raise StudyError(f"study {folder.name!r} is in use by {_holder(path)}; wait for it or stop it") from None
    except OSError as error:
        raise StorageError(
            f"{folder} must be writable, but {error.strerror or error}; choose another --studies-dir"
        ) from error
    holder = {"pid": os.getpid(), "host": socket.gethostname()}
    path.write_text(json.dumps(holder), encoding="utf-8")
    return lock


def _holder(path: Path) -> str:
    try:
        holder: dict[str, Any] = read_json(path)
        return f"process {holder['pid']} on {holder['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def _is_locked(path: Path) -> bool:
    """Whether a live process holds the lock, asked by a shared lock that is given back at once."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False
