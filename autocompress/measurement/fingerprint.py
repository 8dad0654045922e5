"""What a measured figure depends on besides the file: the processor, the system and the library versions."""

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

INSTRUCTION_SETS = (
    *("avx2", "fma", "avx_vnni", "avx512f", "avx512bw", "avx512_vnni", "avx512_bf16", "avx512_fp16"),
    *("amx_tile", "amx_int8", "amx_bf16", "asimd", "asimddp", "asimdhp", "i8mm", "bf16", "sve", "sve2", "sme"),
)
_MODEL_KEYS = ("vendor_id", "model name", "cpu family", "model", "stepping", "CPU implementer", "CPU part")


def hardware_fingerprint(threads: int) -> dict[str, Any]:
    """A JSON object of what latency on this machine depends on; equal on every call between two upgrades.

    Memory is rounded to GiB, since the kernel's own share changes from boot to boot.
    """
    processor = _processor(Path("/proc/cpuinfo"))
    system, release = platform.system(), platform.release()
    return {
        "cpu": processor.get("model name") or platform.processor() or platform.machine(),
        "cpu_id": " ".join(processor.get(key, "") for key in _MODEL_KEYS if key != "model name").strip(),
        "machine": platform.machine(),
        "instruction_sets": _instruction_sets(processor),
        "cores": os.cpu_count() or 1,
        "threads": threads,
        "memory_gib": _memory_gib(),
        "system": f"{system} {'.'.join(release.split('.')[:2])}",
        "python": platform.python_version(),
        **{name: _version(name) for name in ("onnxruntime", "numpy")},
    }


def fingerprint_digest(fingerprint: Mapping[str, Any]) -> str:
    """SHA-256 (hex, 16 digits) of the canonical JSON form."""
    canonical = json.dumps(fingerprint, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _processor(path: Path) -> dict[str, str]:
    """Keys and values of the first processor in /proc/cpuinfo; empty where there is no such file."""
    if not path.exists():
        return {}
    first = path.read_text(encoding="utf-8", errors="replace").split("\n\n", maxsplit=1)[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _instruction_sets(processor: Mapping[str, str]) -> list[str]:
    flags = set((processor.get("flags") or processor.get("Features") or "").split())
    return [name for name in INSTRUCTION_SETS if name in flags]


def _memory_gib() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
