"""Heads after the lower layers of a finished teacher: for early exits, and for encoders that end there.

Such a head reads the mean of the tokens, and what it reads is known for every text the teacher has labelled, so that
all heads are trained in seconds without passing through the encoder (exits on a frozen trunk: DeeBERT, Xin et al.
2020; survey 3.5).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from autocompress.distillation.training import TrainingSettings, train
from autocompress.networks.weights import Arrays

UNITS = 128
TRAINING = TrainingSettings(2e-3, 60.0, 8.0, batch_size=256)


@dataclass(frozen=True, eq=False)
class LayerHeads:
    """Weights under canonical names, and outputs [heads, n, C] on the validation split, the lowest layer first."""

    arrays: Arrays
    outputs: NDArray[np.float32]


NO_HEADS = LayerHeads({}, np.zeros((0, 0, 0), np.float32))


def train_layer_heads(
    means: NDArray[np.float16],
    targets: NDArray[np.float32],
    loss: Callable[[Tensor, Tensor], Tensor],
    settings: TrainingSettings = TRAINING,
) -> Arrays:
    """A head (dense, relu, out) per layer that gives the teacher's outputs ``targets`` [n, C].

    ``means`` [n, layers, H] are what the layers give, averaged over the tokens. They are standardized for training,
    and the weights that are returned undo that. ``loss`` is that of outputs [B, C] towards the teacher's.
    """
    texts, layers, width = means.shape
    if not layers:
        return {}
    offset, scale = means.mean(axis=0, dtype=np.float64), means.std(axis=0, dtype=np.float64) + 1e-6
    torch.manual_seed(settings.seed)
    dense = nn.ModuleList(nn.Linear(width, min(width, UNITS)) for _ in range(layers))
    out = nn.ModuleList(nn.Linear(min(width, UNITS), targets.shape[1]) for _ in range(layers))

    def loss_of(indices: NDArray[np.int64], progress: float) -> Tensor:
        inputs = torch.from_numpy(((means[indices] - offset) / scale).astype(np.float32))
        wanted = torch.from_numpy(targets[indices])
        losses = [loss(out[i](F.relu(dense[i](inputs[:, i]))), wanted) for i in range(layers)]
        return torch.stack(losses).sum()

    train([*dense.parameters(), *out.parameters()], loss_of, np.ones(texts, np.int64), settings)
    found: Arrays = {}
    for index in range(layers):
        weight, bias = _arrays(dense[index])
        plain = weight / scale[index]
        found[f"heads.{index}.dense.weight"] = plain.astype(np.float32)
        found[f"heads.{index}.dense.bias"] = (bias - plain @ offset[index]).astype(np.float32)
        found[f"heads.{index}.out.weight"], found[f"heads.{index}.out.bias"] = _arrays(out[index])
    return found


def head_outputs(arrays: Arrays, means: NDArray[np.float16]) -> NDArray[np.float32]:
    """Outputs [layers, n, C] of the heads on ``means`` [n, layers, H]."""
    found = []
    for index in range(means.shape[1]):
        name = f"heads.{index}"
        hidden = means[:, index].astype(np.float32) @ arrays[f"{name}.dense.weight"].T + arrays[f"{name}.dense.bias"]
        found.append(np.maximum(hidden, 0) @ arrays[f"{name}.out.weight"].T + arrays[f"{name}.out.bias"])
    return np.array(found, np.float32)


def _arrays(layer: nn.Module) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    weight, bias = (parameter.detach().numpy() for parameter in layer.parameters())
    return weight, bias
