"""Importance scores against gradients with respect to explicit masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from tiny_models import CONFIGS, random_batch, random_model
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional as F

from autocompress.compression.importance import reorder
from autocompress.networks.families.import_encoder import import_encoder
from autocompress.students.transformer.importance import importance_scores
from autocompress.students.transformer.network import ElasticEncoder


@dataclass(frozen=True)
class LabelledBatch:
    input_ids: Tensor
    attention_mask: Tensor
    token_type_ids: Tensor
    labels: Tensor


def labelled(lengths: tuple[int, ...]) -> LabelledBatch:
    return LabelledBatch(**random_batch(60, lengths=lengths), labels=torch.arange(len(lengths)) % 3)


BATCHES = [labelled((9, 4, 12, 1)), labelled((5, 6))]


def masked_loss(encoder: ElasticEncoder, masks: dict[str, Tensor], batch: LabelledBatch) -> Tensor:
    """The loss with masks on the columns that read, or the gains and biases that write."""
    changed = {}
    for name, mask in masks.items():
        if name.endswith("norm"):
            changed |= {f"{name}.{kind}": encoder.weights[f"{name}.{kind}"] * mask for kind in ("weight", "bias")}
        else:
            weight = encoder.weights[f"{name}.weight"]
            changed[f"{name}.weight"] = weight * mask.repeat_interleave(weight.shape[1] // len(mask))
    parameters = {name.replace(".", "/"): value for name, value in changed.items()}
    inputs = (batch.input_ids, batch.attention_mask, batch.token_type_ids)
    return F.cross_entropy(functional_call(encoder, parameters, inputs).last, batch.labels)


@pytest.mark.parametrize("family", ["bert", "electra-small", "mpnet"])
def test_scores_are_squared_gradients_of_masks(family: str) -> None:
    encoder = ElasticEncoder(*import_encoder(random_model(CONFIGS[family]())))
    masks = {}
    for i in range(3):
        masks[f"layers.{i}.attention.output"] = torch.ones(4, requires_grad=True)
        masks[f"layers.{i}.feed_forward.down"] = torch.ones(40, requires_grad=True)
        masks[f"layers.{i}.attention.norm"] = torch.ones(24, requires_grad=True)
        masks[f"layers.{i}.feed_forward.norm"] = torch.ones(24, requires_grad=True)
    if family != "electra-small":
        masks["embeddings.norm"] = torch.ones(24, requires_grad=True)
    expected = {name: np.zeros(len(mask)) for name, mask in masks.items()}
    for batch in BATCHES:
        gradients = torch.autograd.grad(masked_loss(encoder, masks, batch), list(masks.values()))
        for name, gradient in zip(masks, gradients, strict=True):
            expected[name] += gradient.numpy().astype(np.float64) ** 2
    heads, neurons, channels = importance_scores(encoder, BATCHES, F.cross_entropy)
    assert (heads.shape, neurons.shape, channels.shape) == ((3, 4), (3, 40), (24,))
    for i in range(3):
        np.testing.assert_allclose(heads[i], expected[f"layers.{i}.attention.output"], rtol=1e-3)
        np.testing.assert_allclose(neurons[i], expected[f"layers.{i}.feed_forward.down"], rtol=1e-3, atol=1e-9)
    norms = sum(value for name, value in expected.items() if name.endswith("norm"))
    np.testing.assert_allclose(channels, norms, rtol=1e-3)


def test_learning_flags_are_as_before() -> None:
    encoder = ElasticEncoder(*import_encoder(random_model(CONFIGS["bert"]())))
    encoder.requires_grad_(False)
    importance_scores(encoder, BATCHES[:1], F.cross_entropy)
    assert not any(weight.requires_grad for weight in encoder.parameters())


def test_no_batches_are_refused() -> None:
    encoder = ElasticEncoder(*import_encoder(random_model(CONFIGS["bert"]())))
    with pytest.raises(ValueError, match="at least one batch"):
        importance_scores(encoder, [], F.cross_entropy)


@pytest.mark.parametrize("family", CONFIGS)
def test_reordering_by_the_scores_keeps_the_logits(family: str) -> None:
    shape, arrays = import_encoder(random_model(CONFIGS[family]()))
    encoder = ElasticEncoder(shape, arrays)
    ordered = ElasticEncoder(shape, reorder(arrays, shape, *importance_scores(encoder, BATCHES, F.cross_entropy)))
    batch = random_batch(60)
    torch.testing.assert_close(ordered.logits(**batch), encoder.logits(**batch), atol=1e-5, rtol=1e-5)
