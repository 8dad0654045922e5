"""Fine-tunes a checkpoint without a trained head into the teacher, and predicts with transformers models."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from autocompress.distillation.mixed_precision import autocast
from autocompress.distillation.training import Callbacks, Trainer, TrainingSettings
from autocompress.distillation.training_state import TrainingState
from autocompress.networks.families import FAMILIES
from autocompress.networks.loading import output_layer, word_embeddings
from autocompress.system.events import Event, Listener, silent
from autocompress.tasks.encoding import EncodedDataset, EncodedSplit
from autocompress.tasks.metrics import metric_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

BATCH, BEST, HISTORY = 32, "validation", "history"
MOST_EPOCHS = 8
RISING = 0.002
"""Gain of the metric in the last epoch from which on more epochs are likely to help."""
TIMED_STEPS = 3


@dataclass(frozen=True)
class TeacherSettings:
    """Settings of the fine-tuning.

    ``budget_s`` is the longest it may take, in seconds. Without ``max_epochs`` it has the usual number of epochs;
    without ``learning_rate`` the rate follows from the hidden size. Events call the model by ``name``.
    """

    budget_s: float
    max_epochs: int | None = None
    learning_rate: float | None = None
    seed: int = 0
    name: str = "teacher"

    def epochs(self, rows: int) -> int:
        """Return ``max_epochs``, or the number of epochs for training data of ``rows`` rows."""
        return self.max_epochs or usual_epochs(rows)

    def rate(self, hidden_size: int) -> float:
        """Return ``learning_rate``, or 3e-5 for a hidden size from 768 on and more for narrower models."""
        return self.learning_rate if self.learning_rate is not None else 3e-5 * max(768 / hidden_size, 1.0) ** 1.5


def usual_epochs(rows: int) -> int:
    """Return the epochs after which fine-tuning is mostly done: 3 to 8, so that small data give 20,000 examples."""
    return min(max(round(20_000 / rows), 3), MOST_EPOCHS)


def affordable_epochs(rows: int, epoch_s: float, budget_s: float) -> int:
    """Return the usual epochs, or up to twice as many (at most ``MOST_EPOCHS``) where ``budget_s`` seconds allow it.

    The learning rate falls over all of them, and the weights that are best on validation data are kept.
    """
    usual = usual_epochs(rows)
    return max(usual, min(int(budget_s / epoch_s), 2 * usual, MOST_EPOCHS)) if epoch_s > 0 else usual


@dataclass(frozen=True)
class FineTuning:
    """The result of a fine-tuning.

    ``values`` are the metric on the validation split after each epoch and at the end, ``epochs`` how many were done
    and ``wanted`` how many there are usually without a time budget.
    """

    values: tuple[float, ...]
    epochs: float
    wanted: int

    @property
    def best(self) -> float:
        """The metric of the weights that are kept, on the validation split."""
        return max(self.values)

    @property
    def was_rising(self) -> bool:
        """Whether time ran out before all epochs were done, and the last value was the best."""
        return self.epochs < self.wanted - 0.05 and self.values[-1] == self.best

    def hint(self, metric: str, time_budget_s: float) -> str | None:
        """Tell the user what more time would give, if the metric was still rising; else None."""
        if not self.was_rising:
            return self._last_gain(metric)
        shown = " -> ".join(f"{value:.4f}" for value in self.values)
        rising = "still rising, " if len(self.values) > 1 else ""
        minutes = math.ceil(time_budget_s * self.wanted / max(self.epochs, 0.1) / 60)
        return (
            f"fine-tuning had time for {self.epochs:.1f} of {self.wanted} epochs, with validation {metric} {rising}"
            f"{shown}; with --time-budget {minutes}m the teacher would have time for all, and likely be better"
        )

    def _last_gain(self, metric: str) -> str | None:
        """Tell what the last epoch gave if the metric still rose in it and more time would allow more epochs."""
        gain = self.values[-1] - self.values[-2] if len(self.values) > 1 else 0.0
        may_go_on = self.epochs < min(2 * self.wanted, MOST_EPOCHS) - 0.05
        if not may_go_on or self.values[-1] < self.best or gain <= RISING:
            return None
        return (
            f"the last of {self.epochs:.0f} epochs of fine-tuning gave {100 * gain:.1f} points of validation {metric}: "
            f"a longer --time-budget has room for more epochs, and the teacher might be a little better"
        )


def seconds_wanted(model: PreTrainedModel, data: EncodedDataset, settings: TeacherSettings) -> float:
    """Estimate the seconds that all epochs take, by timing a few steps without updates."""
    split = data.train
    rows = np.random.default_rng(settings.seed).permutation(len(split))
    batches = [rows[begin : begin + BATCH] for begin in range(0, (1 + TIMED_STEPS) * BATCH, BATCH)]
    model.train()
    begun = 0.0
    for number, indices in enumerate(part for part in batches if len(part)):
        if number == 1:  # the first step also allocates
            begun = time.monotonic()
        torch.autograd.backward(_loss(model, data, indices))
        model.zero_grad(set_to_none=True)
    timed = sum(len(part) for part in batches[1:])
    return settings.epochs(len(split)) * len(split) * (time.monotonic() - begun) / timed if timed else 0.0


def fine_tune(
    model: PreTrainedModel,
    data: EncodedDataset,
    settings: TeacherSettings,
    listener: Listener = silent,
    state: TrainingState | None = None,
) -> FineTuning:
    """Train ``model`` in place on the training split, and leave it with its best weights on the validation split.

    Word embeddings stay frozen, for their update takes a third of a step. With a ``state`` the training continues where
    an interrupted one stopped.
    """
    torch.manual_seed(settings.seed)
    split = data.train
    data.task.definition.start_head(output_layer(model), split.labels)
    word_embeddings(model).requires_grad_(False)
    best: dict[str, Tensor] = {} if state is None else state.kept

    def loss_of(indices: np.ndarray) -> Tensor:
        return _loss(model, data, indices)

    def on_epoch(number: int) -> None:
        value = metric_of(data.task, predict_logits(model, data.validation, data.pad_id), data.validation.labels)
        listener(Event("note", f"{settings.name} after epoch {number}: validation {data.task.metric} {value:.4f}"))
        _record(best, value, model)
        model.train()

    model.train()
    rate = settings.rate(FAMILIES[model.config.model_type].size(model.config, "hidden_size"))
    training = TrainingSettings(rate, settings.budget_s, settings.epochs(len(split)), BATCH, seed=settings.seed)
    callbacks = Callbacks(f"fine-tuning the {settings.name}", listener, on_epoch)
    report = Trainer(model.parameters(), split.lengths, training, callbacks, state).train(loss_of)
    wanted = min(settings.epochs(len(split)), usual_epochs(len(split)))
    return FineTuning(_restore(best, model), report.epochs, wanted)


def _record(best: dict[str, Tensor], value: float, model: PreTrainedModel) -> None:
    """Add a metric's value to the history in ``best``, with the model's weights if none was better."""
    if not best or value >= float(best[BEST]):
        best[BEST] = torch.tensor(value, dtype=torch.float64)
        best.update({name: tensor.detach().clone() for name, tensor in model.state_dict().items()})
    known = best.get(HISTORY, torch.zeros(0, dtype=torch.float64))
    best[HISTORY] = torch.cat([known, torch.tensor([value], dtype=torch.float64)])


def _restore(best: dict[str, Tensor], model: PreTrainedModel) -> tuple[float, ...]:
    """Put the best weights into the model, in evaluation mode, and return the history of the metric."""
    best.pop(BEST)
    values = tuple(float(value) for value in best.pop(HISTORY))
    model.load_state_dict(best)
    model.train(False)
    return values


def _loss(model: PreTrainedModel, data: EncodedDataset, indices: np.ndarray) -> Tensor:
    """The loss on the training rows ``indices``."""
    with autocast():
        inputs, labels = _tensors(model, data.train, indices, data.pad_id)
        return data.task.definition.label_loss(model(**inputs).logits, labels)


def predict_logits(model: PreTrainedModel, split: EncodedSplit, pad_id: int, *, exact: bool = False) -> np.ndarray:
    """Return the logits [n, num_outputs] of a transformers model for a split of n texts.

    Batches hold texts of similar length. ``exact`` computes in float32; otherwise in the processor's fastest type.
    """
    model.train(False)
    order = np.argsort(split.lengths, kind="stable")
    outputs = np.empty((len(split), int(model.config.num_labels or 1)), np.float32)
    with torch.inference_mode(), nullcontext() if exact else autocast():
        for begin in range(0, len(order), 2 * BATCH):
            indices = order[begin : begin + 2 * BATCH]
            inputs, _ = _tensors(model, split, indices, pad_id)
            outputs[indices] = model(**inputs).logits.float().numpy()
    return outputs


def _tensors(
    model: PreTrainedModel, split: EncodedSplit, indices: np.ndarray, pad_id: int
) -> tuple[Mapping[str, Any], Tensor]:
    batch = split.batch(indices, pad_id)
    inputs = {"input_ids": torch.from_numpy(batch.input_ids), "attention_mask": torch.from_numpy(batch.attention_mask)}
    if FAMILIES[model.config.model_type].reads_token_types(model.config):
        inputs["token_type_ids"] = torch.from_numpy(batch.token_type_ids)
    return inputs, torch.from_numpy(batch.labels)
