"""Distil one configuration further on its own, as it will ship: its vocabulary, its bits and its zeros in the loop."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from autocompress.configuration import Configuration, EncoderShape
from autocompress.distillation.students import token_map
from autocompress.distillation.super_network import (
    DistillationSettings,
    HiddenWords,
    distillation_loss,
    hidden_guide,
    mapped,
    parameters,
)
from autocompress.distillation.training import train
from autocompress.distillation.transfer import TransferSet
from autocompress.events import Listener, silent
from autocompress.networks.students import build_student


def refine(
    arrays: dict[str, np.ndarray],
    shape: EncoderShape,
    configuration: Configuration,
    transfer: TransferSet,
    vocabulary_order: np.ndarray,
    settings: DistillationSettings,
    listener: Listener = silent,
) -> dict[str, np.ndarray]:
    """Weights of the sub-network after training; ``arrays`` are already cut to ``configuration``.

    Weights pass through the quantization and sparsity of the configuration in the forward pass, with straight-through
    gradients (quantization-aware training, Q8BERT, Zafrir et al. 2019), so that rounding costs little afterwards.
    """
    network = build_student(arrays, shape, configuration)
    hide_words = HiddenWords(transfer.unknown_id, settings)
    guide = hidden_guide(network, transfer, settings)
    table = token_map(vocabulary_order, configuration.vocabulary_size, transfer.unknown_id)

    def loss_of(indices: np.ndarray, way: float) -> Tensor:
        batch = hide_words(transfer.batch(transfer.order[indices]))
        return distillation_loss(
            network, mapped(batch, table), configuration, settings, fake_quantize=True, guide=guide
        )

    network.train()
    lengths = transfer.split.lengths[transfer.order]
    train(parameters(network, guide), loss_of, lengths, settings.training, message="refining", listener=listener)
    return network.to_arrays()
