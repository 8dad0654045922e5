"""autocompress studies: list them."""

from __future__ import annotations

from autocompress.cli.options import DEFAULT_STUDIES, StudiesDir
from autocompress.cli.output import print_table, say
from autocompress.system.command_line import command_line


def studies(studies_dir: StudiesDir = DEFAULT_STUDIES) -> None:
    """List the studies in a folder, with their state and best points."""
    from autocompress import api
    from autocompress.report.tables import studies_table

    found = api.list_studies(studies_dir)
    if not found:
        say(f"no studies in {studies_dir}; start one: {command_line('search', None, studies_dir)}")
        return
    print_table(studies_table(found))
