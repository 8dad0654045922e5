"""One training loop whose learning rate follows the time budget, so that it always ends well and on time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from autocompress.distillation.step_threads import StepThreads
from autocompress.distillation.training_state import Position, TrainingState
from autocompress.system.errors import InputError
from autocompress.system.events import Event, Listener, silent
from autocompress.tasks.batching import length_bucketed_batches

TRIED = 12


@dataclass(frozen=True)
class TrainingSettings:
    """``budget_s`` and ``max_epochs`` both end the training, whichever comes first.

    The learning rate rises linearly over the first ``warmup`` share of the training and falls linearly to zero at its
    end. Progress is the larger of the used shares of the time and of the epochs.
    """

    learning_rate: float
    budget_s: float
    max_epochs: float
    batch_size: int = 32
    warmup: float = 0.06
    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("learning_rate", "budget_s", "max_epochs", "batch_size"):
            if getattr(self, name) <= 0:
                raise InputError(f"{name} must be greater than zero, but got {getattr(self, name)}")


@dataclass(frozen=True)
class TrainingReport:
    """What a training used: optimizer steps, passes over the data, wall-clock seconds."""

    steps: int
    epochs: float
    seconds: float


def train(
    parameters: Iterable[nn.Parameter],
    loss_of: Callable[[np.ndarray, float], Tensor],
    lengths: np.ndarray,
    settings: TrainingSettings,
    *,
    message: str = "training",
    listener: Listener = silent,
    on_epoch: Callable[[int], None] | None = None,
    state: TrainingState | None = None,
) -> TrainingReport:
    """Minimise ``loss_of(indices [B], progress)`` over length-bucketed batches of the examples with these ``lengths``.

    ``progress`` goes from 0 to 1. ``on_epoch(number)`` is called after each whole epoch and at the end. With ``state``
    the training goes on where that was saved, and what is left of it has the same share of the budget.
    Raises FloatingPointError when the loss is not finite.
    """
    trained = [p for p in parameters if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=settings.weight_decay, foreach=True)
    rng = np.random.default_rng(settings.seed)
    begun = Position(rng.bit_generator.state)  # type: ignore[arg-type]
    at = begun = (state.restore(trained, optimizer) if state is not None else None) or begun
    threads = StepThreads()
    start, told, progress = time.monotonic(), 0.0, begun.progress
    while progress < 1.0:
        rng.bit_generator.state = at.generator
        batches = length_bucketed_batches(lengths, settings.batch_size, rng)
        for indices in batches[at.batch :]:
            elapsed = time.monotonic() - start
            progress = max(begun.progress + elapsed / settings.budget_s, at.seen / (settings.max_epochs * len(lengths)))
            if progress >= 1.0:
                break
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * min(progress / settings.warmup, 1.0, 1.02 - progress)
            threads.choose()
            _step(optimizer, trained, loss_of(indices, progress), settings.max_gradient_norm)
            threads.learn(lengths[indices].max() * len(indices), time.monotonic() - start - elapsed)
            at = replace(at, progress=progress, steps=at.steps + 1, seen=at.seen + len(indices), batch=at.batch + 1)
            if state is not None and state.is_due():
                state.save(trained, optimizer, at)
            if elapsed - told > 0.5:
                told = elapsed
                listener(
                    Event(
                        "progress", message, progress, elapsed * (1 - progress) / max(progress - begun.progress, 1e-6)
                    )
                )
        else:
            at = replace(at, generator=rng.bit_generator.state, epoch=at.epoch + 1, batch=0)
            if on_epoch is not None:
                on_epoch(at.epoch)
    threads.settle()
    if on_epoch is not None and at.batch:
        on_epoch(at.epoch + 1)
    return TrainingReport(at.steps, at.seen / len(lengths), time.monotonic() - start)


def autocast() -> torch.autocast:
    """bfloat16 where this processor multiplies it faster than float32, else plain float32."""
    return torch.autocast("cpu", torch.bfloat16, enabled=_bfloat16_pays())


@cache
def _bfloat16_pays() -> bool:
    """Whether a product of the size of a small encoder's takes less time in bfloat16, by the best of several turns.

    What a processor says of itself does not tell: one with AVX-512 BF16 may still be faster in float32.
    """
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    best = {torch.float32: math.inf, torch.bfloat16: math.inf}
    with torch.inference_mode():
        operands = {kind: (torch.ones(512, 384, dtype=kind), torch.ones(384, 1536, dtype=kind)) for kind in best}
        for _ in range(TRIED):
            for kind, (left, right) in operands.items():
                begun = time.perf_counter()
                torch.mm(left, right)
                best[kind] = min(best[kind], time.perf_counter() - begun)
    return best[torch.bfloat16] < best[torch.float32]


def _step(optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter], loss: Tensor, max_norm: float) -> None:
    if not torch.isfinite(loss):
        raise FloatingPointError("the training loss is not finite")
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(parameters, max_norm)
    optimizer.step()
