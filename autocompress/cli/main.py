"""The entry point: commands, and the one place where errors become a line and an exit code."""

from __future__ import annotations

import os
import sys
import traceback

import typer

from autocompress import __version__
from autocompress.cli.export import export
from autocompress.cli.output import messages
from autocompress.cli.plot import plot
from autocompress.cli.resume import resume
from autocompress.cli.search import search
from autocompress.cli.show import show
from autocompress.cli.studies import studies
from autocompress.cli.verify import verify
from autocompress.errors import AutocompressError

BUG, INTERRUPTED = 70, 130
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
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """The exit code of a command; every error is one line on standard error, without a traceback."""
    try:
        outcome = typer.main.get_command(app).main(arguments, prog_name="autocompress", standalone_mode=False)
    except Exception as error:
        message, outcome = _explain(error)
        _complain(message)
    return outcome if isinstance(outcome, int) else 0


def _explain(error: BaseException) -> tuple[str, int]:
    """The line that a user gets for an error, and the exit code."""
    if isinstance(error, AutocompressError):
        return str(error), error.exit_code
    if isinstance(error, typer.TyperException):
        return f"{error.format_message().rstrip('.')}; see autocompress --help", error.exit_code
    if isinstance(error, typer.Abort):
        return "interrupted", INTERRUPTED
    if isinstance(error, MemoryError):
        return "out of memory; free some, or use a smaller model or batch size", 1
    if os.environ.get("AUTOCOMPRESS_DEBUG"):
        traceback.print_exception(error)
    return f"this is a bug ({type(error).__name__}: {error}); AUTOCOMPRESS_DEBUG=1 shows where", BUG


def _complain(message: str) -> None:
    console = messages()
    console.print("error:", style="bold red", end=" ")
    console.print(" ".join(message.split()), markup=False, highlight=False, soft_wrap=True)
