"""autocompress plot: the trade-off as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autocompress.cli.options import DEFAULT_STUDIES, StudiesDir, StudyName
from autocompress.cli.output import say


def plot(
    study: StudyName,
    output: Annotated[Path, typer.Option("--output", "-o", help="A .png or .svg file.")] = Path("front.png"),
    studies_dir: StudiesDir = DEFAULT_STUDIES,
) -> None:
    """Draw quality against latency, with sizes, constraints and baselines."""
    from autocompress import api

    path = api.open_study(study, studies_dir).plot(output)
    say(f"plot: {path}")
