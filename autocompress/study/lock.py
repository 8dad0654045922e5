"""The lock of a study's folder: one process at a time writes, and a dead one holds nothing."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autocompress.system.errors import StorageError, StudyError
from autocompress.system.files import read_json

if TYPE_CHECKING:
    from filelock import FileLock

LOCK = "lock"
_WAIT_S = 2.0


def take_lock(folder: Path) -> FileLock:
    """Make ``folder`` if need be and lock it until the lock is released or the process ends.

    Waits two seconds for another process. StudyError names the process that keeps the lock, StorageError says that
    the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    path = folder / LOCK
    lock = FileLock(path, thread_local=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=_WAIT_S, poll_interval=0.1)
    except Timeout:
        raise StudyError(f"study {folder.name!r} is in use by {_holder(path)}; wait for it or stop it") from None
    except OSError as error:
        raise StorageError(
            f"{folder} must be writable, but {error.strerror or error}; choose another --studies-dir"
        ) from error
    holder = {"pid": os.getpid(), "host": socket.gethostname()}
    path.write_text(json.dumps(holder), encoding="utf-8")
    return lock


def is_locked(folder: Path) -> bool:
    """Tell whether a live process holds the lock of ``folder``; asking takes a shared lock and gives it back."""
    try:
        handle = os.open(folder / LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def _holder(path: Path) -> str:
    try:
        holder: dict[str, Any] = read_json(path)
        return f"process {holder['pid']} on {holder['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
