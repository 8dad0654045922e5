"""Prints what a search or resume found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from autocompress.cli.output import print_table, say
from autocompress.system.command_line import command_line
from autocompress.system.errors import NoFeasibleError

if TYPE_CHECKING:
    from autocompress.report.study import Study

MOST = 12


def show_outcome(study: Study, export_to: Path | None = None) -> None:
    """Print the front; if nothing meets the constraints, print the nearest misses and raise NoFeasibleError.

    With ``export_to`` the fastest point close to the teacher is exported there, and the lines that serve it are
    printed.
    """
    from autocompress.report.misses import nearest_misses
    from autocompress.report.serving import serving_example
    from autocompress.report.tables import fastest_line, front_table, misses_table, relaxation_line

    summary, studies_dir = study.summary, study.folder.parent
    print_table(front_table(summary, MOST))
    if len(summary.front) > MOST:
        every = command_line("show", study.name, studies_dir)
        say(f"{MOST} of {len(summary.front)} points are shown; all: {every}")
    if not any(point.feasible for point in summary.front):
        candidates = [(p.figures, p.trial) for p in summary.front] + list(summary.dominated)
        misses = nearest_misses(candidates, summary.problem, summary.teacher_quality)
        print_table(misses_table(misses))
        for relaxation in misses.relaxations:
            say(relaxation_line(relaxation, summary.metric))
        raise NoFeasibleError(
            f"a measured model must meet all constraints, but none does in study {study.name!r}; relax one as shown "
            f"above, or go on with: {command_line('resume', study.name, studies_dir)}"
        )
    fastest = fastest_line(summary)
    if fastest is not None:
        say(fastest)
    say(f"plot: {study.folder / 'front.png'}")
    if export_to is None:
        say(f"export one: {command_line('export', study.name, studies_dir, '-o DIR')}")
        return
    point = study.pick()
    folder = study.export(export_to, trial=point.trial, force=True)
    rule = "the fastest within 1 point of the teacher, or the best where none is"
    say(f"exported: trial {point.trial} ({rule}) to {folder}; these lines serve it:")
    say(serving_example(folder))
