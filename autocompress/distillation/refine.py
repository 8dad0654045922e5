"""Distils one configuration by itself, with its vocabulary, quantization and sparsity in the forward pass."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from autocompress.distillation.student_texts import StudentTexts, WordMasking
from autocompress.distillation.super_network import (
    DistillationSettings,
    distillation_loss,
    hidden_guide,
    trained_parameters,
)
from autocompress.distillation.training import Callbacks, Trainer
from autocompress.domain.shape import EncoderShape
from autocompress.networks.weights import Arrays
from autocompress.students import STUDENTS
from autocompress.students.configuration import Configuration
from autocompress.system.events import Listener, silent


def refine(
    arrays: Arrays,
    shape: EncoderShape,
    configuration: Configuration,
    texts: StudentTexts,
    settings: DistillationSettings,
    listener: Listener = silent,
) -> Arrays:
    """Return the weights of a sub-network after further training; ``arrays`` are already cut to ``configuration``.

    Weights pass through the quantization and sparsity of the configuration in the forward pass, with straight-through
    gradients (quantization-aware training, Q8BERT, Zafrir et al. 2019), so that rounding costs little afterwards.
    FloatingPointError if the loss is not finite.
    """
    network, transfer = STUDENTS[configuration.student].network(shape, arrays), texts.transfer
    masking = WordMasking(transfer.unknown_id, settings.mask_share, settings.training.seed)
    guide = hidden_guide(network, transfer, settings)

    def loss_of(indices: np.ndarray) -> Tensor:
        batch = masking(transfer.batch(transfer.order[indices]))
        read = texts.in_vocabulary(batch, configuration.vocabulary_size)
        return distillation_loss(network, read, configuration, settings, fake_quantize=True, guide=guide)

    network.train()
    lengths = transfer.split.lengths[transfer.order]
    callbacks = Callbacks("refining", listener)
    Trainer(trained_parameters(network, guide), lengths, settings.training, callbacks).train(loss_of)
    return network.to_arrays()
