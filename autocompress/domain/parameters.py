"""Describes each parameter of a search once, for both ``--help`` and the docstring of ``autocompress.search``.

Types and defaults are in the signature; ``Problem`` and its parts check the values.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

PLACE = "{parameters}"
_WIDTH = 112
_Function = TypeVar("_Function", bound=Callable[..., object])


@dataclass(frozen=True)
class Parameter:
    """Describes one parameter.

    ``meaning`` is a sentence without its full stop, which both interfaces show. On the command line, where values have
    units, ``option`` continues it. In Python, the sentences ``python`` follow it: unit, range, and the meaning of None.
    """

    meaning: str
    option: str = ""
    python: str = ""

    @property
    def help(self) -> str:
        """Return the text that ``--help`` shows."""
        return f"{self.meaning}{self.option}."


PARAMETERS = {
    "model": Parameter("Checkpoint folder or hub name; without it, the demo's"),
    "student": Parameter(
        "Small checkpoint from which students start while the model teaches them, a folder, hub name or demo",
        python="None: they start from the model itself.",
    ),
    "train": Parameter("CSV, TSV, JSON, JSONL or Parquet file, or a data set's name", python="None: the demo's data."),
    "validation": Parameter("File for steering; else a split is made"),
    "test": Parameter("File looked at once, at the end; else a split is made"),
    "text_columns": Parameter(
        "Column of text", "; give it twice for pairs", "Two for pairs. None: found by its usual names."
    ),
    "label_column": Parameter("Column of labels", python="None: found by its usual names."),
    "task": Parameter("classification or regression; else the checkpoint and the labels decide"),
    "max_latency_ms": Parameter(
        "Upper bound on latency", ", e.g. 20ms", "Milliseconds, above 0; of ``latency_statistic``."
    ),
    "max_size_bytes": Parameter("Upper bound on the file", ", e.g. 10MB", "Bytes, above 0."),
    "max_memory_bytes": Parameter(
        "Upper bound on the peak memory of a serving process", ", e.g. 300MB", "Bytes, above 0."
    ),
    "max_drop": Parameter(
        "Points of quality that may be lost to the teacher, e.g. 1.0",
        python="From 0 to 100, on validation data; one point is 0.01 of the task's metric.",
    ),
    "min_quality": Parameter("Least quality, a fraction, e.g. 0.87", python="From 0 to 1, on validation data."),
    "time_budget_s": Parameter("Wall-clock time for everything", python="Seconds, at least 120."),
    "trials": Parameter("At most so many trials", python="At least 1. None: as many as fit in the time."),
    "study": Parameter("Name of the new study", python="None: made of the training file's name, date and time."),
    "studies_dir": Parameter("Folder that holds the studies"),
    "space": Parameter("What may vary: joint, architecture, precision, sparsity, student or exits"),
    "sampler": Parameter("Who proposes trials: surrogate, tpe, nsga2 or random"),
    "batch_size": Parameter("Texts per request", python="At least 1."),
    "threads": Parameter("Threads that serve a request", python="At least 1."),
    "latency_statistic": Parameter("What --max-latency bounds: mean, p50 or p95"),
    "workers": Parameter("Parallel builders", python="At least 1. None: the cores that serving leaves."),
    "ray_address": Parameter("Run the trials on this Ray cluster", python="None: on this machine."),
    "seed": Parameter("Seed of everything random", python="From 0 to 2**32 - 1."),
    "accept_teacher": Parameter("Use the checkpoint's trained head even if the labels speak against it"),
    "on_event": Parameter("Function that is called with each ``Event`` of the search, in this process"),
}


def documented(function: _Function) -> _Function:
    """Replace ``{parameters}`` in the docstring of ``function`` by type, default and meaning of each parameter.

    Returns the same function. Raises KeyError if ``PARAMETERS`` lacks one of its parameters.
    """
    lines = "\n".join(_lines(function))
    if function.__doc__ is not None:  # as under python -OO
        function.__doc__ = function.__doc__.replace(f"        {PLACE}", textwrap.indent(lines, "        "))
    return function


def _lines(function: Callable[..., object]) -> Iterator[str]:
    for name, parameter in inspect.signature(function).parameters.items():
        described = PARAMETERS[name]
        text = f"{described.meaning.replace('--max-latency', '``max_latency_ms``')}. {described.python}".strip()
        yield textwrap.fill(
            f"{name} ({parameter.annotation}, default {parameter.default!r}): {text}",
            width=_WIDTH,
            subsequent_indent="    ",
            break_on_hyphens=False,
            break_long_words=False,
        )
