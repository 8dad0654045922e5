"""Trains heads after the lower layers of a finished teacher, for early exits and for encoders of fewer layers.

Such a head reads the mean of a layer's output over the tokens. These means are stored for the texts that the teacher
has labelled, so all heads train in seconds without running the encoder (exits on a frozen encoder: DeeBERT, Xin et
al. 2020, section 3.1; survey 3.5).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from autocompress.distillation.training import Trainer, TrainingSettings
from autocompress.networks.weights import Arrays

UNITS = 128
TRAINING = TrainingSettings(2e-3, 60.0, 8.0, batch_size=256)


@dataclass(frozen=True, eq=False)
class LayerHeads:
    """Holds the heads' weights under canonical names, and their outputs [heads, n, C] on the validation split.

    The head after the lowest layer is the first.
    """

    arrays: Arrays
    outputs: NDArray[np.float32]


NO_HEADS = LayerHeads({}, np.zeros((0, 0, 0), np.float32))


def train_layer_heads(
    means: NDArray[np.float16],
    targets: NDArray[np.float32],
    loss: Callable[[Tensor, Tensor], Tensor],
    settings: TrainingSettings = TRAINING,
) -> Arrays:
    """Train a head (dense, relu, out) per layer to predict the teacher's outputs ``targets`` [n, C]; its weights.

    ``means`` [n, layers, H] are the layers' outputs, averaged over the tokens. Training standardizes them; the
    returned weights include that, so they read the means as they are. ``loss`` is that of outputs [B, C] towards the
    teacher's.
    """
    texts, layers, width = means.shape
    if not layers:
        return {}
    offset, scale = means.mean(axis=0, dtype=np.float64), means.std(axis=0, dtype=np.float64) + 1e-6
    torch.manual_seed(settings.seed)
    dense = nn.ModuleList(nn.Linear(width, min(width, UNITS)) for _ in range(layers))
    out = nn.ModuleList(nn.Linear(min(width, UNITS), targets.shape[1]) for _ in range(layers))

    def loss_of(indices: NDArray[np.int64]) -> Tensor:
        inputs = torch.from_numpy(((means[indices] - offset) / scale).astype(np.float32))
        teacher = torch.from_numpy(targets[indices])
        losses = [loss(out[i](F.relu(dense[i](inputs[:, i]))), teacher) for i in range(layers)]
        return torch.stack(losses).sum()

    Trainer([*dense.parameters(), *out.parameters()], np.ones(texts, np.int64), settings).train(loss_of)
    heads: Arrays = {}
    for index in range(layers):
        weight, bias = _arrays(dense[index])
        unscaled = weight / scale[index]
        heads[f"heads.{index}.dense.weight"] = unscaled.astype(np.float32)
        heads[f"heads.{index}.dense.bias"] = (bias - unscaled @ offset[index]).astype(np.float32)
        heads[f"heads.{index}.out.weight"], heads[f"heads.{index}.out.bias"] = _arrays(out[index])
    return heads


def head_outputs(arrays: Arrays, means: NDArray[np.float16]) -> NDArray[np.float32]:
    """Return the outputs [layers, n, C] of the heads on ``means`` [n, layers, H]."""
    outputs = []
    for index in range(means.shape[1]):
        name = f"heads.{index}"
        hidden = means[:, index].astype(np.float32) @ arrays[f"{name}.dense.weight"].T + arrays[f"{name}.dense.bias"]
        outputs.append(np.maximum(hidden, 0) @ arrays[f"{name}.out.weight"].T + arrays[f"{name}.out.bias"])
    return np.array(outputs, np.float32)


def _arrays(layer: nn.Module) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    weight, bias = (parameter.detach().numpy() for parameter in layer.parameters())
    return weight, bias
