"""The entry point: commands, and the one place where errors become a line and an exit code."""

from __future__ import annotations

import os
import sys
import traceback

import click
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
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (search, resume, studies, show, plot, export, verify):
    app.command()(command)


@app.callback(invoke_without_command=True)
def version(version: bool = typer.Option(False, "--version", help="Print the version and stop.")) -> None:
    """Make Transformer models small and fast enough to ship, automatically."""
    if version:
        print(__version__)
        raise typer.Exit


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """The exit code of a command; every error is one line on standard error, without a traceback."""
    try:
        outcome = typer.main.get_command(app).main(arguments, prog_name="autocompress", standalone_mode=False)
        return outcome if isinstance(outcome, int) else 0
    except AutocompressError as error:
        return _complain(str(error), error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.ctx.get_help() if error.ctx else "")
        return 0
    except click.ClickException as error:
        return _complain(f"{error.format_message()}; see autocompress --help", error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        return _complain(
            "interrupted; a study goes on with: autocompress resume STUDY (see autocompress studies)", INTERRUPTED
        )
    except MemoryError:
        return _complain("out of memory; free some, or use a smaller model or batch size", 1)
    except Exception as error:
        if os.environ.get("AUTOCOMPRESS_DEBUG"):
            traceback.print_exc()
        name = type(error).__name__
        return _complain(f"this is a bug ({name}: {error}); AUTOCOMPRESS_DEBUG=1 shows where", BUG)


def _complain(message: str, code: int) -> int:
    console = messages()
    line = " ".join(message.split())
    console.print("error:", style="bold red", end=" ")
    console.print(line, markup=False, highlight=False, soft_wrap=True)
    return code
