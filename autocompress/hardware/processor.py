"""Reads what the processor can do, as far as the operating system tells."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import cache
from pathlib import Path

INSTRUCTION_SETS = (
    *("avx2", "fma", "avx_vnni", "avx512f", "avx512bw", "avx512_vnni", "avx512_bf16", "avx512_fp16"),
    *("amx_tile", "amx_int8", "amx_bf16", "asimd", "asimddp", "asimdhp", "i8mm", "bf16", "sve", "sve2", "sme"),
)
CPUINFO = Path("/proc/cpuinfo")


def read_cpuinfo(path: Path = CPUINFO) -> dict[str, str]:
    """Return keys and values of the first processor in /proc/cpuinfo; empty where it cannot be read."""
    try:
        first = path.read_text(encoding="utf-8", errors="replace").split("\n\n", maxsplit=1)[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def instruction_sets(told: Mapping[str, str]) -> list[str]:
    """Return those of ``INSTRUCTION_SETS`` that the processor of ``read_cpuinfo`` has."""
    flags = set((told.get("flags") or told.get("Features") or "").split())
    return [name for name in INSTRUCTION_SETS if name in flags]


@cache
def saturates() -> bool:
    """Whether this processor cuts the sum of two 8-bit products off at 16 bits, as x86 does without VNNI.

    ONNX Runtime multiplies unsigned by signed bytes with VPMADDUBSW there (its documentation, "Quantize ONNX models",
    on the data types).
    """
    return _saturates(platform.machine(), instruction_sets(read_cpuinfo()))


def _saturates(machine: str, known: list[str]) -> bool:
    return machine in ("x86_64", "AMD64") and not {"avx_vnni", "avx512_vnni"} & set(known)
