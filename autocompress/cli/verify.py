"""autocompress verify: measure an exported model again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autocompress.cli.options import Json
from autocompress.cli.output import print_json, say
from autocompress.system.errors import MeasurementError


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="An exported model.")],
    data: Annotated[str, typer.Option(help="Labelled text, a file as for search.")],
    json: Json = False,
) -> None:
    """Measure an exported model on labelled text, for about a minute, and hold it against its manifest.

    The exit code is 5 if it differs.
    """
    from autocompress.report.verify import verify_export

    report = verify_export(folder, data)
    if json:
        print_json(report.to_json())
    else:
        latency, quality = report.latency_ms, report.quality
        (low, high), (fast, slow) = quality.interval, latency.mean_interval
        say(
            f"{quality.metric} {quality.value:.4f} ({low:.4f} to {high:.4f}, {quality.count} rows); "
            f"latency mean {latency.mean:.3f} ms ({fast:.3f} to {slow:.3f}), p95 {latency.p95:.3f} ms; "
            f"{report.size_bytes:,} bytes"
        )
        for line in report.differences:
            say(line)
        say("matches its manifest" if report.matches_manifest else "does not match its manifest")
    if not report.matches_manifest:
        raise MeasurementError(f"the model in {folder} must measure as its manifest says, but: {report.differences[0]}")
