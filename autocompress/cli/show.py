"""autocompress show: one study, or one of its trials."""

from __future__ import annotations

from autocompress.cli.options import DEFAULT_STUDIES, Json, StudiesDir, StudyName, Trial
from autocompress.cli.output import print_json, print_table, results


def show(study: StudyName, trial: Trial = None, json: Json = False, studies_dir: StudiesDir = DEFAULT_STUDIES) -> None:
    """Show a study's front beside the baselines, or all that is known of one trial."""
    from autocompress import api
    from autocompress.report.tables import front_table, phase_lines

    opened = api.open_study(study, studies_dir)
    if trial is not None:
        print_json(opened.point(trial).to_json())
        return
    summary = opened.summary
    if json:
        print_json(summary.to_json())
        return
    print_table(front_table(summary))
    for line in (*phase_lines(summary), *summary.notes):
        results().print(line, markup=False, highlight=False, soft_wrap=True)
