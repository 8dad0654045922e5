"""How many cores a control group pays for, read from folders like the kernel's."""

from pathlib import Path

import pytest

from autocompress.hardware.cores import paid_cores

V2 = "0::/system.slice/docker-1.scope\n"
V1 = "5:memory:/docker/1\n4:cpu,cpuacct:/docker/1\n0::/\n"
QUOTA, PERIOD = "cpu.cfs_quota_us", "cpu.cfs_period_us"
TREES = {
    "no control groups": ("", {}, None),
    "version 2, at the root": ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
    "version 2, in its own group": (V2, {"system.slice/docker-1.scope/cpu.max": "200000 100000\n"}, 2.0),
    "version 2, in a group above": (
        V2,
        {"system.slice/cpu.max": "50000 100000\n", "system.slice/docker-1.scope/cpu.max": "max 100000\n"},
        0.5,
    ),
    "version 2, the least of all": (V2, {"cpu.max": "max 100000", "system.slice/cpu.max": "300000 50000"}, 6.0),
    "version 2, seen from inside": ("0::/../../1\n", {"cpu.max": "100000 100000\n"}, 1.0),
    "version 2, unlimited": (V2, {"system.slice/docker-1.scope/cpu.max": "max 100000\n"}, None),
    "version 1, in its own group": (
        V1,
        {f"cpu,cpuacct/docker/1/{QUOTA}": "300000", f"cpu,cpuacct/docker/1/{PERIOD}": "100000"},
        3.0,
    ),
    "version 1, seen from inside": (V1, {f"cpu/{QUOTA}": "50000\n", f"cpu/{PERIOD}": "100000\n"}, 0.5),
    "version 1, unlimited": (V1, {f"cpu/docker/1/{QUOTA}": "-1", f"cpu/docker/1/{PERIOD}": "100000"}, None),
    "both versions at once": (V1, {"unified/cpu.max": "100000 50000", f"cpu/docker/1/{QUOTA}": "-1"}, 2.0),
    "nonsense": (V2, {"cpu.max": "many few", "system.slice/cpu.max": "1 0", f"cpu/{QUOTA}": "x"}, None),
    "no file says the group": (None, {"cpu.max": "400000 100000"}, 4.0),
}


@pytest.mark.parametrize(("told", "files", "paid"), TREES.values(), ids=TREES)
def test_paid_cores(told: str | None, files: dict[str, str], paid: float | None, tmp_path: Path):
    if told is not None:
        (tmp_path / "proc/self").mkdir(parents=True)
        (tmp_path / "proc/self/cgroup").write_text(told)
    for name, content in files.items():
        path = tmp_path / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    assert paid_cores(tmp_path) == paid
