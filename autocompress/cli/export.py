"""autocompress export: hand over one model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autocompress.cli.options import DEFAULT_STUDIES, StudiesDir, StudyName, Trial
from autocompress.cli.output import say


def export(
    study: StudyName,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    trial: Trial = None,
    pick: Annotated[
        str, typer.Option(help="Rule: close (fastest within 1 point), knee, fastest, smallest, best.")
    ] = "close",
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier export in the folder.")] = False,
    studies_dir: StudiesDir = DEFAULT_STUDIES,
) -> None:
    """Write model.onnx, tokenizer, manifest and a README with the lines that serve it."""
    from autocompress import api
    from autocompress.report.serving import serving_example

    opened = api.open_study(study, studies_dir)
    folder = opened.export(output, trial=trial, pick=pick, force=force)
    say(f"exported to {folder}; these lines serve it:")
    say(serving_example(folder))
