"""autocompress search: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autocompress.cli.options import BEGUN, DEFAULT_STUDIES, MaxLatency, MaxMemory, MaxSize, StudiesDir, seconds
from autocompress.cli.outcome import show_outcome
from autocompress.cli.output import messages, say
from autocompress.cli.progress import interruptible, progress

DATA, LIMITS, RUN, TARGET = "Data", "Constraints", "Run", "Target"


def search(
    model: Annotated[
        str | None, typer.Argument(help="Checkpoint folder or hub name; without it, the demo's.", metavar="[MODEL]")
    ] = None,
    train: Annotated[
        str | None,
        typer.Option(help="CSV, TSV, JSON, JSONL or Parquet file, or a data set's name.", rich_help_panel=DATA),
    ] = None,
    validation: Annotated[
        str | None, typer.Option(help="File for steering; else a split is made.", rich_help_panel=DATA)
    ] = None,
    test: Annotated[
        str | None, typer.Option(help="File looked at once, at the end; else a split is made.", rich_help_panel=DATA)
    ] = None,
    text_column: Annotated[
        list[str] | None, typer.Option(help="Column of text; give it twice for pairs.", rich_help_panel=DATA)
    ] = None,
    label_column: Annotated[str | None, typer.Option(help="Column of labels.", rich_help_panel=DATA)] = None,
    task: Annotated[
        str | None,
        typer.Option(
            help="classification or regression; else the checkpoint and the labels decide.", rich_help_panel=DATA
        ),
    ] = None,
    max_latency: MaxLatency = None,
    max_size: MaxSize = None,
    max_memory: MaxMemory = None,
    max_drop: Annotated[
        float | None,
        typer.Option(help="Points of quality that may be lost to the teacher, e.g. 1.0.", rich_help_panel=LIMITS),
    ] = None,
    min_quality: Annotated[
        float | None, typer.Option(help="Least quality, a fraction, e.g. 0.87.", rich_help_panel=LIMITS)
    ] = None,
    time_budget: Annotated[
        float,
        typer.Option(parser=seconds, metavar="DURATION", help="Wall-clock time for everything.", show_default="15m"),
    ] = "15m",  # type: ignore[assignment]
    trials: Annotated[int | None, typer.Option(help="At most so many trials.")] = None,
    study: Annotated[str | None, typer.Option(help="Name of the new study.", show_default="date and time")] = None,
    studies_dir: StudiesDir = DEFAULT_STUDIES,
    space: Annotated[
        str, typer.Option(help="What may vary: joint, architecture, precision, sparsity, student or exits.")
    ] = "joint",
    sampler: Annotated[str, typer.Option(help="Who proposes trials: surrogate, tpe, nsga2 or random.")] = "surrogate",
    batch_size: Annotated[int, typer.Option(help="Texts per request.", rich_help_panel=TARGET)] = 1,
    threads: Annotated[int, typer.Option(help="Threads that serve a request.", rich_help_panel=TARGET)] = 1,
    latency_statistic: Annotated[
        str, typer.Option(help="What --max-latency bounds: mean, p50 or p95.", rich_help_panel=TARGET)
    ] = "p95",
    workers: Annotated[int | None, typer.Option(help="Parallel builders.", show_default="the cores left")] = None,
    ray_address: Annotated[str | None, typer.Option(help="Run the trials on this Ray cluster.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    accept_teacher: Annotated[
        bool,
        typer.Option("--accept-teacher", help="Use the checkpoint's trained head even if the labels speak against it."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and show the plan; train nothing.")] = False,
) -> None:
    """Search for small and fast forms of a BERT-like model and show the measured Pareto front.

    Without MODEL and --train it runs the built-in demo: MiniLM-L6 on the sentiment of tweets.
    """
    from autocompress import api
    from autocompress.domain.problem import Constraints, DataSource, Problem, Target

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
