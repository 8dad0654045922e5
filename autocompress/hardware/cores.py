"""Chooses the processor cores that measure and those that do everything else, and pins threads to them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from autocompress.system.errors import InputError


@dataclass(frozen=True)
class Cores:
    """The cores that build trials and those that measure them; where they are the same, the two never run at once."""

    building: tuple[int, ...]
    measuring: tuple[int, ...]

    @property
    def apart(self) -> bool:
        """Whether the two share no core, so that a build does not disturb a measurement."""
        return not set(self.building) & set(self.measuring)


def split_cores(usable: Collection[int], threads: int) -> Cores:
    """Let the last ``threads`` of the ``usable`` cores measure; InputError if there are fewer than that."""
    ordered = tuple(sorted(usable))
    if threads > len(ordered):
        raise InputError(f"threads must not exceed the machine's {len(ordered)} usable cores, but got {threads}")
    if threads == len(ordered):
        return Cores(ordered, ordered)
    return Cores(ordered[:-threads], ordered[-threads:])


def usable_cores() -> tuple[int, ...]:
    """Return the cores that this process may run on, no more of them than its control groups pay for."""
    cores = tuple(sorted(os.sched_getaffinity(0)))
    paid = paid_cores()
    return cores if paid is None else cores[: max(1, int(paid))]


def paid_cores(root: Path = Path("/")) -> float | None:
    """Return the processor time, in cores, that this process's control groups allow it; None without a limit.

    Version 2 has ``cpu.max`` in every group below its root, version 1 ``cpu.cfs_quota_us`` and ``cpu.cfs_period_us``;
    a container may see its own group as the root, whatever path /proc/self/cgroup says. ``root`` stands for the file
    system's.
    """
    shares = [share for folder in _groups(root) for share in (_share_v2(folder), _share_v1(folder)) if share]
    return min(shares, default=None)


def _groups(root: Path) -> set[Path]:
    """Return the folders of this process's control groups and of those above them."""
    mounted = root / "sys/fs/cgroup"
    groups = {mounted, mounted / "cpu", mounted / "cpu,cpuacct"}
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text(encoding="utf-8", errors="replace").splitlines():
            controllers, _, path = line.partition(":")[2].partition(":")
            tops = [mounted, mounted / "unified"]
            if controllers:
                tops = [mounted / "cpu", mounted / controllers] if "cpu" in controllers.split(",") else []
            parts = [part for part in path.split("/") if part not in ("", ".", "..")]
            groups |= {top.joinpath(*parts[:depth]) for top in tops for depth in range(len(parts) + 1)}
    return groups


def _share_v2(folder: Path) -> float | None:
    with suppress(OSError, ValueError, ZeroDivisionError):
        quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        return int(quota) / int(period)
    return None


def _share_v1(folder: Path) -> float | None:
    with suppress(OSError, ValueError, ZeroDivisionError):
        quota = int((folder / "cpu.cfs_quota_us").read_text(encoding="ascii"))
        period = int((folder / "cpu.cfs_period_us").read_text(encoding="ascii"))
        return quota / period if quota > 0 else None
    return None


def pin(cores: Collection[int]) -> None:
    """Pin every thread of this process, and the processes they start from then on, to ``cores``."""
    try:
        threads = [int(thread.name) for thread in Path("/proc/self/task").iterdir()]
    except OSError:
        threads = [0]
    for thread in threads:
        with suppress(ProcessLookupError, FileNotFoundError):
            os.sched_setaffinity(thread, cores)


@contextmanager
def pinned(cores: Collection[int]) -> Iterator[None]:
    """Pin as ``pin`` does, and undo it at the end of the block."""
    before = os.sched_getaffinity(0)
    pin(cores)
    try:
        yield
    finally:
        pin(before)
