"""Events of a running search, for a listener: the command line draws them, a user of the library may log them."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """Something that happened in a search.

    ``kind`` is ``phase`` (one starts), ``progress`` (``fraction``, from 0 to 1, of the phase is done), ``note``, or
    ``trial`` (one is done). ``seconds_left`` is the expected rest of the phase in seconds, where it is known.
    """

    kind: str
    message: str
    fraction: float | None = None
    seconds_left: float | None = None


Listener = Callable[[Event], None]


def silent(event: Event) -> None:
    """Ignore an event."""
