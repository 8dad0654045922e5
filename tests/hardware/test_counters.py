"""Readings of a made-up system's files, and of this one."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from autocompress.hardware.counters import Reading, between, peak_memory_bytes, read_conditions

MINE = min(os.sched_getaffinity(0))
PROGRAM = """
from autocompress.hardware.counters import peak_memory_bytes
before = peak_memory_bytes()
ballast = b"x" * 100_000_000
del ballast
print(before, peak_memory_bytes())
"""


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """A system with one package of a wrapping counter, a part of it, and the clock and stolen time of one processor."""
    files = {
        "proc/self/status": "Name:\tpython\nVmPeak:\t 900 kB\nVmHWM:\t 12 kB\n",
        "proc/stat": f"cpu 9 9 9 9 9 9 9 9\ncpu{MINE} 1 2 3 4 5 6 7 {5 * os.sysconf('SC_CLK_TCK')} 0\n",
        f"sys/devices/system/cpu/cpu{MINE}/cpufreq/scaling_cur_freq": "2600000\n",
        "sys/class/powercap/intel-rapl:0/energy_uj": "900\n",
        "sys/class/powercap/intel-rapl:0/max_energy_range_uj": "999\n",
        "sys/class/powercap/intel-rapl:0:0/energy_uj": "5\n",
        "sys/class/powercap/intel-rapl:0:0/max_energy_range_uj": "999\n",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def test_what_a_system_tells_is_read(system: Path):
    reading = read_conditions(system)
    assert reading.stolen_s == {f"cpu{MINE}": 5.0}
    assert reading.clock_khz == {f"cpu{MINE}": 2.6e6}
    assert reading.energy_uj == {"intel-rapl:0": (900, 1000)}


def test_a_counter_that_starts_again_counts_on(system: Path):
    before = read_conditions(system)
    (system / "sys/class/powercap/intel-rapl:0/energy_uj").write_text("150\n")
    assert between(before, read_conditions(system)).joules == pytest.approx(250e-6)


def test_a_system_that_tells_nothing_disturbs_nothing(tmp_path: Path):
    conditions = between(read_conditions(tmp_path), read_conditions(tmp_path))
    assert conditions.stolen_share == conditions.clock_change == 0.0 and conditions.joules is None
    assert conditions.seconds > 0 and conditions.cpu_seconds >= 0


def test_energy_that_may_not_be_read_is_left_out(system: Path):
    (system / "sys/class/powercap/intel-rapl:0/energy_uj").write_text("denied")
    assert read_conditions(system).energy_uj == {}


def test_the_worst_processor_counts():
    before = Reading(0, 0, 10, {"cpu0": 1.0, "cpu1": 1.0}, {"cpu0": 2e6, "cpu1": 2e6}, {})
    after = replace(
        before, wall_ns=2 * 10**9, cpu_ns=10**9, switches=30, stolen_s={"cpu0": 1.0, "cpu1": 1.5},
        clock_khz={"cpu0": 2e6, "cpu1": 1.5e6},
    )  # fmt: skip
    conditions = between(before, after)
    assert (conditions.seconds, conditions.cpu_seconds, conditions.switches_per_s) == (2.0, 1.0, 10.0)
    assert (conditions.stolen_share, conditions.clock_change, conditions.joules) == (0.25, 0.25, None)


def test_this_system_is_read():
    before = read_conditions()
    sum(range(10**5))
    conditions = between(before, read_conditions())
    assert conditions.cpu_seconds > 0 and conditions.stolen_share >= 0 and conditions.switches_per_s >= 0


def test_peak_memory_counts_what_was_given_back_and_not_the_parent():
    ballast = b"x" * 300_000_000
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    before, after = (int(value) for value in done.stdout.split())
    assert len(ballast) > after >= before + 90_000_000


def test_linux_tells_peak_memory_in_kibibytes(system: Path):
    assert peak_memory_bytes(system) == 12 * 1024


def test_where_the_kernel_tells_no_peak_memory_the_resource_module_does(tmp_path: Path):
    assert peak_memory_bytes(tmp_path) > 1_000_000
