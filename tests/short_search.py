"""Whole searches of the real program that are as short as they can be, and the program for a process of its own."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from autocompress.domain import problem
from autocompress.measurement import protocol
from autocompress.pipeline import schedule, verify_plan

BUDGET_S, RESUMED_S = 60.0, 45.0
"""What is resumed finds what was prepared."""
SHARES = {"teacher": 0.12, "baselines": 0.01, "super-network": 0.15, "search": 0.61, "refine": 0.08, "verify": 0.03}
"""Of so short a time a slow machine needs more than the usual tenth for eight trials, and the teacher more to learn."""
LEAST_RESUME_S = 30.0
SPAN_S = 2.0
"""Seconds for which one process times the final files."""
PROGRAM = [
    sys.executable,
    "-c",
    f"""
from autocompress.cli.main import main
from autocompress.domain import problem
from autocompress.measurement import protocol
from autocompress.pipeline import runs, schedule, verify_plan

runs.LEAST_RESUME_S, problem.SHORTEST_BUDGET_S = {LEAST_RESUME_S}, {LEAST_RESUME_S}
schedule.SHARES, protocol.SPAN_S, verify_plan.SPAN_S = {SHARES}, {SPAN_S}, {SPAN_S}
main()
""",
]


@contextmanager
def time_for_trials() -> Iterator[None]:
    """Searches in this process have the time shares of ``PROGRAM``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schedule, "SHARES", SHARES)
        patch.setattr(problem, "SHORTEST_BUDGET_S", LEAST_RESUME_S)
        for module in (protocol, verify_plan):
            patch.setattr(module, "SPAN_S", SPAN_S)
        yield
