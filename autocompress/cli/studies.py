"""autocompress studies: list them."""

from __future__ import annotations

from autocompress.cli.options import DEFAULT_STUDIES, StudiesDir
from autocompress.cli.output import print_table, results


def studies(studies_dir: StudiesDir = DEFAULT_STUDIES) -> None:
    """List the studies in a folder, with their state and best points."""
    from autocompress import api
    from autocompress.report.tables import studies_table

    found = api.list_studies(studies_dir)
    if not found:
        results().print(f"no studies in {studies_dir}; start one: autocompress search", markup=False, highlight=False)
        return
    print_table(studies_table(found))
