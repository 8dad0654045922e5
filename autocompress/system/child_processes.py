"""Starts processes of this program so that the user's current folder and variables do not change what they run."""

from __future__ import annotations

import getpass
import os
import sys
import tempfile
from pathlib import Path

from autocompress.system.errors import BrokenInstallationError

ROOT = Path(__file__).resolve().parents[2]
"""The folder that this package is imported from."""
INSTALLED = ROOT.name in ("site-packages", "dist-packages")
"""Whether every Python process imports from there; else it is a source checkout."""
_KEPT = {
    *("PYTHONHOME", "PYTHONPLATLIBDIR", "PYTHONUSERBASE", "PYTHONNOUSERSITE"),
    *("PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED"),
}
_PINNING = {"OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY"}
_COUNTS = {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"}
_IMPORT_ERRORS = ("ImportError: ", "ModuleNotFoundError: ")


def module_command(module: str, *arguments: str, python: str = sys.executable) -> list[str]:
    """Return the command that runs a module of this package; to be started with ``child_environment``."""
    return [python, "-m", module, *arguments]


def child_environment(home: Path, **settings: str) -> dict[str, str]:
    """Return this process's variables without those that could harm a child, and ``settings``.

    A child imports this package from where it was imported here, and nothing from the current folder. Of Python's own
    variables those that say where it is installed stay. ``home`` is the child's home where the user has none.
    """
    harmful = harmful_variables() | {name for name in os.environ if name.startswith("PYTHON") and name not in _KEPT}
    kept = {name: value for name, value in os.environ.items() if name not in harmful}
    kept |= {"PYTHONPATH": _python_path(), "PYTHONSAFEPATH": "1", "PYTHONUTF8": "1", "TMPDIR": temporary_folder()}
    return {**kept, **missing_user(str(home)), **settings}


def harmful_variables() -> set[str]:
    """Return the names of set variables that pin threads to cores, or ask for more threads than there are cores.

    A library ends the process if it cannot start as many threads as it is told to.
    """
    cores = os.cpu_count() or 1
    odd = (name for name in _COUNTS & set(os.environ) if not _is_count(os.environ[name], cores))
    return {*odd, *(_PINNING & set(os.environ))}


def _is_count(value: str, most: int) -> bool:
    return all(part.strip().isdecimal() and 1 <= int(part[:9]) <= most for part in value.split(","))


def missing_user(home: str) -> dict[str, str]:
    """Return HOME and USER for a user whom the system does not know, as in a container; empty if both are known."""
    missing = {}
    try:
        known = os.environ.get("HOME", "?") != "" and Path.home().is_absolute()
    except (RuntimeError, KeyError):
        known = False
    if not known:
        missing["HOME"] = home
    try:
        getpass.getuser()
    except (KeyError, OSError):
        missing["USER"] = f"user{os.getuid()}"
    return missing


def temporary_folder() -> str:
    """Return ``tempfile.gettempdir()``, or the current folder if no folder for temporary files is writable."""
    try:
        return tempfile.gettempdir()
    except OSError:
        return os.curdir


def last_line(log: Path) -> str:
    """Return the last line that a child wrote to its log; empty if it wrote none."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else ""


def refuse_import_error(text: str) -> None:
    """Raise BrokenInstallationError if a process's output tells of a failed import: a retry would not help."""
    for line in reversed(text.splitlines()):
        for name in _IMPORT_ERRORS:
            if name in line:
                raise broken_installation(name + line.partition(name)[2].strip())


def broken_installation(cause: object) -> BrokenInstallationError:
    """Make the error for a package that cannot be imported."""
    return BrokenInstallationError(
        f"the packages that autocompress needs must be importable, but one is not ({cause}); install autocompress "
        "anew, and look for files on PYTHONPATH that have a package's name"
    )


def _python_path() -> str:
    """Return PYTHONPATH without entries that mean the current folder, and with this package's folder if needed."""
    given = [str(Path(entry).absolute()) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    return os.pathsep.join(given if INSTALLED or str(ROOT) in given else [*given, str(ROOT)])
