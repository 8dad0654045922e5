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
    """Holds token ids, attention mask and token types [B, T], the teacher's outputs ``targets`` [B, C] and labels [B].

    ``labelled`` bool [B] tells which labels are true ones; augmented texts have none. ``hidden`` are principal
    components [B, K] of the teacher's hidden states, None if they are not known.
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
    """Return the examples ``indices`` [B] of a split as tensors.

    ``targets`` [n, C] are the teacher's outputs on the split and ``hidden`` [n, K] its hidden states' components. Only
    the first ``labelled`` texts of the split have a true label (None: all).
    """
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
    """Return the logits [B, C] of every head of the configuration, the lowest layer's first."""
    return run_heads(network, batch, configuration, fake_quantize=fake_quantize)[0]


def run_heads(
    network: ElasticNetwork, batch: TensorBatch, configuration: Configuration, *, fake_quantize: bool = False
) -> tuple[list[Tensor], Tensor | None]:
    """Return ``head_logits``, and the features [B, width] of a student without attention (else None)."""
    return network.heads_and_features(
        batch.input_ids, batch.attention_mask, batch.token_type_ids, configuration, fake_quantize=fake_quantize
    )


def mask_tokens(
    input_ids: Tensor, attention_mask: Tensor, mask_id: int, share: float, generator: torch.Generator
) -> Tensor:
    """Return ``input_ids`` [B, T] with a random ``share`` of the tokens replaced by ``mask_id``, never the first.

    This is the masking of Tang et al. 2019, section 3.2.
    """
    chosen = torch.rand(input_ids.shape, generator=generator) < share
    chosen &= attention_mask.bool()
    chosen[:, 0] = False
    return input_ids.masked_fill(chosen, mask_id)
