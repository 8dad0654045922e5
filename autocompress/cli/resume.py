"""autocompress resume: go on with a study."""

from __future__ import annotations

from typing import Annotated

import typer

from autocompress.cli.options import BEGUN, DEFAULT_STUDIES, StudiesDir, StudyName, TimeBudget
from autocompress.cli.outcome import show_outcome
from autocompress.cli.output import messages
from autocompress.cli.progress import interruptible, progress


def resume(
    study: StudyName,
    time_budget: TimeBudget = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Trials wanted in all.")] = None,
    studies_dir: StudiesDir = DEFAULT_STUDIES,
) -> None:
    """Go on with an interrupted or finished study; finished trials are kept.

    Without --time-budget an interrupted study has what is left of its own, a finished one has it again.
    """
    from autocompress import api

    with interruptible(study, studies_dir), progress(messages()) as listener:
        done = api.resume(
            study, studies_dir=studies_dir, time_budget_s=time_budget, trials=trials, on_event=listener, begun=BEGUN
        )
    show_outcome(done)
