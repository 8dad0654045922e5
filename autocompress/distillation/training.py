"""Trains with AdamW within a time budget.

The learning rate follows the share of the budget that is used, so that its decay ends when the time does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from autocompress.distillation.step_threads import StepThreads
from autocompress.distillation.training_state import Position, TrainingState
from autocompress.system.errors import InputError
from autocompress.system.events import Event, Listener, silent
from autocompress.tasks.batching import length_bucketed_batches

SECONDS_BETWEEN_EVENTS = 0.5


@dataclass(frozen=True)
class TrainingSettings:
    """Sets how long to train and at which learning rates.

    A training ends after ``budget_s`` seconds or ``max_epochs`` passes over the data, whichever comes first. Its
    progress from 0 to 1 is the larger of the two used shares. ``warmup`` is the share of the progress in which the
    learning rate rises; ``max_gradient_norm`` is where gradients are clipped. InputError if the learning rate, the
    budget, the epochs or the batch size are not positive.
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

    def learning_rate_at(self, progress: float) -> float:
        """Return the learning rate at ``progress`` in [0, 1): a linear warm-up, then a linear decay to 2%."""
        return self.learning_rate * min(progress / self.warmup, 1.0, 1.02 - progress)


@dataclass(frozen=True)
class Callbacks:
    """Tells the caller how a training goes.

    ``listener`` gets progress events with this ``message``, two a second at most. ``on_epoch(number)`` is called after
    each epoch, counting from 1, and at the end of the training if that falls within an epoch.
    """

    message: str = "training"
    listener: Listener = silent
    on_epoch: Callable[[int], None] = lambda number: None


NO_CALLBACKS = Callbacks()


@dataclass(frozen=True)
class TrainingReport:
    """Counts what a training used: optimizer steps, passes over the data, wall-clock seconds."""

    steps: int
    epochs: float
    seconds: float


class Trainer:
    """Minimizes a loss over batches of examples of similar length.

    It trains those of ``parameters`` that require gradients. ``lengths`` [n] are the examples' numbers of tokens. With
    a ``state`` the training goes on where that was saved, with what was left of its budget.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lengths: NDArray[np.int64],
        settings: TrainingSettings,
        callbacks: Callbacks = NO_CALLBACKS,
        state: TrainingState | None = None,
    ) -> None:
        self._parameters = [parameter for parameter in parameters if parameter.requires_grad]
        self._optimizer = torch.optim.AdamW(
            self._parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay, foreach=True
        )
        self._lengths, self._settings, self._callbacks, self._state = lengths, settings, callbacks, state
        self._threads = StepThreads()
        restored = state.restore(self._parameters, self._optimizer) if state is not None else None
        self._position = restored or Position.first(settings.seed)
        self._resumed_at = self._position.progress
        self._started, self._last_event_s = time.monotonic(), 0.0

    def train(self, loss_of: Callable[[NDArray[np.int64]], Tensor]) -> TrainingReport:
        """Minimize ``loss_of(indices [B])``, a scalar; FloatingPointError when that is not finite."""
        self._started = time.monotonic()
        while self._finish_epoch(loss_of):
            self._callbacks.on_epoch(self._position.epoch)
        self._threads.use_all()
        if self._position.batch:
            self._callbacks.on_epoch(self._position.epoch + 1)
        return TrainingReport(self._position.steps, self._position.seen / len(self._lengths), self._elapsed_s())

    def _finish_epoch(self, loss_of: Callable[[NDArray[np.int64]], Tensor]) -> bool:
        """Train on the batches that are left of the epoch; False if the training ends before the last of them."""
        rng = self._position.random_generator()
        batches = length_bucketed_batches(self._lengths, self._settings.batch_size, rng)
        for indices in batches[self._position.batch :]:
            elapsed_s = self._elapsed_s()
            progress = self._progress(elapsed_s)
            if progress >= 1.0:
                return False
            self._threads.choose()
            self._step(loss_of(indices), self._settings.learning_rate_at(progress))
            self._threads.record(self._lengths[indices].max() * len(indices), self._elapsed_s() - elapsed_s)
            self._position = self._position.after_batch(len(indices), progress)
            if self._state is not None and self._state.is_due():
                self._state.save(self._parameters, self._optimizer, self._position)
            self._tell(elapsed_s, progress)
        self._position = self._position.next_epoch(rng)
        return True

    def _step(self, loss: Tensor, learning_rate: float) -> None:
        if not torch.isfinite(loss):
            raise FloatingPointError("the training loss is not finite")
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        self._optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self._parameters, self._settings.max_gradient_norm)
        self._optimizer.step()

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._started

    def _progress(self, elapsed_s: float) -> float:
        """The used share of the time or of the epochs, whichever is larger."""
        time_share = self._resumed_at + elapsed_s / self._settings.budget_s
        return max(time_share, self._position.seen / (self._settings.max_epochs * len(self._lengths)))

    def _tell(self, elapsed_s: float, progress: float) -> None:
        """Send a progress event with the seconds that are left at the pace so far, unless the last is too recent."""
        if elapsed_s - self._last_event_s <= SECONDS_BETWEEN_EVENTS:
            return
        self._last_event_s = elapsed_s
        left_s = elapsed_s * (1 - progress) / max(progress - self._resumed_at, 1e-6)
        self._callbacks.listener(Event("progress", self._callbacks.message, progress, left_s))
