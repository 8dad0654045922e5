"""Scores heads, neurons and hidden channels by squared gradients (Michel et al. 2019, section 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autocompress.networks.weights import LAYER_NORMS
from autocompress.students.transformer.network import ElasticEncoder

Scores = NDArray[np.float64]


class Batch(Protocol):
    """Token ids, attention mask and token types [B, T], and labels [B]."""

    @property
    def input_ids(self) -> Tensor: ...
    @property
    def attention_mask(self) -> Tensor: ...
    @property
    def token_type_ids(self) -> Tensor: ...
    @property
    def labels(self) -> Tensor: ...


def importance_scores(
    encoder: ElasticEncoder, batches: Iterable[Batch], loss: Callable[[Tensor, Tensor], Tensor]
) -> tuple[Scores, Scores, Scores]:
    """Return scores of heads [L, A], neurons [L, I] and hidden channels [H]; higher is more important.

    Each is the sum over batches of the squared gradient of ``loss(logits, labels)`` with respect to a mask of ones on
    the head's context, the neuron's activation, or the channel after each normalization. A mask on the input of W is
    a mask on W's columns, so its gradient is the sum over rows of W * dL/dW, and the network needs no mask. Small
    batches (about 8) approximate the gradient per example. The encoder must be complete, not a sub-network. ValueError
    without batches.
    """
    names = _mask_weights(encoder)
    weights = [encoder.weights[name] for name in names]
    learning = [weight.requires_grad for weight in weights]
    totals: dict[str, Any] = {}
    try:
        for weight in weights:
            weight.requires_grad_(True)
        for batch in batches:
            logits = encoder.logits(batch.input_ids, batch.attention_mask, batch.token_type_ids)
            gradients = torch.autograd.grad(loss(logits, batch.labels), weights)
            products = (w.detach() * g for w, g in zip(weights, gradients, strict=True))
            for key, gradient in _mask_gradients(dict(zip(names, products, strict=True)), encoder).items():
                totals[key] = totals.get(key, 0.0) + gradient.double().square().cpu().numpy()
    finally:
        for weight, flag in zip(weights, learning, strict=True):
            weight.requires_grad_(flag)
    if not totals:
        raise ValueError("importance needs at least one batch")
    layers = range(encoder.shape.num_hidden_layers)
    heads = np.stack([totals[f"layers.{i}.attention.output"] for i in layers])
    neurons = np.stack([totals[f"layers.{i}.feed_forward.down"] for i in layers])
    return heads, neurons, sum(value for key, value in totals.items() if key.endswith(".norm"))


def _mask_weights(encoder: ElasticEncoder) -> list[str]:
    """Return the weights on which masks act: matrices that read heads and neurons, gains and biases of norms."""
    norms = [f"layers.{i}.{norm}" for i in range(encoder.shape.num_hidden_layers) for norm in LAYER_NORMS]
    if "embeddings.projection.weight" not in encoder.weights:
        norms.append("embeddings.norm")
    readers = ("attention.output", "feed_forward.down")
    return [
        *(f"layers.{i}.{reader}.weight" for i in range(encoder.shape.num_hidden_layers) for reader in readers),
        *(f"{norm}.{kind}" for norm in norms for kind in ("weight", "bias")),
    ]


def _mask_gradients(products: dict[str, Tensor], encoder: ElasticEncoder) -> dict[str, Tensor]:
    """Return the gradients with respect to the masks, from the products W * dL/dW."""
    gradients: dict[str, Tensor] = {}
    for name, product in products.items():
        module = name.rsplit(".", 1)[0]
        if module.endswith(".output"):
            gradients[module] = product.sum(0).view(-1, encoder.shape.head_size).sum(1)
        elif module.endswith(".down"):
            gradients[module] = product.sum(0)
        else:
            gradients[module] = gradients.get(module, torch.zeros_like(product)) + product
    return gradients
