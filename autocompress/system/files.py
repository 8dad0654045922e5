"""Reads and writes files so that a crash leaves the old one or the new one, never half of one."""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from autocompress.system.child_processes import temporary_folder
from autocompress.system.errors import StorageError

SEAL = "sha256"
SCRATCH = "autocompress-scratch-"


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` atomically and sync it to the disk; StorageError if that fails."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, atomically; ValueError for NaN and infinity, StorageError if writing fails."""
    text = json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False)
    if any("\ud800" <= letter <= "\udfff" for letter in text):  # half a character, from a file's name in bytes
        text = json.dumps(value, indent=2, allow_nan=False)
    write_bytes(path, f"{text}\n".encode())


def read_json(path: Path) -> Any:
    """Read the JSON value in ``path``; ValueError if its content is not JSON."""
    try:
        return json.loads(path.read_bytes(), parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def write_sealed(path: Path, value: Mapping[str, Any]) -> None:
    """Write an object as JSON with the SHA-256 of its content as one more entry, ``sha256``."""
    write_json(path, {**value, SEAL: _seal(value)})


def read_sealed(path: Path) -> dict[str, Any]:
    """Read an object that ``write_sealed`` wrote, without the digest; ValueError if it was changed since."""
    value = read_json(path)
    if not isinstance(value, dict) or value.pop(SEAL, None) != _seal(value):
        raise ValueError(f"its content must have the digest it was written with ({SEAL}), but was changed or damaged")
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _seal(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def sha256(path: Path) -> str:
    """Compute the hexadecimal SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` to write; on success it is synced and renamed, else it is removed.

    StorageError if the file system refuses.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        os.close(handle)
        temporary = Path(name)
        temporary.chmod(0o644)
        yield temporary
        _fsync(temporary)
        temporary.replace(path)
        _fsync(path.parent)
    except OSError as error:
        raise StorageError(
            f"{path} must be writable, but {error.strerror or error}; free some space or choose another folder"
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove the temporary files that a killed process left in ``folder``; no other process may be writing there."""
    for path in folder.rglob(".*.tmp"):
        path.unlink(missing_ok=True)


@contextmanager
def scratch(within: Path | None = None, prefix: str = SCRATCH) -> Iterator[Path]:
    """Give a folder for temporary files and remove it afterwards; those that killed processes left are removed first.

    It is made in ``within``, by default in the system's folder for temporary files. Its owner holds a lock on it that
    ends with the process. StorageError if it cannot be made.
    """
    folder, handle = _new_scratch(Path(temporary_folder()) if within is None else within, prefix)
    try:
        for other in folder.parent.glob(f"{prefix}*"):
            _remove_abandoned(other)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _new_scratch(within: Path, prefix: str) -> tuple[Path, int]:
    """Make a folder and lock it; return it and the handle that holds the lock.

    Tries again where another process removes the folder before it is locked.
    """
    try:
        while True:
            folder = Path(tempfile.mkdtemp(prefix=prefix, dir=within))
            with suppress(FileNotFoundError):
                handle = os.open(folder, os.O_RDONLY)
                fcntl.flock(handle, fcntl.LOCK_EX)
                if folder.is_dir():
                    return folder, handle
                os.close(handle)
    except OSError as error:
        raise StorageError(
            f"{within} must be writable, but {error.strerror or error}; free some space or set TMPDIR"
        ) from error


def _remove_abandoned(folder: Path) -> None:
    """Remove a scratch folder that no living process has locked; one of another user cannot be opened and stays."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        pass
    finally:
        os.close(handle)


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
