"""Trains a super-network so that the sub-networks cut out of it are good without further training.

Each step trains a few random sub-networks on one batch towards the teacher's cached outputs, at every layer's head
(DynaBERT, Hou et al. 2020; BigNAS's sampling of several sizes a step; exits trained together, survey 3.5).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from autocompress.distillation.batches import TensorBatch, mask_tokens, run_heads, token_map
from autocompress.distillation.hidden_states import HiddenGuide
from autocompress.distillation.mixed_precision import autocast
from autocompress.distillation.training import Callbacks, Trainer, TrainingReport, TrainingSettings
from autocompress.distillation.training_state import TrainingState
from autocompress.distillation.transfer import TransferSet
from autocompress.students.configuration import Configuration
from autocompress.students.elastic import ElasticNetwork
from autocompress.students.pooled.network import ElasticStudent
from autocompress.system.events import Listener, silent
from autocompress.tasks.kinds.kind import TaskKind

Sampler = Callable[[np.random.Generator], Configuration]


@dataclass(frozen=True)
class DistillationSettings:
    """``training`` is the schedule; the rest is the loss, whose form depends on the ``kind`` of task.

    ``label_weight`` is the share of the true labels in the loss, ``hidden_weight`` the weight of the teacher's hidden
    states beside it (students without attention), ``mask_share`` the share of words hidden in every other batch,
    ``sub_networks`` how many sub-networks share a step.
    """

    training: TrainingSettings
    kind: TaskKind
    label_weight: float = 0.3
    hidden_weight: float = 10.0
    temperature: float = 1.5
    mask_share: float = 0.1
    sub_networks: int = 2


def train_super_network(
    network: ElasticNetwork,
    transfer: TransferSet,
    vocabulary_order: np.ndarray,
    sample: Sampler,
    settings: DistillationSettings,
    *,
    message: str,
    listener: Listener = silent,
    state: TrainingState | None = None,
) -> TrainingReport:
    """Train ``network`` in place on the transfer set."""
    rng = np.random.default_rng(settings.training.seed)
    hide_words = HiddenWords(transfer.unknown_id, settings)
    maps: dict[int, Tensor | None] = {}
    guide = hidden_guide(network, transfer, settings)

    def loss_of(indices: np.ndarray) -> Tensor:
        batch = hide_words(transfer.batch(transfer.order[indices]))
        losses = []
        for _ in range(settings.sub_networks):
            configuration = sample(rng)
            size = configuration.vocabulary_size
            if size not in maps:
                maps[size] = token_map(vocabulary_order, size, transfer.unknown_id)
            losses.append(distillation_loss(network, mapped(batch, maps[size]), configuration, settings, guide=guide))
        return torch.stack(losses).mean()

    network.train()
    lengths = transfer.split.lengths[transfer.order]
    trainer = Trainer(parameters(network, guide), lengths, settings.training, Callbacks(message, listener), state)
    report = trainer.train(loss_of)
    network.eval()
    return report


def distillation_loss(
    network: ElasticNetwork,
    batch: TensorBatch,
    configuration: Configuration,
    settings: DistillationSettings,
    *,
    fake_quantize: bool = False,
    guide: HiddenGuide | None = None,
) -> Tensor:
    """Mean over the heads of the soft-target loss and, with ``label_weight``, of the label loss where labels are.

    With a ``guide``, ``hidden_weight`` times the loss of the hidden states is added.
    """
    with autocast():
        heads, features = run_heads(network, batch, configuration, fake_quantize=fake_quantize)
    labelled, share = batch.labelled, float(batch.labelled.float().mean())
    losses = []
    for logits in heads:
        towards_teacher = settings.kind.distillation_loss(logits, batch.targets, settings.temperature)
        loss = (1 - settings.label_weight) * towards_teacher
        if settings.label_weight and share:
            towards_labels = settings.kind.label_loss(logits[labelled], batch.labels[labelled])
            loss = loss + settings.label_weight * share * towards_labels
        losses.append(loss)
    total = torch.stack(losses).mean()
    if guide is None or features is None or batch.hidden is None:
        return total
    return total + settings.hidden_weight * guide.loss(features, batch.hidden)


def hidden_guide(network: ElasticNetwork, transfer: TransferSet, settings: DistillationSettings) -> HiddenGuide | None:
    """A fresh guide for a student without attention; None where there are no hidden states or they have no weight."""
    if transfer.hidden is None or not settings.hidden_weight or not isinstance(network, ElasticStudent):
        return None
    torch.manual_seed(settings.training.seed)
    return HiddenGuide(network.num_features, torch.from_numpy(transfer.hidden.shares))


def parameters(network: ElasticNetwork, guide: HiddenGuide | None) -> list[nn.Parameter]:
    """What a training changes."""
    return [*network.parameters(), *(guide.parameters() if guide is not None else ())]


class HiddenWords:
    """Hides words, as the unknown token, in every other batch; the teacher's outputs of the full text stay."""

    def __init__(self, unknown_id: int, settings: DistillationSettings) -> None:
        self._mask_id, self._share = unknown_id, settings.mask_share
        self._generator = torch.Generator().manual_seed(settings.training.seed)
        self._count = 0

    def __call__(self, batch: TensorBatch) -> TensorBatch:
        """The batch, as it is or with some words hidden."""
        self._count += 1
        if self._count % 2 or not self._share:
            return batch
        hidden = mask_tokens(batch.input_ids, batch.attention_mask, self._mask_id, self._share, self._generator)
        return replace(batch, input_ids=hidden)


def mapped(batch: TensorBatch, table: Tensor | None) -> TensorBatch:
    """The batch as a smaller vocabulary reads it."""
    return batch if table is None else replace(batch, input_ids=table[batch.input_ids])


def cheap_first(draw: Sampler, cost: Callable[[Configuration], float], candidates: int = 4) -> Sampler:
    """Draw ``candidates`` and keep one with probability falling with its cost (a share of the largest one's).

    A step of a large sub-network takes the time of many small ones, and the small ones are what a search is for.
    """

    def sample(rng: np.random.Generator) -> Configuration:
        drawn = [draw(rng) for _ in range(candidates)]
        weights = np.array([1 / (0.1 + cost(configuration)) for configuration in drawn])
        return drawn[int(rng.choice(candidates, p=weights / weights.sum()))]

    return sample
