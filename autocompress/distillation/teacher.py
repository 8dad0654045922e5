"""The teacher: a checkpoint with a trained head as it is, or fine-tuned here on the training split."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from autocompress.distillation.keeping import Keeper
from autocompress.distillation.losses import label_loss
from autocompress.distillation.training import TrainingSettings, autocast, train
from autocompress.events import Event, Listener, silent
from autocompress.networks.checkpoint import output_layer
from autocompress.tasks.encoding import EncodedDataset, EncodedSplit
from autocompress.tasks.metrics import metric_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

BATCH, BEST = 32, "validation"


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


def fine_tune(
    model: PreTrainedModel,
    data: EncodedDataset,
    settings: TeacherSettings,
    listener: Listener = silent,
    keeper: Keeper | None = None,
) -> float:
    """Train ``model`` in place, keep its best state on the validation split, and return that state's metric."""
    torch.manual_seed(settings.seed)
    split = data.splits["train"]
    _set_regression_bias(model, split)
    base = getattr(model, model.base_model_prefix)
    base.embeddings.word_embeddings.requires_grad_(False)
    best: dict[str, Tensor] = {} if keeper is None else keeper.kept

    def loss_of(indices: np.ndarray, way: float) -> Tensor:
        with autocast():
            inputs, labels = _tensors(model, split, indices, data.pad_id)
            return label_loss(model(**inputs).logits, labels)

    def on_epoch(number: int) -> None:
        value = metric_of(
            data.task, predict_logits(model, data.splits["validation"], data.pad_id), data.splits["validation"].labels
        )
        listener(Event("note", f"teacher after epoch {number}: validation {data.task.metric} {value:.4f}"))
        if not best or value > float(best[BEST]):
            best[BEST] = torch.tensor(value, dtype=torch.float64)
            best.update({name: tensor.detach().clone() for name, tensor in model.state_dict().items()})
        model.train()

    model.train()
    rate = settings.rate(model.config.hidden_size)
    training = TrainingSettings(rate, settings.budget_s, settings.epochs(len(split)), BATCH, seed=settings.seed)
    train(
        model.parameters(),
        loss_of,
        split.lengths,
        training,
        message="fine-tuning the teacher",
        listener=listener,
        on_epoch=on_epoch,
        keeper=keeper,
    )
    value = float(best.pop(BEST))
    model.load_state_dict(best)
    model.train(False)
    return value


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


def _set_regression_bias(model: PreTrainedModel, split: EncodedSplit) -> None:
    """Start a fresh regression head at the mean score, so that the first steps need not find it."""
    if model.config.num_labels == 1:
        with torch.no_grad():
            output_layer(model).bias.fill_(float(split.labels.mean()))
