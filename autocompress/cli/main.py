"""The entry point: it holds the commands, and turns every error into a line and an exit code."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress

import typer

from autocompress import __version__
from autocompress.cli.explain import explain
from autocompress.cli.export import export
from autocompress.cli.output import messages
from autocompress.cli.plot import plot
from autocompress.cli.resume import resume
from autocompress.cli.search import search
from autocompress.cli.show import show
from autocompress.cli.start import check_arguments, mend_process
from autocompress.cli.studies import studies
from autocompress.cli.verify import verify
from autocompress.system.errors import StorageError

UNREAD = 1
"""Exit code where nobody reads the output, as typer's."""
app = typer.Typer(
    name="autocompress",
    help="Make Transformer models small and fast enough to ship, automatically.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (search, resume, studies, show, plot, export, verify):
    app.command()(command)


@app.callback(invoke_without_command=True)
def version(
    context: typer.Context, version: bool = typer.Option(False, "--version", help="Print the version and stop.")
) -> None:
    """Make Transformer models small and fast enough to ship, automatically."""
    if version:
        print(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    mend_process()
    code = run(arguments)
    try:
        sys.stdout.flush()
    except OSError as error:
        code = _output_failed(error, code)
    sys.exit(code)


def run(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code; every error is one line on standard error, without a traceback."""
    try:
        check_arguments(sys.argv[1:] if arguments is None else arguments)
        outcome = typer.main.get_command(app).main(arguments, prog_name="autocompress", standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:
        message, outcome = explain(error)
        _complain(message)
    return outcome if isinstance(outcome, int) else 0


def _output_failed(error: OSError, code: int) -> int:
    """Return the exit code if standard output cannot be written; without a reader that is not reported as an error."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
    if isinstance(error, BrokenPipeError):
        return code or UNREAD
    _complain(f"standard output must be writable, but {error.strerror or error}; free some space")
    return code or StorageError.exit_code


def _complain(message: str) -> None:
    console = messages()
    with suppress(OSError):
        console.print("error:", style="bold red", end=" ")
        console.print(re.sub(r"\s*[\r\n]\s*", " ", message), markup=False, highlight=False, soft_wrap=True)
