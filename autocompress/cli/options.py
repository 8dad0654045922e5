"""Options that more than one command has, and those whose values are strings such as ``20ms``."""

import time
from pathlib import Path
from typing import Annotated

import typer

from autocompress.domain.parameters import PARAMETERS
from autocompress.system import command_line as hints
from autocompress.system.units import parse_duration_ms, parse_size_bytes

BEGUN = time.monotonic()
"""When the program was started, by ``time.monotonic``: what it loads is a part of the time budget."""
HELP = {name: parameter.help for name, parameter in PARAMETERS.items()}


def seconds(text: str) -> float:
    """Parse a duration such as ``15m`` into seconds; InputError if it is none."""
    return parse_duration_ms(text) / 1000


StudiesDir = Annotated[Path, typer.Option("--studies-dir", help=HELP["studies_dir"])]
StudyName = Annotated[str, typer.Argument(metavar="STUDY", help="Name of a study; see: autocompress studies.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]
Trial = Annotated[int | None, typer.Option("--trial", min=0, help="Number of a trial.")]
TimeBudget = Annotated[
    float | None,
    typer.Option(
        "--time-budget", parser=seconds, metavar="DURATION", help=f"{PARAMETERS['time_budget_s'].meaning}, e.g. 15m."
    ),
]
MaxLatency = Annotated[
    float | None,
    typer.Option("--max-latency", parser=parse_duration_ms, metavar="DURATION", help=HELP["max_latency_ms"]),
]
MaxSize = Annotated[
    int | None,
    typer.Option("--max-size", parser=parse_size_bytes, metavar="SIZE", help=HELP["max_size_bytes"]),
]
MaxMemory = Annotated[
    int | None,
    typer.Option("--max-memory", parser=parse_size_bytes, metavar="SIZE", help=HELP["max_memory_bytes"]),
]
DEFAULT_STUDIES = hints.DEFAULT_STUDIES
