"""Trains a sub-network that also learns the teacher's inner states, for ablate_distillation.py.

A search does not use this. The teacher runs beside the student on every batch, because its states and attention are
too large to keep, and its time counts as training time. ``pairs`` maps layers: (a layer of the student, the teacher's
layer that it learns from).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from autocompress.distillation.batches import TensorBatch
from autocompress.distillation.mixed_precision import autocast
from autocompress.distillation.student_texts import StudentTexts, WordMasking
from autocompress.distillation.super_network import DistillationSettings, distillation_loss
from autocompress.distillation.training import Trainer
from autocompress.domain.shape import EncoderShape
from autocompress.networks.weights import Arrays
from autocompress.students.transformer import network as elastic_encoder
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.students.transformer.network import ElasticEncoder, EncoderOutput

Pairs = Sequence[tuple[int, int]]
Attention = tuple[Tensor, Tensor, Tensor]
RELATION_HEADS = 4


def output_loss(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    """Return the mean squared error of hidden states [B, T, H] over the tokens, relative to the teacher's variance."""
    scale = teacher[mask].float().var()
    return F.mse_loss(student[mask].float(), teacher[mask].float()) / scale


def relation_loss(student: Attention, teacher: Attention, mask: Tensor) -> Tensor:
    """Return the divergence of query-key and value-value relations (MiniLM, Wang et al. 2020, section 3).

    Heads are split again as in MiniLMv2, so that neither widths nor head counts need be equal.
    Queries, keys and values are [B, A, T, d]; ``mask`` [B, T] says which tokens count.
    """
    losses = []
    for first, second in ((0, 1), (2, 2)):
        wanted = relations(teacher[first], teacher[second], mask)
        found = relations(student[first], student[second], mask)
        divergence = (wanted.exp() * (wanted - found)).masked_fill(~mask[:, None, None, :], 0.0).sum(-1)
        losses.append(divergence.transpose(1, 2)[mask].mean())
    return torch.stack(losses).sum()


def relations(first: Tensor, second: Tensor, mask: Tensor) -> Tensor:
    """Return the log-softmax [B, RELATION_HEADS, T, T] of each token's scaled products with the others."""
    rows, columns = (_relation_heads(part) for part in (first, second))
    scores = rows @ columns.transpose(-1, -2) / math.sqrt(rows.shape[-1])
    return F.log_softmax(scores.masked_fill(~mask[:, None, None, :], -1e4), dim=-1)


def _relation_heads(part: Tensor) -> Tensor:
    batch, _, length, _ = part.shape
    joined = part.transpose(1, 2).reshape(batch, length, -1).float()
    return joined.reshape(batch, length, RELATION_HEADS, -1).transpose(1, 2)


@contextmanager
def recorded_attention() -> Iterator[list[Attention]]:
    """Record queries, keys and values of every layer that runs in the block, in order."""
    calls: list[Attention] = []
    plain = elastic_encoder.attention

    def recording(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        calls.append((query, key, value))
        return plain(query, key, value, mask)

    elastic_encoder.attention = recording
    try:
        yield calls
    finally:
        elastic_encoder.attention = plain


class Remembering(nn.Module):
    """A network that keeps the output and attention of its last forward pass."""

    def __init__(self, network: ElasticEncoder) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Any, **settings: Any) -> EncoderOutput:
        """Run the network and keep its output and attention."""
        with recorded_attention() as self.attention:
            self.output: EncoderOutput = self.network(*inputs, **settings)
        return self.output


class Guide(nn.Module):
    """Computes the loss of the mapped layers: of their ``output`` (through a linear map) or of their ``relations``."""

    def __init__(self, kind: str, pairs: Pairs, arrays: Arrays, shape: EncoderShape, hidden_size: int) -> None:
        super().__init__()
        self.kind, self.pairs = kind, pairs
        self.teacher = [Remembering(ElasticEncoder(shape, arrays).eval())]
        self.maps = nn.ModuleList(nn.Linear(hidden_size, shape.hidden_size) for _ in pairs if kind == "output")

    def loss(self, student: Remembering, batch: TensorBatch, configuration: TransformerConfiguration) -> Tensor:
        """Return the mean loss over the pairs, from the student's last pass and a teacher pass on the same batch."""
        teacher, mask = self.teacher[0], batch.attention_mask.bool()
        places = [layer.index for layer in configuration.layers]
        with torch.no_grad(), autocast():
            teacher(batch.input_ids, batch.attention_mask, batch.token_type_ids)
        losses = []
        for number, (mine, theirs) in enumerate(self.pairs):
            place = places.index(mine)
            if self.kind == "output":
                found = self.maps[number](student.output.hidden[place].float())
                losses.append(output_loss(found, teacher.output.hidden[theirs], mask))
            else:
                losses.append(relation_loss(student.attention[place], teacher.attention[theirs], mask))
        return torch.stack(losses).mean()


def refine_guided(
    network: ElasticEncoder,
    guide: Guide,
    configuration: TransformerConfiguration,
    texts: StudentTexts,
    settings: DistillationSettings,
) -> Arrays:
    """Refine as ``distillation.refine.refine`` does, with the guide's loss added to the distillation loss."""
    transfer, student = texts.transfer, Remembering(network)
    masking = WordMasking(transfer.unknown_id, settings.mask_share, settings.training.seed)

    def loss_of(indices: np.ndarray) -> Tensor:
        batch = texts.in_vocabulary(masking(transfer.batch(indices)), configuration.vocabulary_size)
        loss = distillation_loss(student, batch, configuration, settings, fake_quantize=True)
        return loss + guide.loss(student, batch, configuration)

    network.train()
    trained = [*network.parameters(), *guide.parameters()]
    Trainer(trained, transfer.split.lengths, settings.training).train(loss_of)
    return network.eval().to_arrays()
