"""Prints results on standard output and everything else on standard error."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, RenderableType

from autocompress.system.errors import StorageError

PIPED_WIDTH = 120


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Raise to the caller instead of ending the process: a search goes on without a reader."""
        self.quiet = True
        raise  # noqa: PLE0704


def results() -> Console:
    """Make a console on standard output, wide enough for a table if it is not a terminal."""
    return _console(stderr=False)


def messages() -> Console:
    """Make a console on standard error."""
    return _console(stderr=True)


@contextmanager
def _written() -> Iterator[None]:
    """Raise StorageError if standard output cannot be written; BrokenPipeError, where nobody reads, stays as it is."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StorageError(
            f"standard output must be writable, but {error.strerror or error}; free some space"
        ) from error


def say(line: str) -> None:
    """Print lines on standard output, unwrapped and without markup: names and commands can be copied."""
    with _written():
        results().print(line, markup=False, highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Print one JSON object on standard output.

    It is in ASCII if the output's encoding lacks a character, or a text holds half a surrogate pair.
    """
    text = json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2, allow_nan=False)
    with _written():
        print(text)


def print_table(table: RenderableType) -> None:
    """Print a table on standard output."""
    with _written():
        results().print(table)


def _console(*, stderr: bool) -> Console:
    console = _Console(stderr=stderr, emoji=False)
    if not console.is_terminal:
        console = _Console(stderr=stderr, width=PIPED_WIDTH, emoji=False)
    elif min(console.width, shutil.get_terminal_size().columns) < 80:
        console = _Console(stderr=stderr, width=100, soft_wrap=True, emoji=False)
    return console
