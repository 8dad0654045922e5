"""Which processor cores measure and which do everything else."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from autocompress.errors import InputError


@dataclass(frozen=True)
class Cores:
    """The last ``threads`` usable cores measure, the others build; without others, the two never run at once."""

    building: tuple[int, ...]
    measuring: tuple[int, ...]

    @property
    def apart(self) -> bool:
        """Whether a build does not disturb a measurement."""
        return not set(self.building) & set(self.measuring)


def split_cores(usable: Collection[int], threads: int) -> Cores:
    """Divide the ``usable`` cores; InputError if there are fewer than ``threads``."""
    ordered = tuple(sorted(usable))
    if threads > len(ordered):
        raise InputError(f"threads must not exceed the machine's {len(ordered)} usable cores, but got {threads}")
    if threads == len(ordered):
        return Cores(ordered, ordered)
    return Cores(ordered[:-threads], ordered[-threads:])


def usable_cores() -> tuple[int, ...]:
    """The cores this process may run on, no more of them than its control group pays for."""
    cores = tuple(sorted(os.sched_getaffinity(0)))
    with suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        if quota != "max":
            return cores[: max(1, int(quota) // int(period))]
    return cores


def pin(cores: Collection[int]) -> None:
    """Keep every thread of this process, and the processes they start from now on, to ``cores``."""
    for thread in Path("/proc/self/task").iterdir():
        with suppress(ProcessLookupError, FileNotFoundError):
            os.sched_setaffinity(int(thread.name), cores)


@contextmanager
def pinned(cores: Collection[int]) -> Iterator[None]:
    """``pin`` for a while."""
    before = os.sched_getaffinity(0)
    pin(cores)
    try:
        yield
    finally:
        pin(before)
