"""autocompress show: one study, or one of its trials."""

from __future__ import annotations

from typing import Annotated

import typer

from autocompress.cli.options import DEFAULT_STUDIES, Json, StudiesDir, StudyName, Trial
from autocompress.cli.output import print_json, print_table, say
from autocompress.system.errors import InputError

All = Annotated[bool, typer.Option("--all", help="With --json: every trial too, as all_trials.")]


def show(
    study: StudyName,
    trial: Trial = None,
    json: Json = False,
    all_trials: All = False,
    studies_dir: StudiesDir = DEFAULT_STUDIES,
) -> None:
    """Show a study's front beside the baselines, or all that is known of one trial."""
    from autocompress import api
    from autocompress.report import trials
    from autocompress.report.tables import front_table, phase_lines

    if all_trials and (trial is not None or not json):
        raise InputError("--all needs --json and no --trial; add --json")
    opened = api.open_study(study, studies_dir)
    if trial is not None:
        print_json(opened.point(trial).to_json())
        return
    summary = opened.summary
    if json:
        every = {"all_trials": trials.all_trials(opened.store)} if all_trials else {}
        print_json({**summary.to_json(), **every})
        return
    print_table(front_table(summary))
    for line in (*phase_lines(summary), *summary.notes):
        say(line)
