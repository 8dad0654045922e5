"""Shows the events of a search: a progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from autocompress.system.command_line import command_line
from autocompress.system.errors import AutocompressError
from autocompress.system.events import Event, Listener
from autocompress.system.units import human_seconds

LINE_EVERY_S = 10.0


class InterruptedRunError(AutocompressError):
    """The user stopped a run with Ctrl-C."""

    exit_code = 130


@contextmanager
def interruptible(study: str, studies_dir: Path) -> Iterator[None]:
    """Turn Ctrl-C into InterruptedRunError, whose message says how to go on; a second one ends the process at once."""
    resuming = f"every finished trial is kept: go on with {command_line('resume', study, studies_dir)}"
    try:
        with _impatient(f"error: stopped at once; {resuming}"):
            yield
    except KeyboardInterrupt as error:
        if not (studies_dir / study).is_dir():
            raise InterruptedRunError("interrupted before the study began: nothing was written") from error
        raise InterruptedRunError(f"interrupted; {resuming}") from error


@contextmanager
def _impatient(last_words: str) -> Iterator[None]:
    """Raise KeyboardInterrupt at the first SIGINT; at a second one write ``last_words`` and end the process."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield
        return

    def give_up(number: int, frame: FrameType | None) -> NoReturn:
        os.write(2, f"\n{last_words}\n".encode())
        os._exit(InterruptedRunError.exit_code)

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        signal.signal(signal.SIGINT, give_up)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def progress(console: Console) -> Iterator[Listener]:
    """Give a listener that draws events on ``console`` while the block runs.

    It is silent once nobody reads there any more: what a search finds is in its study.
    """
    if console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[left]}"))
        with Progress(*columns, console=console, transient=True) as bar:
            yield _unless_gone(_Bar(bar))
    else:
        yield _unless_gone(_Lines(console))


def _unless_gone(listener: Listener) -> Listener:
    def listen(event: Event) -> None:
        with suppress(OSError):
            listener(event)

    return listen


class _Bar:
    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task: TaskID | None = None

    def __call__(self, event: Event) -> None:
        if event.kind == "progress":
            self._show(event)
            return
        self._hide()
        style = "bold" if event.kind == "phase" else None
        self._bar.console.print(escape(event.message), style=style, highlight=False)

    def _show(self, event: Event) -> None:
        left = "" if event.seconds_left is None else f"{human_seconds(event.seconds_left)} left"
        if self._task is None:
            self._task = self._bar.add_task(escape(event.message), total=1.0, left=left)
        self._bar.update(self._task, description=escape(event.message), completed=event.fraction or 0.0, left=left)

    def _hide(self) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._told = time.monotonic()

    def __call__(self, event: Event) -> None:
        if event.kind != "progress":
            self._say(event.message)
        elif time.monotonic() - self._told >= LINE_EVERY_S:
            left = "" if event.seconds_left is None else f", {human_seconds(event.seconds_left)} left"
            self._say(f"{event.message}: {100 * (event.fraction or 0.0):.0f}%{left}")
            self._told = time.monotonic()

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
