"""What a finished search or resume prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from autocompress.cli.output import print_table, results
from autocompress.errors import NoFeasibleError

if TYPE_CHECKING:
    from autocompress.api import Study

MOST = 12


def show_outcome(study: Study, export_to: Path | None = None) -> None:
    """Print the front; NoFeasibleError, after the nearest misses, where nothing meets the constraints.

    With ``export_to`` the fastest point close to the teacher is exported there; the lines that serve it are printed.
    """
    from autocompress.report.misses import nearest_misses
    from autocompress.report.serving import serving_example
    from autocompress.report.tables import front_table, misses_table, relaxation_line

    summary = study.summary
    print_table(front_table(summary, MOST))
    out = results()
    if len(summary.front) > MOST:
        out.print(f"{MOST} of {len(summary.front)} points are shown; all: autocompress show {study.name}", markup=False)
    if not any(point.feasible for point in summary.front):
        candidates = [(p.figures, p.trial) for p in summary.front] + list(summary.dominated)
        misses = nearest_misses(candidates, summary.problem, summary.teacher_quality)
        print_table(misses_table(misses))
        for relaxation in misses.relaxations:
            out.print(relaxation_line(relaxation, summary.metric), markup=False, highlight=False)
        raise NoFeasibleError(
            f"a measured model must meet all constraints, but none does in study {study.name!r}; relax one as shown "
            f"above, or go on with: autocompress resume {study.name}"
        )
    out.print(f"plot: {study.folder / 'front.png'}", markup=False, highlight=False, soft_wrap=True)
    if export_to is None:
        out.print(f"export one: autocompress export {study.name} -o DIR", markup=False, highlight=False)
        return
    point = study.pick()
    folder = study.export(export_to, trial=point.trial, force=True)
    rule = "the fastest within 1 point of the teacher, or the best where none is"
    out.print(f"exported: trial {point.trial} ({rule}) to {folder}; these lines serve it:", markup=False)
    out.print(serving_example(folder), markup=False, highlight=False, soft_wrap=True)
