"""Turns encoded texts into batches of tensors and runs a student's heads on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from autocompress.students.configuration import Configuration
from autocompress.students.elastic import ElasticNetwork
from autocompress.tasks.encoding import EncodedSplit


@dataclass(frozen=True)
class TensorBatch:
    """Token ids, attention mask and token types [B, T], teacher outputs [B, C], labels [B] and which of them count.

    ``hidden`` are components [B, K] of the teacher's hidden states, where they are known.
    """

    input_ids: Tensor
    attention_mask: Tensor
    token_type_ids: Tensor
    targets: Tensor
    labels: Tensor
    labelled: Tensor
    hidden: Tensor | None = None


def tensor_batch(
    split: EncodedSplit,
    indices: np.ndarray,
    pad_id: int,
    targets: np.ndarray,
    labelled: int | None = None,
    hidden: np.ndarray | None = None,
) -> TensorBatch:
    """The examples ``indices`` [B] as tensors; of the split only the first ``labelled`` have a label (None: all)."""
    batch = split.batch(indices, pad_id)
    return TensorBatch(
        input_ids=torch.from_numpy(batch.input_ids),
        attention_mask=torch.from_numpy(batch.attention_mask),
        token_type_ids=torch.from_numpy(batch.token_type_ids),
        targets=torch.from_numpy(targets[indices]),
        labels=torch.from_numpy(batch.labels),
        labelled=torch.from_numpy(np.asarray(indices) < (len(split) if labelled is None else labelled)),
        hidden=None if hidden is None else torch.from_numpy(hidden[indices]),
    )


def head_logits(
    network: ElasticNetwork, batch: TensorBatch, configuration: Configuration, *, fake_quantize: bool = False
) -> list[Tensor]:
    """Logits [B, C] of every head the configuration reads: its layers' heads in order, or the student's only one."""
    return run_heads(network, batch, configuration, fake_quantize=fake_quantize)[0]


def run_heads(
    network: ElasticNetwork, batch: TensorBatch, configuration: Configuration, *, fake_quantize: bool = False
) -> tuple[list[Tensor], Tensor | None]:
    """``head_logits``, and of a student without attention the features [B, width] that its head reads them from."""
    return network.heads_and_features(
        batch.input_ids, batch.attention_mask, batch.token_type_ids, configuration, fake_quantize=fake_quantize
    )


def token_map(vocabulary_order: np.ndarray, vocabulary_size: int, unknown_id: int) -> Tensor | None:
    """Int64 [V]: each id of the first ``vocabulary_size`` of the order maps to itself, every other to ``unknown_id``.

    None where nothing is left out. ``vocabulary_order`` [V] holds token ids, the most frequent first.
    """
    if vocabulary_size >= len(vocabulary_order):
        return None
    table = np.full(len(vocabulary_order), unknown_id, np.int64)
    kept = vocabulary_order[:vocabulary_size]
    table[kept] = kept
    return torch.from_numpy(table)


def mask_tokens(
    input_ids: Tensor, attention_mask: Tensor, mask_id: int, share: float, generator: torch.Generator
) -> Tensor:
    """Replace a random ``share`` of tokens [B, T], but the first, by ``mask_id`` (Tang et al. 2019, section 3.2)."""
    chosen = torch.rand(input_ids.shape, generator=generator) < share
    chosen &= attention_mask.bool()
    chosen[:, 0] = False
    return input_ids.masked_fill(chosen, mask_id)
