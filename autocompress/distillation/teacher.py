"""The teacher: a checkpoint with a trained head as it is, or fine-tuned here on the training split."""

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
from autocompress.networks.loading import output_layer
from autocompress.system.events import Event, Listener, silent
from autocompress.tasks.encoding import EncodedDataset, EncodedSplit
from autocompress.tasks.metrics import metric_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

BATCH, BEST, HISTORY = 32, "validation", "history"
TIMED_STEPS = 3


@dataclass(frozen=True)
class TeacherSettings:
    """How a checkpoint without a head is fine-tuned. Word embeddings stay frozen: their update is a third of a step.

    Without ``max_epochs`` small data are seen more often: 3 to 8 epochs, about 20,000 examples.
    """

    budget_s: float
    max_epochs: int | None = None
    learning_rate: float | None = None
    seed: int = 0

    def epochs(self, rows: int) -> int:
        """The given number of epochs, or as many as small data want."""
        return self.max_epochs or min(max(round(20_000 / rows), 3), 8)

    def rate(self, hidden_size: int) -> float:
        """The given learning rate, or 3e-5 at hidden size 768 and more for narrower models."""
        return self.learning_rate if self.learning_rate is not None else 3e-5 * max(768 / hidden_size, 1.0) ** 1.5


@dataclass(frozen=True)
class FineTuning:
    """What became of it: the metric on the validation split after each pass and at the end, and the passes done.

    ``wanted`` are the passes that data of this size get where there is time.
    """

    values: tuple[float, ...]
    epochs: float
    wanted: int

    @property
    def best(self) -> float:
        """The metric of the state that is kept."""
        return max(self.values)

    @property
    def was_rising(self) -> bool:
        """Whether the time was over before all passes were done, and the last one was the best."""
        return self.epochs < self.wanted - 0.05 and self.values[-1] == self.best

    def hint(self, metric: str, time_budget_s: float) -> str | None:
        """What more time would be good for, if the metric was still rising; None otherwise."""
        if not self.was_rising:
            return None
        shown = " -> ".join(f"{value:.4f}" for value in self.values)
        rising = "still rising, " if len(self.values) > 1 else ""
        minutes = math.ceil(time_budget_s * self.wanted / max(self.epochs, 0.1) / 60)
        return (
            f"fine-tuning had time for {self.epochs:.1f} of {self.wanted} epochs, with validation {metric} {rising}"
            f"{shown}; with --time-budget {minutes}m the teacher would have time for all, and likely be better"
        )


def seconds_wanted(model: PreTrainedModel, data: EncodedDataset, settings: TeacherSettings) -> float:
    """Seconds that all passes would take, from a few steps whose gradients are thrown away."""
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
    """Train ``model`` in place and keep its best state on the validation split."""
    torch.manual_seed(settings.seed)
    split = data.splits["train"]
    data.task.definition.start_head(output_layer(model), split.labels)
    base = getattr(model, model.base_model_prefix)
    base.embeddings.word_embeddings.requires_grad_(False)
    best: dict[str, Tensor] = {} if state is None else state.kept

    def loss_of(indices: np.ndarray) -> Tensor:
        return _loss(model, data, indices)

    def on_epoch(number: int) -> None:
        value = metric_of(
            data.task, predict_logits(model, data.splits["validation"], data.pad_id), data.splits["validation"].labels
        )
        listener(Event("note", f"teacher after epoch {number}: validation {data.task.metric} {value:.4f}"))
        if not best or value >= float(best[BEST]):
            best[BEST] = torch.tensor(value, dtype=torch.float64)
            best.update({name: tensor.detach().clone() for name, tensor in model.state_dict().items()})
        known = best.get(HISTORY, torch.zeros(0, dtype=torch.float64))
        best[HISTORY] = torch.cat([known, torch.tensor([value], dtype=torch.float64)])
        model.train()

    model.train()
    rate = settings.rate(model.config.hidden_size)
    training = TrainingSettings(rate, settings.budget_s, settings.epochs(len(split)), BATCH, seed=settings.seed)
    callbacks = Callbacks("fine-tuning the teacher", listener, on_epoch)
    report = Trainer(model.parameters(), split.lengths, training, callbacks, state).train(loss_of)
    best.pop(BEST)
    values = tuple(float(value) for value in best.pop(HISTORY))
    model.load_state_dict(best)
    model.train(False)
    return FineTuning(values, report.epochs, settings.epochs(len(split)))


def _loss(model: PreTrainedModel, data: EncodedDataset, indices: np.ndarray) -> Tensor:
    """The loss on the training rows ``indices``."""
    with autocast():
        inputs, labels = _tensors(model, data.train, indices, data.pad_id)
        return data.task.definition.label_loss(model(**inputs).logits, labels)


def predict_logits(model: PreTrainedModel, split: EncodedSplit, pad_id: int, *, exact: bool = False) -> np.ndarray:
    """Logits [n, num_outputs] of a transformers model over batches of texts of similar length.

    ``exact`` computes in float32 throughout; otherwise as fast as the processor can.
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
    if getattr(model.config, "type_vocab_size", 0) > 1 and model.config.model_type != "distilbert":
        inputs["token_type_ids"] = torch.from_numpy(batch.token_type_ids)
    return inputs, torch.from_numpy(batch.labels)
