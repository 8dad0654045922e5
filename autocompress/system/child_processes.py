"""How this program starts processes of its own: what lies in the user's folder or variables must not change them."""

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
"""Whether every Python process looks there; else it is a source checkout."""
_KEPT = {
    *("PYTHONHOME", "PYTHONPLATLIBDIR", "PYTHONUSERBASE", "PYTHONNOUSERSITE"),
    *("PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED"),
}
_PINNING = {"OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY"}
_COUNTS = {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"}
_IMPORT_ERRORS = ("ImportError: ", "ModuleNotFoundError: ")


def module_command(module: str, *arguments: str, python: str = sys.executable) -> list[str]:
    """The command that runs a module of this package; to be started with ``child_environment``."""
    return [python, "-m", module, *arguments]


def child_environment(home: Path, **settings: str) -> dict[str, str]:
    """This process's variables with what could harm a child left out, and ``settings``.

    A child finds this package where it was found here, and nothing in the current folder. Of Python's own variables
    those that say where it is installed stay. ``home`` is the child's home where the user has none.
    """
    harmful = harmful_variables() | {name for name in os.environ if name.startswith("PYTHON") and name not in _KEPT}
    kept = {name: value for name, value in os.environ.items() if name not in harmful}
    kept |= {"PYTHONPATH": _python_path(), "PYTHONSAFEPATH": "1", "PYTHONUTF8": "1", "TMPDIR": temporary_folder()}
    return {**kept, **missing_user(str(home)), **settings}


def harmful_variables() -> set[str]:
    """Names of variables that bind threads to cores behind this program's back, or count more of them than there are.

    A library ends the process if it cannot start as many threads as it is told to.
    """
    cores = os.cpu_count() or 1
    odd = (name for name in _COUNTS & set(os.environ) if not _is_count(os.environ[name], cores))
    return {*odd, *(_PINNING & set(os.environ))}


def _is_count(value: str, most: int) -> bool:
    return all(part.strip().isdecimal() and 1 <= int(part[:9]) <= most for part in value.split(","))


def missing_user(home: str) -> dict[str, str]:
    """HOME and USER for a user whom the system does not know, as in a container; empty where both are known."""
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
    """``tempfile.gettempdir()``, or the current folder where no folder for temporary files can be written."""
    try:
        return tempfile.gettempdir()
    except OSError:
        return os.curdir


def last_line(log: Path) -> str:
    """The last line that a child wrote to its standard error; empty if it wrote none."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else ""


def refuse_import_error(text: str) -> None:
    """BrokenInstallationError if an import failed in the process that wrote ``text``: trying again would not help."""
    for line in reversed(text.splitlines()):
        for name in _IMPORT_ERRORS:
            if name in line:
                raise broken_installation(name + line.partition(name)[2].strip())


def broken_installation(cause: object) -> BrokenInstallationError:
    """The error for a package that cannot be imported."""
    return BrokenInstallationError(
        f"the packages that autocompress needs must be importable, but one is not ({cause}); install autocompress "
        "anew, and look for files on PYTHONPATH that have a package's name"
    )


def _python_path() -> str:
    """PYTHONPATH without entries that stand for the current folder, and with this package's folder where needed."""
    given = [str(Path(entry).absolute()) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    return os.pathsep.join(given if INSTALLED or str(ROOT) in given else [*given, str(ROOT)])
