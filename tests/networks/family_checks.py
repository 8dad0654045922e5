"""What must hold for a family, checked on a tiny random model of it; an AssertionError names the parts at fault.

The oracle is the transformers model itself.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from tiny_models import random_batch

from autocompress.networks.families import FAMILIES
from autocompress.networks.families.import_encoder import import_encoder, require_supported
from autocompress.networks.loading import output_layer, word_embeddings
from autocompress.students.transformer.network import ElasticEncoder
from autocompress.system.errors import InputError


def reference_inputs(model: Any, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The inputs [B, T] that the model accepts; token types only where it has several."""
    typed = "token_type_ids" in inspect.signature(model.forward).parameters and token_type_rows(model) > 1
    return {name: value for name, value in batch.items() if typed or name != "token_type_ids"}


def token_type_rows(model: Any) -> int:
    """Rows of the smallest table beside those of words and positions and as wide as them; 0 if there is none."""
    width = model.get_input_embeddings().embedding_dim
    found = (one for one in model.modules() if isinstance(one, torch.nn.Embedding) and one.embedding_dim == width)
    tables = sorted(one.num_embeddings for one in found)
    return tables[0] if len(tables) > 2 else 0


def check_sizes(model: Any) -> None:
    family, config = FAMILIES[model.config.model_type], model.config
    shape, arrays = import_encoder(model)
    expected = {
        "hidden_size": arrays["layers.0.attention.query.weight"].shape[1],
        "intermediate_size": arrays["layers.0.feed_forward.up.weight"].shape[0],
        "vocab_size": model.get_input_embeddings().weight.shape[0],
        "embedding_size": model.get_input_embeddings().weight.shape[1],
        "type_vocab_size": token_type_rows(model),
    }
    for name, size in expected.items():
        equal = family.size(config, name) == getattr(shape, name) == size
        assert equal, f"sizes[{name!r}] or embeddings or layer must give {size}"
    typed = "token_type_ids" in reference_inputs(model, random_batch(expected["vocab_size"]))
    assert family.reads_token_types(config) == typed, "sizes['type_vocab_size'] must tell whether token types are read"


def check_modules(model: Any) -> None:
    words = word_embeddings(model) is model.get_input_embeddings()
    assert words, "embeddings['embeddings.word'] must be the input embeddings"
    outputs = output_layer(model).out_features
    assert outputs == model.config.num_labels, f"head must end in a layer of num_labels outputs, not {outputs}"


def check_positions(model: Any) -> None:
    family, config = FAMILIES[model.config.model_type], model.config
    longest = family.max_positions(config)
    shape, _ = import_encoder(model)
    assert shape.max_positions == longest, "sizes['max_position_embeddings'] must be the rows of the position table"
    for length, runs in ((longest, True), (longest + 1, False)):
        ids = torch.full((1, length), 7)
        try:
            model(input_ids=ids, attention_mask=torch.ones_like(ids))
        except (IndexError, RuntimeError):
            assert not runs, f"first_position must leave rows for {length} tokens"
        else:
            assert runs, f"first_position must not reserve a row that is read by token {length}"


def check_hidden_states(model: Any) -> None:
    """Embeddings first, then each layer: the first that differs tells which parts are wrong."""
    encoder = model.base_model
    batch = random_batch(FAMILIES[model.config.model_type].size(model.config, "vocab_size"), model.config.pad_token_id)
    shape, arrays = import_encoder(encoder)
    assert not any(name.startswith("heads.") for name in arrays)
    real = batch["attention_mask"].bool()
    with torch.no_grad():
        expected = encoder(**reference_inputs(encoder, batch), output_hidden_states=True).hidden_states
        output = ElasticEncoder(shape, arrays)(**batch)
    assert output.logits == {}
    for depth, (mine, theirs) in enumerate(zip([output.embeddings, *output.hidden], expected, strict=True)):
        first = "embeddings, first_position or layer_norm_epsilon"
        parts = "layer, layers, activation, sizes or layer_norm_epsilon" if depth else first
        equal = torch.allclose(mine[real], theirs[real], atol=1e-5, rtol=1e-5)
        assert equal, f"{parts} must give the hidden states of transformers, but state {depth} differs"


def check_logits(model: Any) -> None:
    """Padded pairs of texts."""
    batch = random_batch(FAMILIES[model.config.model_type].size(model.config, "vocab_size"), model.config.pad_token_id)
    shape, arrays = import_encoder(model)
    with torch.no_grad():
        expected = model(**reference_inputs(model, batch)).logits
        actual = ElasticEncoder(shape, arrays).logits(**batch)
    assert actual.shape == (4, 3)
    equal = torch.allclose(actual, expected, atol=1e-5, rtol=1e-5)
    assert equal, "head or head_activation must give the logits of transformers, but they differ"


def check_refusals(model: Any) -> None:
    """The model's configuration is changed and left as it was."""
    family, config = FAMILIES[model.config.model_type], model.config
    for entry, value, message in (
        (family.activation, "silu", "one of gelu, relu, gelu_new, but got 'silu'"),
        ("position_embedding_type", "relative_key", "absolute, but got 'relative_key'"),
        ("is_decoder", True, "must be an encoder"),
        ("add_cross_attention", True, "must be an encoder"),
        *((entry, 16, f"{entry} in config.json must be .*required") for entry in family.required),
    ):
        there, before = hasattr(config, entry), getattr(config, entry, None)
        setattr(config, entry, value)
        with pytest.raises(InputError, match=message):
            require_supported(config)
        setattr(config, entry, before) if there else delattr(config, entry)
    require_supported(config)


def check_optimizer(model: Any) -> None:
    from onnxruntime.transformers.optimizer import MODEL_TYPES

    given = FAMILIES[model.config.model_type].optimizer_model_type
    assert given in MODEL_TYPES, f"optimizer_model_type must be one of {', '.join(MODEL_TYPES)}, but is {given}"


CHECKS = {
    "sizes": check_sizes,
    "modules": check_modules,
    "positions": check_positions,
    "hidden_states": check_hidden_states,
    "logits": check_logits,
    "refusals": check_refusals,
    "optimizer": check_optimizer,
}
