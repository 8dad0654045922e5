"""Write docs/cli.md from the commands' own help; with --check, fail if it is out of date."""

import os
import sys
from pathlib import Path
from typing import Any

os.environ.update({"TERMINAL_WIDTH": "100", "COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"})

import typer

from autocompress.cli.main import app

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"


def reference() -> str:
    group: Any = typer.main.get_command(app)
    parts = ["# Command line", "Made by `scripts/generate_cli_reference.py` from `--help`; do not edit."]
    for name, command in group.commands.items():
        parts.append(f"## autocompress {name}\n\n{_describe(command)}")
    return "\n\n".join(parts) + "\n"


def _describe(command: Any) -> str:
    context = command.make_context(f"autocompress {command.name}", [], resilient_parsing=True)
    usage = " ".join(command.get_usage(context).split())
    rows = ["| parameter | meaning | default |", "|---|---|---|"]
    for parameter in command.params:
        record = _row(parameter, context)
        rows.append(record)
    return f"{command.help}\n\n    {usage}\n\n" + "\n".join(rows)


def _row(parameter: Any, context: Any) -> str:
    name = (
        " / ".join(f"`{option}`" for option in parameter.opts)
        if parameter.param_type_name == "option"
        else (f"`{parameter.metavar or parameter.name.upper()}`")
    )
    default = getattr(parameter, "show_default", None)
    if not isinstance(default, str):
        value = parameter.get_default(context, call=False)
        default = "" if value in (None, False) or "UNSET" in str(value).upper() else f"`{value}`"
    return f"| {name} | {getattr(parameter, 'help', '') or ''} | {default} |"


if __name__ == "__main__":
    text = reference()
    if "--check" in sys.argv:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
            sys.exit("docs/cli.md must agree with --help; run: python scripts/generate_cli_reference.py")
    else:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(text, encoding="utf-8")
