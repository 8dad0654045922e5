"""Reads what the operating system counts: the conditions of a measurement, and the peak memory of this process.

Conditions are the difference of two readings, before and after. What a system does not tell (stolen time and clocks
outside Linux, energy without RAPL or the right to read it) is left out. RAPL: Intel 64 and IA-32 Software Developer's
Manual, volume 3, section "Platform specific power management".
"""

from __future__ import annotations

import os
import resource
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")


@dataclass(frozen=True)
class Reading:
    """The counters at one moment; the clocks in nanoseconds, ``cpu_ns`` being this process's processor time.

    ``switches`` counts how often this process had to give a processor to another. ``stolen_s`` are the seconds that
    the hypervisor took, by processor that this process may use; ``clock_khz`` is the frequency by processor;
    ``energy_uj`` are microjoules by processor package, each with the value at which it starts again from zero.
    """

    wall_ns: int
    cpu_ns: int
    switches: int
    stolen_s: dict[str, float]
    clock_khz: dict[str, float]
    energy_uj: dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Conditions:
    """What happened between two readings.

    ``stolen_share`` (of the time) and ``clock_change`` (a fraction of the clock) are those of the processor with the
    most; ``joules`` is what the processor packages used, None where that cannot be read.
    """

    seconds: float
    cpu_seconds: float
    switches_per_s: float
    stolen_share: float
    clock_change: float
    joules: float | None


def read_conditions(root: Path = ROOT) -> Reading:
    """Read now what conditions are told from; ``root`` stands for the root of the file system."""
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return Reading(
        time.perf_counter_ns(),
        time.process_time_ns(),
        resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw,
        _stolen(root, allowed),
        _clocks(root, allowed),
        _energy(root),
    )


def between(before: Reading, after: Reading) -> Conditions:
    """Return the conditions from one reading to a later one."""
    seconds = max(after.wall_ns - before.wall_ns, 1) / 1e9
    stolen = [after.stolen_s[name] - value for name, value in before.stolen_s.items() if name in after.stolen_s]
    clocks = [
        abs(after.clock_khz[name] / khz - 1.0) for name, khz in before.clock_khz.items() if after.clock_khz.get(name)
    ]
    used = [
        (after.energy_uj[name][0] - value) % limit
        for name, (value, limit) in before.energy_uj.items()
        if name in after.energy_uj
    ]
    return Conditions(
        seconds=seconds,
        cpu_seconds=(after.cpu_ns - before.cpu_ns) / 1e9,
        switches_per_s=(after.switches - before.switches) / seconds,
        stolen_share=max(stolen, default=0.0) / seconds,
        clock_change=max(clocks, default=0.0),
        joules=sum(used) / 1e6 if used else None,
    )


def peak_memory_bytes(root: Path = ROOT) -> int:
    """Return the largest resident memory that this process has had so far, in bytes.

    Linux tells it as ``VmHWM``. Where that cannot be read, ``ru_maxrss`` is taken, which survives ``exec`` and may
    therefore be that of the parent.
    """
    with suppress(OSError):
        for line in (root / "proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _stolen(root: Path, allowed: list[int]) -> dict[str, float]:
    found = {}
    with suppress(OSError, ValueError):
        for line in (root / "proc/stat").read_text(encoding="ascii").splitlines():
            name, *columns = line.split()
            if name in {f"cpu{number}" for number in allowed} and len(columns) > 7:
                found[name] = float(columns[7]) / os.sysconf("SC_CLK_TCK")
    return found


def _clocks(root: Path, allowed: list[int]) -> dict[str, float]:
    found = {}
    for number in allowed:
        with suppress(OSError, ValueError):
            path = root / f"sys/devices/system/cpu/cpu{number}/cpufreq/scaling_cur_freq"
            found[f"cpu{number}"] = float(path.read_text(encoding="ascii"))
    return found


def _energy(root: Path) -> dict[str, tuple[int, int]]:
    """Read RAPL's package domains, ``intel-rapl:N`` on AMD too; they include their parts (``intel-rapl:N:M``)."""
    found = {}
    for domain in sorted((root / "sys/class/powercap").glob("intel-rapl:*")):
        if domain.name.count(":") == 1:
            with suppress(OSError, ValueError):
                value, limit = (int((domain / name).read_text()) for name in ("energy_uj", "max_energy_range_uj"))
                found[domain.name] = value, limit + 1
    return found
