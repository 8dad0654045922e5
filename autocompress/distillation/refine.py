"""Distils one configuration further by itself, with its vocabulary, rounding and pruning in the forward pass."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from autocompress.distillation.batches import token_map
from autocompress.distillation.super_network import (
    DistillationSettings,
    HiddenWords,
    distillation_loss,
    hidden_guide,
    mapped,
    parameters,
)
from autocompress.distillation.training import Callbacks, Trainer
from autocompress.distillation.transfer import TransferSet
from autocompress.domain.shape import EncoderShape
from autocompress.students import STUDENTS
from autocompress.students.configuration import Configuration
from autocompress.system.events import Listener, silent


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
    network = STUDENTS[configuration.student].network(shape, arrays)
    hide_words = HiddenWords(transfer.unknown_id, settings)
    guide = hidden_guide(network, transfer, settings)
    table = token_map(vocabulary_order, configuration.vocabulary_size, transfer.unknown_id)

    def loss_of(indices: np.ndarray) -> Tensor:
        batch = hide_words(transfer.batch(transfer.order[indices]))
        return distillation_loss(
            network, mapped(batch, table), configuration, settings, fake_quantize=True, guide=guide
        )

    network.train()
    lengths = transfer.split.lengths[transfer.order]
    callbacks = Callbacks("refining", listener)
    Trainer(parameters(network, guide), lengths, settings.training, callbacks).train(loss_of)
    return network.to_arrays()
