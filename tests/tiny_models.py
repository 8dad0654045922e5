"""Tiny random models of each family, and padded pairs of texts as their inputs.

A key of ``CONFIGS`` is a family, or a family and what is special; the conformance suite runs over all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import transformers

SIZES = {
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "vocab_size": 60,
    "max_position_embeddings": 20,
    "num_labels": 3,
}
DISTILBERT_SIZES = {
    "dim": 24,
    "n_layers": 3,
    "n_heads": 4,
    "hidden_dim": 40,
    "vocab_size": 60,
    "max_position_embeddings": 20,
    "num_labels": 3,
}
CONFIGS: dict[str, Callable[[], Any]] = {
    "bert": lambda: transformers.BertConfig(**SIZES),
    "bert-relu": lambda: transformers.BertConfig(**SIZES, hidden_act="relu"),
    "bert-gelu-new": lambda: transformers.BertConfig(**SIZES, hidden_act="gelu_new", layer_norm_eps=1e-5),
    "distilbert": lambda: transformers.DistilBertConfig(**DISTILBERT_SIZES),
    "roberta": lambda: transformers.RobertaConfig(**SIZES, pad_token_id=1, type_vocab_size=1),
    "electra": lambda: transformers.ElectraConfig(**SIZES, embedding_size=24),
    "mpnet": lambda: transformers.MPNetConfig(**SIZES),
    "electra-small": lambda: transformers.ElectraConfig(**SIZES, embedding_size=10),
}


def random_model(config: Any, seed: int = 0) -> Any:
    """A classifier with random biases and norms too, so that a test notices one that is not read."""
    torch.manual_seed(seed)
    model = transformers.AutoModelForSequenceClassification.from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def random_batch(vocab_size: int, pad_id: int = 0, lengths: tuple[int, ...] = (9, 4, 12, 1)) -> dict[str, torch.Tensor]:
    """Padded sentence pairs of different lengths."""
    generator = np.random.default_rng(1)
    ids = np.full((len(lengths), max(lengths)), pad_id)
    mask, types = np.zeros_like(ids), np.zeros_like(ids)
    for row, length in enumerate(lengths):
        ids[row, :length] = generator.integers(5, vocab_size, length)
        mask[row, :length] = 1
        types[row, length // 2 : length] = 1
    named = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
    return {name: torch.from_numpy(value) for name, value in named.items()}
