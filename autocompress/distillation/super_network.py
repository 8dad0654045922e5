"""Trains a super-network so that the sub-networks cut out of it are good without further training.

Each step trains a few random sub-networks on one batch towards the teacher's cached outputs, at every layer's head
(DynaBERT, Hou et al. 2020; BigNAS's sampling of several sizes a step; exits trained together, survey 3.5).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from autocompress.distillation.batches import TensorBatch, run_heads
from autocompress.distillation.hidden_states import HiddenGuide
from autocompress.distillation.mixed_precision import autocast
from autocompress.distillation.student_texts import StudentTexts, WordMasking
from autocompress.distillation.training import NO_CALLBACKS, Callbacks, Trainer, TrainingReport, TrainingSettings
from autocompress.distillation.training_state import TrainingState
from autocompress.distillation.transfer import TransferSet
from autocompress.students.configuration import Configuration
from autocompress.students.elastic import ElasticNetwork
from autocompress.students.pooled.network import ElasticStudent
from autocompress.tasks.kinds.kind import TaskKind

Sampler = Callable[[np.random.Generator], Configuration]
"""Draws the configuration of a sub-network."""


@dataclass(frozen=True)
class DistillationSettings:
    """Sets the schedule (``training``) and the loss of a distillation, whose form depends on the ``kind`` of task.

    ``label_weight`` in [0, 1] is the share of the true labels in the loss, ``hidden_weight`` the weight of the
    teacher's hidden states beside it (students without attention), ``temperature`` that of the soft targets,
    ``mask_share`` the share of words masked in every other batch, ``sub_networks`` how many sub-networks share a step.
    The losses of outputs are divided by ``loss_unit``.
    """

    training: TrainingSettings
    kind: TaskKind
    label_weight: float = 0.3
    hidden_weight: float = 10.0
    temperature: float = 1.5
    mask_share: float = 0.1
    sub_networks: int = 2
    loss_unit: float = 1.0


def train_super_network(
    network: ElasticNetwork,
    texts: StudentTexts,
    sample: Sampler,
    settings: DistillationSettings,
    callbacks: Callbacks = NO_CALLBACKS,
    state: TrainingState | None = None,
) -> TrainingReport:
    """Train ``network`` in place on the transfer set, and leave it in evaluation mode.

    ``sample`` draws a configuration for each sub-network of a step. With a ``state`` the training continues where an
    interrupted one was saved. FloatingPointError if the loss is not finite.
    """
    transfer, rng = texts.transfer, np.random.default_rng(settings.training.seed)
    masking = WordMasking(transfer.unknown_id, settings.mask_share, settings.training.seed)
    guide = hidden_guide(network, transfer, settings)

    def loss_of(indices: np.ndarray) -> Tensor:
        batch = masking(transfer.batch(transfer.order[indices]))
        losses = []
        for _ in range(settings.sub_networks):
            configuration = sample(rng)
            read = texts.in_vocabulary(batch, configuration.vocabulary_size)
            losses.append(distillation_loss(network, read, configuration, settings, guide=guide))
        return torch.stack(losses).mean()

    network.train()
    lengths = transfer.split.lengths[transfer.order]
    trainer = Trainer(trained_parameters(network, guide), lengths, settings.training, callbacks, state)
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
    """Return the mean over the heads of the soft-target loss and, by ``label_weight``, of the label loss (a scalar).

    Only labelled texts have a label loss. With a ``guide``, ``hidden_weight`` times the loss of the hidden states is
    added.
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
    total = torch.stack(losses).mean() / settings.loss_unit
    if guide is None or features is None or batch.hidden is None:
        return total
    return total + settings.hidden_weight * guide.loss(features, batch.hidden)


def hidden_guide(network: ElasticNetwork, transfer: TransferSet, settings: DistillationSettings) -> HiddenGuide | None:
    """Create a guide for a student without attention; None without hidden states of the teacher or weight for them."""
    if transfer.hidden is None or not settings.hidden_weight or not isinstance(network, ElasticStudent):
        return None
    torch.manual_seed(settings.training.seed)
    return HiddenGuide(network.num_features, torch.from_numpy(transfer.hidden.shares))


def trained_parameters(network: ElasticNetwork, guide: HiddenGuide | None) -> list[nn.Parameter]:
    """Return the parameters of the network and, if there is one, of the guide."""
    return [*network.parameters(), *(guide.parameters() if guide is not None else ())]


def cheap_first(draw: Sampler, cost: Callable[[Configuration], float], candidates: int = 4) -> Sampler:
    """Return a sampler that prefers cheap configurations: it draws ``candidates`` and keeps one of them.

    The probability of a candidate falls with the square of its ``cost``, from 0 to 1 (the largest sub-network's). A
    step of a large sub-network takes the time of many small ones, and the small ones are what a search is for.
    """

    def sample(rng: np.random.Generator) -> Configuration:
        drawn = [draw(rng) for _ in range(candidates)]
        weights = np.array([(0.1 + cost(configuration)) ** -2 for configuration in drawn])
        return drawn[int(rng.choice(candidates, p=weights / weights.sum()))]

    return sample
