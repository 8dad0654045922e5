"""Where commands print: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import shutil
from typing import Any

from rich.console import Console, RenderableType

PIPED_WIDTH = 120


def results() -> Console:
    """Standard output, wide enough for a table when it is no terminal."""
    return _console(stderr=False)


def messages() -> Console:
    """Standard error."""
    return _console(stderr=True)


def print_json(value: Any) -> None:
    """One JSON object on standard output."""
    print(json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False))


def print_table(table: RenderableType) -> None:
    """A table on standard output."""
    results().print(table)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr)
    if not console.is_terminal:
        console = Console(stderr=stderr, width=PIPED_WIDTH)
    elif shutil.get_terminal_size().columns < 80:
        console = Console(stderr=stderr, width=100, soft_wrap=True)
    return console
