"""Reading the encoders of transformers into canonical arrays; the logits stay the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from autocompress.domain.shape import EncoderShape
from autocompress.networks.weights import Arrays
from autocompress.system.errors import InputError

ACTIVATIONS = ("gelu", "relu", "gelu_new")

_EMBEDDINGS = {
    "embeddings.word": "embeddings.word_embeddings.weight",
    "embeddings.position": "embeddings.position_embeddings.weight",
    "embeddings.token_type": "embeddings.token_type_embeddings.weight",
    "embeddings.norm.weight": "embeddings.LayerNorm.weight",
    "embeddings.norm.bias": "embeddings.LayerNorm.bias",
}
_BERT_LAYER = {
    "attention.query": "attention.self.query",
    "attention.key": "attention.self.key",
    "attention.value": "attention.self.value",
    "attention.output": "attention.output.dense",
    "attention.norm": "attention.output.LayerNorm",
    "feed_forward.up": "intermediate.dense",
    "feed_forward.down": "output.dense",
    "feed_forward.norm": "output.LayerNorm",
}
_DISTILBERT_LAYER = {
    "attention.query": "attention.q_lin",
    "attention.key": "attention.k_lin",
    "attention.value": "attention.v_lin",
    "attention.output": "attention.out_lin",
    "attention.norm": "sa_layer_norm",
    "feed_forward.up": "ffn.lin1",
    "feed_forward.down": "ffn.lin2",
    "feed_forward.norm": "output_layer_norm",
}


@dataclass(frozen=True)
class Family:
    """Where a family of checkpoints keeps what: module names, and how its configuration is read.

    ``layer`` maps a canonical module of a layer to the module below ``layers``; ``head`` names the two linear layers
    of the classifier in the whole model; ``sizes`` reads the sizes that families call by different names.
    """

    prefix: str
    layers: str
    layer: Mapping[str, str]
    head: tuple[str, str]
    head_activation: str
    sizes: Callable[[Any], dict[str, Any]]
    reserved_positions: Callable[[Any], int] = lambda config: 0


def _bert_sizes(config: Any) -> dict[str, Any]:
    return {
        "num_hidden_layers": config.num_hidden_layers,
        "hidden_size": config.hidden_size,
        "num_attention_heads": config.num_attention_heads,
        "intermediate_size": config.intermediate_size,
        "hidden_activation": config.hidden_act,
        "layer_norm_epsilon": config.layer_norm_eps,
    }


def _distilbert_sizes(config: Any) -> dict[str, Any]:
    return {
        "num_hidden_layers": config.n_layers,
        "hidden_size": config.dim,
        "num_attention_heads": config.n_heads,
        "intermediate_size": config.hidden_dim,
        "hidden_activation": config.activation,
        "layer_norm_epsilon": 1e-12,
    }


FAMILIES: dict[str, Family] = {
    "bert": Family("bert.", "encoder.layer.", _BERT_LAYER, ("bert.pooler.dense", "classifier"), "tanh", _bert_sizes),
    "distilbert": Family(
        "distilbert.",
        "transformer.layer.",
        _DISTILBERT_LAYER,
        ("pre_classifier", "classifier"),
        "relu",
        _distilbert_sizes,
    ),
    "roberta": Family(
        "roberta.",
        "encoder.layer.",
        _BERT_LAYER,
        ("classifier.dense", "classifier.out_proj"),
        "tanh",
        _bert_sizes,
        lambda config: int(config.pad_token_id) + 1,
    ),
    "electra": Family(
        "electra.", "encoder.layer.", _BERT_LAYER, ("classifier.dense", "classifier.out_proj"), "gelu", _bert_sizes
    ),
}


def import_encoder(model: Any) -> tuple[EncoderShape, Arrays]:
    """Shape and canonical float32 arrays of a transformers encoder.

    A ``*ForSequenceClassification`` model gives its classifier as the head after the last layer; any other model of
    the family gives the encoder alone. RoBERTa's reserved position rows are dropped: padding is always on the right
    here, so that a token's position is its index. InputError for a family, position embedding or activation that is
    not supported.
    """
    config = model.config
    family = require_supported(config)
    state = {name: _array(value) for name, value in model.state_dict().items()}
    base = {name.removeprefix(family.prefix): array for name, array in state.items()}
    arrays = _embeddings(base, family.reserved_positions(config))
    sizes = family.sizes(config)
    for index in range(sizes["num_hidden_layers"]):
        for name, module in family.layer.items():
            for kind in ("weight", "bias"):
                arrays[f"layers.{index}.{name}.{kind}"] = base[f"{family.layers}{index}.{module}.{kind}"]
    if type(model).__name__.endswith("ForSequenceClassification"):
        last = sizes["num_hidden_layers"] - 1
        for name, module in zip(("dense", "out"), family.head, strict=True):
            for kind in ("weight", "bias"):
                arrays[f"heads.{last}.{name}.{kind}"] = state[f"{module}.{kind}"]
    return _shape(arrays, sizes, family, config), arrays


def require_supported(config: Any) -> Family:
    """The family of a configuration; InputError names what of it is not supported here, whatever the weights are."""
    if config.model_type not in FAMILIES:
        raise InputError(
            f"the model must be of one of the families {', '.join(FAMILIES)}, but got {config.model_type!r}; "
            "choose a checkpoint of one of these"
        )
    positions = getattr(config, "position_embedding_type", None) or "absolute"
    if positions != "absolute":
        raise InputError(
            f"the model's position embeddings must be absolute, but got {positions!r}; choose another checkpoint"
        )
    for name in ("is_decoder", "add_cross_attention"):
        if getattr(config, name, False):
            raise InputError(f"the model must be an encoder, but its configuration says {name}; choose an encoder")
    family = FAMILIES[config.model_type]
    activation, epsilon = (family.sizes(config)[name] for name in ("hidden_activation", "layer_norm_epsilon"))
    if activation not in ACTIVATIONS:
        raise InputError(
            f"the encoder's activation must be one of {', '.join(ACTIVATIONS)}, but got {activation!r}; "
            f"choose another checkpoint"
        )
    if not (isinstance(epsilon, int | float) and 0 < epsilon < 1):
        raise InputError(f"0 < layer_norm_eps < 1 must hold in config.json, but got {epsilon!r}; correct it")
    return family


def _embeddings(base: Mapping[str, Any], reserved: int) -> Arrays:
    arrays = {name: base[source] for name, source in _EMBEDDINGS.items() if source in base}
    arrays["embeddings.position"] = arrays["embeddings.position"][reserved:]
    if "embeddings_project.weight" in base:
        for kind in ("weight", "bias"):
            arrays[f"embeddings.projection.{kind}"] = base[f"embeddings_project.{kind}"]
    return arrays


def _shape(arrays: Arrays, sizes: dict[str, Any], family: Family, config: Any) -> EncoderShape:
    vocab_size, embedding_size = arrays["embeddings.word"].shape
    token_types = arrays.get("embeddings.token_type")
    return EncoderShape(
        **sizes,
        vocab_size=vocab_size,
        max_positions=len(arrays["embeddings.position"]),
        type_vocab_size=0 if token_types is None else len(token_types),
        num_outputs=config.num_labels,
        embedding_size=embedding_size,
        head_activation=family.head_activation,
    )


def _array(tensor: Any) -> Any:
    """A float32 copy in C order, so that training the model further does not change what was read."""
    return np.array(tensor.detach().cpu().float().numpy(), dtype=np.float32)
