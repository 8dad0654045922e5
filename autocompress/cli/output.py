"""Where commands print: results on standard output, everything else on standard error."""

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
        """Leave it to the caller what follows from a reader that is gone: it does not end a search."""
        self.quiet = True
        raise  # noqa: PLE0704


def results() -> Console:
    """Standard output, wide enough for a table when it is no terminal."""
    return _console(stderr=False)


def messages() -> Console:
    """Standard error."""
    return _console(stderr=True)


@contextmanager
def _written() -> Iterator[None]:
    """StorageError where standard output has no room; BrokenPipeError, where nobody reads it, stays."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StorageError(
            f"standard output must be writable, but {error.strerror or error}; free some space"
        ) from error


def say(line: str) -> None:
    """A line, or several, on standard output as it is: names and commands in it can be copied."""
    with _written():
        results().print(line, markup=False, highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """One JSON object on standard output, in ASCII where the output's encoding is not Unicode's or a text is half."""
    text = json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2, allow_nan=False)
    with _written():
        print(text)


def print_table(table: RenderableType) -> None:
    """A table on standard output."""
    with _written():
        results().print(table)


def _console(*, stderr: bool) -> Console:
    console = _Console(stderr=stderr, emoji=False)
    if not console.is_terminal:
        console = _Console(stderr=stderr, width=PIPED_WIDTH, emoji=False)
    elif min(console.width, shutil.get_terminal_size().columns) < 80:
        console = _Console(stderr=stderr, width=100, soft_wrap=True, emoji=False)
    return console
