"""Describes what a measured figure depends on besides the file: processor, operating system, library versions."""

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from autocompress.hardware.processor import instruction_sets, read_cpuinfo

_MODEL_KEYS = ("vendor_id", "model name", "cpu family", "model", "stepping", "CPU implementer", "CPU part")


def hardware_fingerprint(threads: int) -> dict[str, Any]:
    """Return a JSON object of what latency on this machine depends on; equal on every call between two upgrades.

    Memory is rounded to GiB, since the kernel's own share changes from boot to boot.
    """
    told = read_cpuinfo()
    system, release = platform.system(), platform.release()
    return {
        "cpu": told.get("model name") or platform.processor() or platform.machine(),
        "cpu_id": " ".join(told.get(key, "") for key in _MODEL_KEYS if key != "model name").strip(),
        "machine": platform.machine(),
        "instruction_sets": instruction_sets(told),
        "cores": os.cpu_count() or 1,
        "threads": threads,
        "memory_gib": _memory_gib(),
        "system": f"{system} {'.'.join(release.split('.')[:2])}",
        "python": platform.python_version(),
        **{name: _version(name) for name in ("onnxruntime", "numpy")},
    }


def fingerprint_digest(fingerprint: Mapping[str, Any]) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of the canonical JSON form."""
    canonical = json.dumps(fingerprint, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _memory_gib() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
