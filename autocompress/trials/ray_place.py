"""Choose the folder and the environment variables of a Ray that is started here."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from autocompress.system.child_processes import child_environment, temporary_folder
from autocompress.system.errors import StorageError
from autocompress.system.files import scratch

PREFIX = "autocompress-ray-"
LONGEST = 107 - len("/session_2026-01-01_00-00-00_000000_1234567/sockets/plasma_store")
"""Bytes of a folder's path that leave room for Ray's sockets: the system allows 107 for the path of one."""
LEAST_FREE_BYTES = 20 * 1024 * 1024
SETTINGS = {
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "5",  # how long Ray's agents outlive a killed controller
}
_KEPT = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


@contextmanager
def ray_folder() -> Iterator[Path]:
    """Make a folder for one Ray's files and remove it afterwards.

    The user's folder for temporary files is taken unless its path is too long for Ray's sockets. Raises StorageError if
    no folder with a short path has room.
    """
    places = [temporary_folder(), "/tmp", "/var/tmp", "/dev/shm", os.environ.get("XDG_RUNTIME_DIR", "")]
    fitting = [Path(place).absolute() for place in places if place and _fits(Path(place).absolute())]
    if not fitting:
        raise StorageError(
            f"Ray's files must have a folder with {LEAST_FREE_BYTES >> 20} MB of room whose path is short, but none of "
            f"{', '.join(place for place in places if place)} is; free some space or set TMPDIR"
        )
    with scratch(fitting[0], PREFIX) as folder:
        yield folder


def _fits(place: Path) -> bool:
    """Return whether a folder for sockets fits there; its name has eight random letters after the prefix."""
    try:
        free = shutil.disk_usage(place).free
    except OSError:
        return False
    long = len(os.fsencode(place / f"{PREFIX}12345678")) > LONGEST
    return not long and free >= LEAST_FREE_BYTES and os.access(place, os.W_OK | os.X_OK)


def ray_environment(folder: Path, private: bool) -> dict[str, str]:
    """Return the variables for the process that uses Ray; a ``private`` Ray gets none of the user's RAY_ settings."""
    environment = child_environment(folder)
    if not private:
        return environment
    kept = {name: value for name, value in environment.items() if not name.startswith("RAY_") or name in _KEPT}
    return {**kept, **SETTINGS, "RAY_TMPDIR": str(folder)}


@contextmanager
def away_from(current: Path) -> Iterator[None]:
    """Change the current folder for a while: Ray puts the folder it is started in first on its import path."""
    before = os.open(os.curdir, os.O_PATH if hasattr(os, "O_PATH") else os.O_RDONLY)
    try:
        os.chdir(current)
        yield
    finally:
        with suppress(OSError):
            os.fchdir(before)
        os.close(before)


def protect_token() -> None:
    """Make sure that a token exists which only this user can read: Ray then lets in nobody without it."""
    if os.environ.get("RAY_AUTH_TOKEN"):
        return
    named = os.environ.pop("RAY_AUTH_TOKEN_PATH", None)
    path = Path(named) if named else Path.home() / ".ray" / "auth_token"
    try:
        if not named:
            _make_token(path)
        if path.read_text(encoding="ascii").strip():
            if named:
                os.environ["RAY_AUTH_TOKEN_PATH"] = named
            return
    except (OSError, ValueError):
        pass
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def _make_token(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    with suppress(FileExistsError):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(handle, secrets.token_hex(32).encode())
        os.close(handle)
    path.chmod(0o600)
