"""Runs forward passes in bfloat16 on processors that multiply it faster than float32."""

from __future__ import annotations

import math
import time
from functools import cache

import torch

REPEATS = 12


def autocast() -> torch.autocast:
    """Return a context that computes in bfloat16 where this processor does so faster, and in float32 elsewhere."""
    return torch.autocast("cpu", torch.bfloat16, enabled=_bfloat16_is_faster())


@cache
def _bfloat16_is_faster() -> bool:
    """Time a matrix product of a small encoder's size in both types and compare the best of ``REPEATS`` runs each.

    The processor's instruction sets do not answer this: one with AVX-512 BF16 may still be faster in float32.
    """
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    best_s = {torch.float32: math.inf, torch.bfloat16: math.inf}
    with torch.inference_mode():
        operands = {dtype: (torch.ones(512, 384, dtype=dtype), torch.ones(384, 1536, dtype=dtype)) for dtype in best_s}
        for _ in range(REPEATS):
            for dtype, (left, right) in operands.items():
                started = time.perf_counter()
                torch.mm(left, right)
                best_s[dtype] = min(best_s[dtype], time.perf_counter() - started)
    return best_s[torch.bfloat16] < best_s[torch.float32]
