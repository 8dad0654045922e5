"""Defines a problem: which model to compress, on which data, for which target, constraints and budget."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields
from typing import Any

from autocompress.system.errors import InputError
from autocompress.system.serialization import Stored, fields_of

VERSION = 1
SHORTEST_BUDGET_S = 120.0
LARGEST_SEED = 2**32 - 1
LATENCY_STATISTICS = ("mean", "p50", "p95")


@dataclass(frozen=True)
class DataSource(Stored):
    """Names the labelled text: the files of the splits, the columns and the kind of task.

    ``train`` may instead be a name that the ``datasets`` library knows, and is None for the built-in demo. A split that
    is None is taken from the training rows, a column that is None is found by its usual names. ``task`` is a key of
    ``TASK_KINDS``, which is checked when the data are read; None lets the checkpoint and the labels decide. Raises
    InputError if a name is empty or not valid Unicode, or if anything is given without ``train``.
    """

    train: str | None = None
    validation: str | None = None
    test: str | None = None
    text_columns: tuple[str, ...] | None = None
    label_column: str | None = None
    task: str | None = None

    def __post_init__(self) -> None:
        names = {name: getattr(self, name) for name in ("train", "validation", "test", "label_column")}
        columns = {f"text_columns[{place}]": name for place, name in enumerate(self.text_columns or ())}
        for name, value in (names | columns).items():
            if value is not None and not value.strip():
                raise InputError(f"{name} must not be empty, but got {value!r}; leave it out or name one")
            if value is not None and re.search("[\ud800-\udfff]", value):
                raise InputError(f"{name} must be valid Unicode, but got {value!r}; rename the file or the column")
        beside = [
            name for name in ("validation", "test", "text_columns", "label_column", "task") if getattr(self, name)
        ]
        if self.train is None and beside:
            raise InputError(f"training data must be given too, but got only {', '.join(beside)}; add --train")


@dataclass(frozen=True)
class Target(Stored):
    """Describes how the model will be served: texts per request, threads, and the latency statistic that is bounded.

    Models are measured in the same way. InputError for a count below 1 or an unknown statistic.
    """

    batch_size: int = 1
    threads: int = 1
    latency_statistic: str = "p95"

    def __post_init__(self) -> None:
        for name in ("batch_size", "threads"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, but got {getattr(self, name)}")
        if self.latency_statistic not in LATENCY_STATISTICS:
            raise InputError(
                f"latency statistic must be one of {', '.join(LATENCY_STATISTICS)}, but got {self.latency_statistic!r}"
            )


@dataclass(frozen=True)
class Constraints(Stored):
    """Holds upper bounds on latency, size and memory and lower bounds on quality; None means no bound.

    ``max_drop`` is the quality that may be lost to the teacher, in points (1.0 is 0.01 of the metric); ``min_quality``
    is a fraction. Quality is that on validation data, never on test data. InputError for bounds out of range.
    """

    max_latency_ms: float | None = None
    max_size_bytes: int | None = None
    max_memory_bytes: int | None = None
    max_drop: float | None = None
    min_quality: float | None = None

    def __post_init__(self) -> None:
        for name in ("max_latency_ms", "max_size_bytes", "max_memory_bytes"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise InputError(f"{name} must be greater than zero, but got {value}")
        if self.max_drop is not None and not 0 <= self.max_drop <= 100:
            raise InputError(f"0 <= max drop <= 100 points must hold, but got {self.max_drop}")
        if self.min_quality is not None and not 0 <= self.min_quality <= 1:
            raise InputError(f"0 <= min quality <= 1 must hold (a fraction: 0.87 for 87%), but got {self.min_quality}")


@dataclass(frozen=True)
class Problem(Stored):
    """Holds everything that is asked of a search.

    ``model`` is a checkpoint folder or hub name, None for the built-in demo's. ``student`` is another, small one from
    which students start, while ``model`` teaches them; None lets them start from ``model``. ``time_budget_s`` is
    wall-clock time for all phases, ``trials`` the largest number of trials and ``workers`` the number of parallel
    builders; None leaves them to the time and to the cores. With ``accept_teacher`` a checkpoint's trained head is used
    even if a check against the labels fails. InputError for values out of range.
    """

    model: str | None = None
    data: DataSource = DataSource()
    target: Target = Target()
    constraints: Constraints = Constraints()
    time_budget_s: float = 900.0
    trials: int | None = None
    space: str = "joint"
    sampler: str = "surrogate"
    workers: int | None = None
    ray_address: str | None = None
    seed: int = 0
    accept_teacher: bool = False
    student: str | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.time_budget_s) and self.time_budget_s >= SHORTEST_BUDGET_S):
            raise InputError(
                f"the time budget must be at least 2m (baselines and the final check need most of that), "
                f"but got {self.time_budget_s:.0f}s"
            )
        if self.trials is not None and self.trials < 1:
            raise InputError(f"trials must be at least 1, but got {self.trials}")
        if self.workers is not None and self.workers < 1:
            raise InputError(f"workers must be at least 1, but got {self.workers}")
        if not 0 <= self.seed <= LARGEST_SEED:
            raise InputError(f"0 <= seed <= {LARGEST_SEED} must hold, but got {self.seed}")
        for name in ("model", "student"):
            reference = getattr(self, name)
            if reference is not None and not reference.strip():
                raise InputError(f"{name} must be a checkpoint folder or a hub name, but got {reference!r}")

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form with its version, without a ``student`` that is None; ``from_json`` reads it back."""
        fields = {"version": VERSION, **super().to_json()}
        if self.student is None:
            del fields["student"]
        return fields

    @classmethod
    def from_json(cls, data: Any) -> Problem:
        """Read the JSON form; InputError if it has another version or is not a problem."""
        return super().from_json(fields_of(data, "problem", VERSION))


def differences(old: Problem, new: Problem) -> list[str]:
    """List the fields that differ, as ``constraints.max_latency_ms: 20.0 -> 10.0``.

    What may differ when a study is resumed is left out: time budget, trials, workers and Ray address.
    """
    free = {"time_budget_s", "trials", "workers", "ray_address"}
    lines = []
    for field in fields(Problem):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if field.name in free or before == after:
            continue
        if field.name in ("data", "target", "constraints"):
            pairs = (
                (f"{field.name}.{f.name}", getattr(before, f.name), getattr(after, f.name)) for f in fields(before)
            )
        else:
            pairs = ((field.name, a, b) for a, b in ((before, after),))
        lines += [f"{name}: {a} -> {b}" for name, a, b in pairs if a != b]
    return lines
