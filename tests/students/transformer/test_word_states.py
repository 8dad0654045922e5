"""What the teacher makes of single words."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from autocompress.networks.families.import_encoder import import_encoder
from autocompress.students.transformer import word_states as module
from autocompress.students.transformer.word_states import word_states

ORDER = np.random.default_rng(0).permutation(40).astype(np.int32)


@pytest.fixture(scope="module")
def model() -> BertForSequenceClassification:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=40,
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=8,
    )
    return BertForSequenceClassification(config).eval()


def expected_states(model: BertForSequenceClassification) -> np.ndarray:
    texts = torch.tensor([[2, word, 3] for word in range(40)])
    with torch.inference_mode():
        states: np.ndarray = model(texts, output_hidden_states=True).hidden_states[2][:, 1].numpy()
    return states


def test_they_are_the_second_layers_in_the_model_of_transformers(model, monkeypatch) -> None:
    monkeypatch.setattr(module, "BATCH", 7)
    found = word_states(*import_encoder(model), ORDER, (2,), (3,))
    np.testing.assert_allclose(found, expected_states(model), atol=1e-5)


def test_those_of_rare_words_are_a_linear_map_of_their_embeddings(model, monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_READ", 30)
    shape, arrays = import_encoder(model)
    found, expected, words = word_states(shape, arrays, ORDER, (2,), (3,)), expected_states(model), ORDER[:30]
    np.testing.assert_allclose(found[words], expected[words], atol=1e-5)
    table = arrays["embeddings.word"].astype(np.float64)
    fitted = np.linalg.pinv(table[words]) @ expected[words]
    np.testing.assert_allclose(found[ORDER[30:]], table[ORDER[30:]] @ fitted, atol=1e-3)
