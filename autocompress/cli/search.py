"""autocompress search: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autocompress.cli.options import (
    BEGUN,
    DEFAULT_STUDIES,
    HELP,
    MaxLatency,
    MaxMemory,
    MaxSize,
    StudiesDir,
    seconds,
)
from autocompress.cli.outcome import show_outcome
from autocompress.cli.output import messages, say
from autocompress.cli.progress import interruptible, progress
from autocompress.domain.problem import Constraints, DataSource, Problem, Target
from autocompress.system.errors import InputError
from autocompress.system.units import format_duration_ms

DEFAULT_BUDGET = format_duration_ms(1000 * Problem.time_budget_s)
DATA, LIMITS, RUN, TARGET = "Data", "Constraints", "Run", "Target"


def search(
    model: Annotated[str | None, typer.Argument(help=HELP["model"], metavar="[MODEL]")] = None,
    student: Annotated[
        list[str] | None, typer.Option(metavar="CHECKPOINT", help=HELP["student"], show_default="MODEL")
    ] = None,
    train: Annotated[str | None, typer.Option(help=HELP["train"], rich_help_panel=DATA)] = None,
    validation: Annotated[str | None, typer.Option(help=HELP["validation"], rich_help_panel=DATA)] = None,
    test: Annotated[str | None, typer.Option(help=HELP["test"], rich_help_panel=DATA)] = None,
    text_column: Annotated[list[str] | None, typer.Option(help=HELP["text_columns"], rich_help_panel=DATA)] = None,
    label_column: Annotated[str | None, typer.Option(help=HELP["label_column"], rich_help_panel=DATA)] = None,
    task: Annotated[str | None, typer.Option(help=HELP["task"], rich_help_panel=DATA)] = None,
    max_latency: MaxLatency = None,
    max_size: MaxSize = None,
    max_memory: MaxMemory = None,
    max_drop: Annotated[float | None, typer.Option(help=HELP["max_drop"], rich_help_panel=LIMITS)] = None,
    min_quality: Annotated[float | None, typer.Option(help=HELP["min_quality"], rich_help_panel=LIMITS)] = None,
    time_budget: Annotated[
        float,
        typer.Option(parser=seconds, metavar="DURATION", help=HELP["time_budget_s"], show_default=DEFAULT_BUDGET),
    ] = DEFAULT_BUDGET,  # type: ignore[assignment]
    trials: Annotated[int | None, typer.Option(help=HELP["trials"])] = None,
    study: Annotated[str | None, typer.Option(help=HELP["study"], show_default="date and time")] = None,
    studies_dir: StudiesDir = DEFAULT_STUDIES,
    space: Annotated[str, typer.Option(help=HELP["space"])] = Problem.space,
    sampler: Annotated[str, typer.Option(help=HELP["sampler"])] = Problem.sampler,
    batch_size: Annotated[int, typer.Option(help=HELP["batch_size"], rich_help_panel=TARGET)] = Target.batch_size,
    threads: Annotated[int, typer.Option(help=HELP["threads"], rich_help_panel=TARGET)] = Target.threads,
    latency_statistic: Annotated[
        str, typer.Option(help=HELP["latency_statistic"], rich_help_panel=TARGET)
    ] = Target.latency_statistic,
    workers: Annotated[int | None, typer.Option(help=HELP["workers"], show_default="the cores left")] = None,
    ray_address: Annotated[str | None, typer.Option(help=HELP["ray_address"])] = None,
    seed: Annotated[int, typer.Option(help=HELP["seed"])] = Problem.seed,
    accept_teacher: Annotated[
        bool, typer.Option("--accept-teacher", help=HELP["accept_teacher"])
    ] = Problem.accept_teacher,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and show the plan; train nothing.")] = False,
) -> None:
    """Search for small and fast forms of a BERT-like model and show the measured Pareto front.

    Without MODEL and --train it runs the built-in demo: MiniLM-L6 on the sentiment of tweets.
    """
    from autocompress import api

    problem = Problem(
        model=model,
        data=DataSource(train, validation, test, tuple(text_column) if text_column else None, label_column, task),
        target=Target(batch_size, threads, latency_statistic),
        constraints=Constraints(max_latency, max_size, max_memory, max_drop, min_quality),
        time_budget_s=time_budget,
        trials=trials,
        space=space,
        sampler=sampler,
        workers=workers,
        ray_address=ray_address,
        seed=seed,
        accept_teacher=accept_teacher,
        student=_only(student),
    )
    console = messages()
    if model is None and train is None:
        console.print("no model and no data given: this is the built-in demo, MiniLM-L6 on the sentiment of tweets")
    if dry_run:
        say(api.plan(problem, study=study, studies_dir=studies_dir))
        return
    name = api.default_name(problem) if study is None else study
    with interruptible(name, studies_dir), progress(console) as listener:
        done = api.run(problem, study=name, studies_dir=studies_dir, on_event=listener, begun=BEGUN)
    show_outcome(done, export_to=Path("exported") / done.name if train is None else None)


def _only(students: list[str] | None) -> str | None:
    """Return the checkpoint that ``--student`` names, None without one; InputError if it names several."""
    if students and len(students) > 1:
        raise InputError(f"students can start from one checkpoint, but --student names {len(students)}; keep one")
    return students[0] if students else None
