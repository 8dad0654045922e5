"""What a running search tells whoever listens: the command line draws it, a library user may log it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """``kind`` is phase (one starts), progress (``fraction`` of the phase is done), note, or trial (one is done)."""

    kind: str
    message: str
    fraction: float | None = None
    seconds_left: float | None = None


Listener = Callable[[Event], None]


def silent(event: Event) -> None:
    """Listen to nothing."""
