"""Options that more than one command has, and the parsing of strings such as ``20ms``."""

import time
from pathlib import Path
from typing import Annotated

import typer

from autocompress.system import command_line as hints
from autocompress.system.units import parse_duration_ms, parse_size_bytes

BEGUN = time.monotonic()
"""When the program was started: what it loads is a part of the time budget."""


def seconds(text: str) -> float:
    """Seconds in a duration such as ``15m``; InputError if it is none."""
    return parse_duration_ms(text) / 1000


StudiesDir = Annotated[Path, typer.Option("--studies-dir", help="Folder that holds the studies.")]
StudyName = Annotated[str, typer.Argument(metavar="STUDY", help="Name of a study; see: autocompress studies.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]
Trial = Annotated[int | None, typer.Option("--trial", min=0, help="Number of a trial.")]
TimeBudget = Annotated[
    float | None,
    typer.Option("--time-budget", parser=seconds, metavar="DURATION", help="Wall-clock time for everything, e.g. 15m."),
]
MaxLatency = Annotated[
    float | None,
    typer.Option(
        "--max-latency", parser=parse_duration_ms, metavar="DURATION", help="Upper bound on latency, e.g. 20ms."
    ),
]
MaxSize = Annotated[
    int | None,
    typer.Option("--max-size", parser=parse_size_bytes, metavar="SIZE", help="Upper bound on the file, e.g. 10MB."),
]
MaxMemory = Annotated[
    int | None,
    typer.Option(
        "--max-memory",
        parser=parse_size_bytes,
        metavar="SIZE",
        help="Upper bound on the peak memory of a serving process, e.g. 300MB.",
    ),
]
DEFAULT_STUDIES = hints.DEFAULT_STUDIES
