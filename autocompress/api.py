"""Provides the Python interface: start, plan, resume, open and list searches. The command line calls these functions.

Opening a study imports neither torch nor Ray: functions that run a search or draw import what they need themselves.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from autocompress.domain.parameters import documented
from autocompress.domain.problem import Constraints, DataSource, Problem, Target
from autocompress.report.study import Study
from autocompress.report.summary import StudySummary
from autocompress.study.store import StudyStore, study_names
from autocompress.system.command_line import DEFAULT_STUDIES
from autocompress.system.events import Listener, silent

STUDIES = str(DEFAULT_STUDIES)


@documented
def search(
    model: str | None = None,
    *,
    student: str | None = None,
    train: str | None = None,
    validation: str | None = None,
    test: str | None = None,
    text_columns: Iterable[str] | None = None,
    label_column: str | None = None,
    task: str | None = None,
    max_latency_ms: float | None = None,
    max_size_bytes: int | None = None,
    max_memory_bytes: int | None = None,
    max_drop: float | None = None,
    min_quality: float | None = None,
    time_budget_s: float = Problem.time_budget_s,
    trials: int | None = None,
    study: str | None = None,
    studies_dir: str | Path = STUDIES,
    space: str = Problem.space,
    sampler: str = Problem.sampler,
    batch_size: int = Target.batch_size,
    threads: int = Target.threads,
    latency_statistic: str = Target.latency_statistic,
    workers: int | None = None,
    ray_address: str | None = None,
    seed: int = Problem.seed,
    accept_teacher: bool = Problem.accept_teacher,
    on_event: Listener | None = None,
) -> Study:
    """Compress a BERT-like model: search for small, fast models and return the study with their measured Pareto front.

    The study is saved in the folder ``studies_dir/study`` while it runs; ``resume`` continues it if it is interrupted.
    Without ``model`` and ``train`` the built-in demo is searched. A constraint that is None does not apply.

    Args:
        {parameters}

    Returns:
        The finished study. It is possible that no point of its front meets the constraints (``FrontPoint.feasible``).

    Raises:
        InputError: A value is out of its range, or the data, the checkpoint or a constraint cannot be used.
        StudyError: A study of that name exists.
        MeasurementError: No trial could be compiled and measured.
        StorageError: The studies' folder cannot be written, or the disk is full.

    Example:
        >>> study = autocompress.search("checkpoint", train="train.csv", max_latency_ms=50.0, time_budget_s=120.0,
        ...                             trials=3, study="first")
        >>> study.state
        'finished'
        >>> point = study.pick("fastest")
        >>> point.feasible and point.figures.latency_ms.p95 <= 50.0
        True
        >>> folder = study.export("exported", trial=point.trial)
        >>> (folder / "model.onnx").stat().st_size == point.figures.size_bytes
        True
    """
    columns = None if text_columns is None else tuple(text_columns)
    problem = Problem(
        model=model,
        data=DataSource(train, validation, test, columns, label_column, task),
        target=Target(batch_size, threads, latency_statistic),
        constraints=Constraints(max_latency_ms, max_size_bytes, max_memory_bytes, max_drop, min_quality),
        time_budget_s=time_budget_s,
        trials=trials,
        space=space,
        sampler=sampler,
        workers=workers,
        ray_address=ray_address,
        seed=seed,
        accept_teacher=accept_teacher,
        student=student,
    )
    return run(problem, study=study, studies_dir=studies_dir, on_event=on_event)


def run(
    problem: Problem,
    *,
    study: str | None = None,
    studies_dir: str | Path = STUDIES,
    on_event: Listener | None = None,
    begun: float | None = None,
) -> Study:
    """Run a search, as ``search`` does, for a ``Problem``, and return the finished study.

    The time budget counts from ``begun``, a reading of ``time.monotonic``, or from now if it is None. Raises the errors
    of ``search``.
    """
    begun = begun or time.monotonic()
    from autocompress.pipeline import runs

    name = default_name(problem) if study is None else study
    runs.start(problem, name, Path(studies_dir), begun, on_event or silent)
    return _recorded(name, studies_dir)


def plan(problem: Problem, *, study: str | None = None, studies_dir: str | Path = STUDIES) -> str:
    """Check a problem as ``run`` does and return a description of its search; nothing is trained or written.

    Example:
        >>> problem = Problem("checkpoint", DataSource("train.csv"), time_budget_s=120.0)
        >>> print(plan(problem, study="first"))  # doctest: +ELLIPSIS
        study first: text -> label (classes negative, positive), accuracy
        rows: train 240, validation 80, test 80; at most ... tokens each
        ...
        time budget 2 min 0 s, shared out as follows unless a phase needs less:
        ...
    """
    from autocompress.pipeline import runs

    return runs.plan(problem, default_name(problem) if study is None else study, Path(studies_dir))


def resume(
    study: str,
    *,
    studies_dir: str | Path = STUDIES,
    time_budget_s: float | None = None,
    trials: int | None = None,
    on_event: Listener | None = None,
    begun: float | None = None,
) -> Study:
    """Continue an interrupted or finished study and return it; every finished trial is kept.

    Args:
        study: The study's name.
        studies_dir: The folder that holds the studies.
        time_budget_s: Seconds for this run. None: what is left of the study's own budget, at least 60, or all of it
            again for a finished study.
        trials: The number of trials wanted in all, those that are done included. None: as the study was asked for.
        on_event: Function that is called with each ``Event`` of the search, in this process.
        begun: A reading of ``time.monotonic`` from which the time counts. None: now.

    Raises:
        StudyError: There is no such study, another process has it open, or its files are damaged.
        MeasurementError: No trial could be compiled and measured.
        StorageError: The study's folder cannot be written, or the disk is full.
    """
    begun = begun or time.monotonic()
    from autocompress.pipeline import runs

    runs.go_on(study, Path(studies_dir), time_budget_s, trials, begun, on_event or silent)
    return _recorded(study, studies_dir)


def open_study(study: str, studies_dir: str | Path = STUDIES) -> Study:
    """Return a study for reading, also while it runs; StudyError if there is none of that name.

    Example:
        >>> open_study("whole").state
        'finished'
    """
    return Study(StudyStore.read(Path(studies_dir), study))


def list_studies(studies_dir: str | Path = STUDIES) -> list[StudySummary]:
    """Return the summaries of all studies in a folder, in the order of their names.

    Example:
        >>> [(summary.study, summary.trials["complete"]) for summary in list_studies()]
        [('whole', 32)]
    """
    return [open_study(name, studies_dir).summary for name in study_names(Path(studies_dir))]


def default_name(problem: Problem) -> str:
    """Return a study name made of the training file's name (``demo`` without one), the date and the time.

    The file's name is cut to 40 characters; backslashes and characters that cannot be printed become ``-``.
    """
    stem = "demo" if problem.data.train is None else Path(problem.data.train).stem.lstrip(".")
    base = "".join(letter if letter.isprintable() and letter != "\\" else "-" for letter in stem[:40]) or "study"
    return f"{base}-{datetime.now():%Y%m%d-%H%M%S}"


def _recorded(name: str, studies_dir: str | Path) -> Study:
    """Open a study whose run has just ended and write its summary, its front and its plot beside its trials."""
    from autocompress.report.record import write_record

    study = open_study(name, studies_dir)
    write_record(study.summary, study.folder)
    return study
