"""Lets a search go on when one of its parts fails: the failure is reported as a note with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from autocompress.system.errors import BrokenInstallationError, StorageError
from autocompress.system.events import Event, Listener

ENDING = (StorageError, BrokenInstallationError)
"""Errors that end a search all the same: a full disk keeps nothing more, and without a package every part fails."""


@contextmanager
def attempt(what: str, listener: Listener) -> Iterator[None]:
    """Run the block; if it fails, send the listener a note of ``what`` was tried and why it failed.

    Errors of ``ENDING`` are raised.
    """
    try:
        yield
    except ENDING:
        raise
    except Exception as error:
        listener(Event("note", f"{what}: {reason_of(error)}"))


def reason_of(error: BaseException) -> str:
    """Describe an error in one line: its message, at most 300 characters, after its class unless it is one of ours."""
    message = " ".join(str(error).split())[:300]
    name = type(error).__name__
    if not message:
        return name
    return message if type(error).__module__.startswith("autocompress") else f"{name}: {message}"
