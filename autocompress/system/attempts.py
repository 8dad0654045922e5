"""After the teacher no part of a search ends all of it: what fails is noted with its reason, and the rest goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from autocompress.system.errors import BrokenInstallationError, StorageError
from autocompress.system.events import Event, Listener

ENDING = (StorageError, BrokenInstallationError)
"""What ends a search all the same: a full disk keeps nothing more, and without a package every part fails."""


@contextmanager
def attempt(what: str, listener: Listener) -> Iterator[None]:
    """Run the block; if it fails, tell the listener ``what`` could not be done and why. Errors of ``ENDING`` pass."""
    try:
        yield
    except ENDING:
        raise
    except Exception as error:
        listener(Event("note", f"{what}: {reason_of(error)}"))


def reason_of(error: BaseException) -> str:
    """One line of at most 300 characters: the kind of error where it is no error of this program, and its message."""
    message = " ".join(str(error).split())[:300]
    name = type(error).__name__
    if not message:
        return name
    return message if type(error).__module__.startswith("autocompress") else f"{name}: {message}"
