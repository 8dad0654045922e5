"""A study's folder: its problem, its state, its lock, its database and the result files of its trials."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from autocompress.domain.problem import Problem
from autocompress.study.lock import is_locked, take_lock
from autocompress.study.results import TrialResult
from autocompress.system.command_line import command_line
from autocompress.system.errors import InputError, StorageError, StudyError
from autocompress.system.files import read_sealed, write_sealed
from objectives.objective import Direction

if TYPE_CHECKING:
    import optuna
    from filelock import FileLock

PROBLEM, STATE, DATABASE, HARDWARE = "problem.json", "state.json", "study.db", "hardware.json"
State = Literal["running", "interrupted", "finished"]
RESULT_FILES = {"search": "result.json", "refine": "refined/result.json", "verify": "verified.json"}


@dataclass(frozen=True)
class Progress:
    """How far a study came.

    ``phase`` is the one entered last, ``finished`` whether the last one ended; ``planned_s`` and ``used_s`` are
    wall-clock seconds by phase, of which ``used_s`` holds the phases that have ended.
    """

    phase: str = "new"
    finished: bool = False
    planned_s: dict[str, float] = field(default_factory=dict)
    used_s: dict[str, float] = field(default_factory=dict)


def check_name(name: str) -> str:
    """Return ``name`` if a study can have it: one plain folder name of at most 200 bytes. Else InputError."""
    bad = not name.strip() or name.startswith(".") or len(name.encode()) > 200
    if bad or any(character in "/\\" or not character.isprintable() for character in name):
        raise InputError(
            f"a study's name must be a plain folder name without separators or a leading dot, but got {name!r}"
        )
    return name


def study_names(studies_dir: Path) -> list[str]:
    """List the names of the studies in a folder, sorted; a folder that does not exist has none.

    InputError if ``studies_dir`` is a file.
    """
    if studies_dir.exists() and not studies_dir.is_dir():
        raise InputError(f"--studies-dir must be a folder, but {studies_dir} is a file; name another")
    return sorted(path.parent.name for path in studies_dir.glob(f"*/{PROBLEM}"))


class StudyStore:
    """Reads and writes the folder of one study.

    ``create`` and ``resume`` lock the folder and may write until ``close``; ``read`` takes no lock and cannot write.
    The lock is a file lock of the operating system, so it is free as soon as its holder is dead. Only a writer opens
    the Optuna database: to read a study, neither Optuna nor SQLAlchemy is imported.

    Example:
        >>> store = StudyStore.read(Path("studies"), "whole")
        >>> store.state(), store.counts()
        ('finished', {'complete': 32, 'failed': 0, 'interrupted': 0})
        >>> store.result(23).figures.size_bytes
        22498
        >>> store.result(23, "verify").stage, store.result(99)
        ('verify', None)
        >>> store.write_progress(Progress("search"))
        Traceback (most recent call last):
        autocompress.system.errors.StudyError: study 'whole' is open for reading only; resume it to change it
    """

    def __init__(self, folder: Path, problem: Problem, lock: FileLock | None) -> None:
        self.folder = folder
        self.problem = problem
        self._lock = lock
        self._study: optuna.Study | None = None

    @classmethod
    def create(cls, studies_dir: Path, name: str, problem: Problem) -> StudyStore:
        """Make the folder of a new study, lock it and write the problem.

        StudyError if the study exists, InputError if it cannot have that name, StorageError if nothing can be written.
        """
        folder = studies_dir / check_name(name)
        if (folder / PROBLEM).exists():
            raise StudyError(
                f"study {name!r} must be new, but {folder} exists; resume it "
                f"({command_line('resume', name, studies_dir)}) or choose another --study"
            )
        lock = take_lock(folder)
        try:
            if (folder / PROBLEM).exists():
                raise StudyError(
                    f"study {name!r} must be new, but another process just made it; choose another --study"
                )
            write_sealed(folder / PROBLEM, problem.to_json())
        except BaseException:
            lock.release()
            raise
        return cls(folder, problem, lock)

    @classmethod
    def resume(cls, studies_dir: Path, name: str) -> StudyStore:
        """Open a study to write and lock it; StudyError if there is none, or names the process that has it open."""
        folder = _existing(studies_dir, name)
        lock = take_lock(folder)
        try:
            return cls(folder, _read_problem(folder), lock)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def read(cls, studies_dir: Path, name: str) -> StudyStore:
        """Open a study to read, also while another process writes; StudyError if there is none or it is damaged."""
        folder = _existing(studies_dir, name)
        return cls(folder, _read_problem(folder), None)

    @property
    def name(self) -> str:
        """The study's name, which is that of its folder."""
        return self.folder.name

    def state(self) -> State:
        """Return ``running`` while a live process holds the lock, else ``finished`` or ``interrupted``."""
        if self._lock is not None or is_locked(self.folder):
            return "running"
        return "finished" if self.progress().finished else "interrupted"

    def progress(self) -> Progress:
        """Read the progress written last; that of a new study before the first. StudyError if it is damaged."""
        try:
            return Progress(**read_sealed(self.folder / STATE))
        except FileNotFoundError:
            return Progress()
        except (TypeError, ValueError) as error:
            raise StudyError(f"{self.folder / STATE} is not a study's state: {error}") from error

    def write_progress(self, progress: Progress) -> None:
        """Write ``progress`` to state.json; StudyError without the lock."""
        self._must_hold_lock()
        write_sealed(self.folder / STATE, asdict(progress))

    def optuna_study(self, directions: Sequence[Direction]) -> optuna.Study:
        """Open the Optuna study in study.db, or create it; later calls return the same one.

        StudyError without the lock or with other directions, StorageError if the file cannot be written.
        """
        from autocompress.study.database import open_study

        self._must_hold_lock()
        if self._study is None:
            self._study = open_study(self.folder / DATABASE, directions)
        return self._study

    def set_database_aside(self) -> Path:
        """Close study.db and rename it, so that a new one can be made; return where it is then."""
        self._must_hold_lock()
        self._close_database()
        for suffix in ("-wal", "-shm"):
            (self.folder / f"{DATABASE}{suffix}").unlink(missing_ok=True)
        return self.set_aside(self.folder / DATABASE)

    def set_aside(self, path: Path) -> Path:
        """Rename a damaged file or folder of the study to a free name in ``.damaged``; return where it is then."""
        self._must_hold_lock()
        names = (path.with_name(f"{path.name}{count or ''}.damaged") for count in itertools.count())
        aside = next(name for name in names if not name.exists())
        path.replace(aside)
        return aside

    def trial_folder(self, number: int) -> Path:
        """Return the folder of trial ``number``, whether it exists or not."""
        return self.folder / "trials" / f"{number:05d}"

    def make_trial_folder(self, number: int) -> Path:
        """Make the folder of trial ``number`` where it is missing and return it; StorageError if that fails."""
        folder = self.trial_folder(number)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{folder} must be writable, but {error.strerror or error}; free some space") from error
        return folder

    def remove_given_up(self) -> None:
        """Remove the folders of trials without a result, which no search will finish once it has ended."""
        self._must_hold_lock()
        for number in self.trial_numbers():
            if not self.result_path(number).exists():
                shutil.rmtree(self.trial_folder(number), ignore_errors=True)

    def result_path(self, number: int, stage: str = "search") -> Path:
        """Return the path of a trial's result file for a stage: ``search``, ``refine`` or ``verify``."""
        return self.trial_folder(number) / RESULT_FILES[stage]

    def result(self, number: int, stage: str = "search") -> TrialResult | None:
        """Read what a stage measured of a trial; None without a file. StudyError if it is not that trial's result."""
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
        """Write a result to the file of its trial and stage."""
        write_sealed(self.result_path(result.trial, result.stage), result.to_json())

    def results(self, stage: str = "search") -> list[TrialResult]:
        """Read all results of a stage, by trial number; ``figures`` of a failed trial is None."""
        found = (self.result(number, stage) for number in self.trial_numbers())
        return [result for result in found if result is not None]

    def trial_numbers(self) -> Iterator[int]:
        """Iterate over the numbers of the trials that have a folder, in order; a duplicate of a trial has none."""
        folder = self.folder / "trials"
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        return (int(name) for name in names if name.isdigit())

    def counts(self) -> dict[str, int]:
        """Count trials by state: ``complete``, ``failed``, and ``running`` or ``interrupted`` (no result yet)."""
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
        """Close study.db and release the lock; closing twice does nothing."""
        self._close_database()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> StudyStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _close_database(self) -> None:
        if self._study is not None:
            from autocompress.study.database import close_study

            close_study(self._study)
            self._study = None

    def _must_hold_lock(self) -> None:
        if self._lock is None:
            raise StudyError(f"study {self.name!r} is open for reading only; resume it to change it")


def _existing(studies_dir: Path, name: str) -> Path:
    folder = studies_dir / check_name(name)
    if not (folder / PROBLEM).is_file():
        known = study_names(studies_dir)
        hint = f"there are {', '.join(known)}" if known else f"there are none in {studies_dir}"
        raise StudyError(f"study {name!r} must exist, but {hint}")
    return folder


def _read_problem(folder: Path) -> Problem:
    path = folder / PROBLEM
    try:
        return Problem.from_json(read_sealed(path))
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise StudyError(f"{path} must be a study's problem, but reading it failed: {error}") from error
