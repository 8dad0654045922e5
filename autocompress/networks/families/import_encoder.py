"""Reads a transformers encoder into plain float32 arrays with canonical names, whatever its family calls them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autocompress.domain.shape import RELATIVE_BIAS, EncoderShape
from autocompress.networks.families import FAMILIES
from autocompress.networks.families.family import PROJECTION, TOKEN_TYPES, Family
from autocompress.networks.weights import EMBEDDING_TABLES, Arrays
from autocompress.system.errors import InputError

ACTIVATIONS = ("gelu", "relu", "gelu_new")
KINDS = ("weight", "bias")


def import_encoder(model: Any) -> tuple[EncoderShape, Arrays]:
    """Return the shape and the arrays of a transformers model of one of the ``FAMILIES``; its logits stay the same.

    Linear weights are [out, in], tables [rows, width]. The classifier of a ``*ForSequenceClassification`` model becomes
    the head after the last layer; any other model gives the encoder alone. Rows of the position table before that of
    the first token are dropped: padding is always on the right here, so that a token's position is its index. Each
    layer gets its own copy of a table of relative position biases, since the heads of each are sorted on their own.

    InputError for a family, position embedding or activation that is not supported, and where the family's record does
    not name the weights of the model.
    """
    config = model.config
    family = require_supported(config)
    weights = _Weights(model, family)
    arrays = _embeddings(weights, family, config)
    depth = family.size(config, "num_hidden_layers")
    for index in range(depth):
        for name, module in family.layer.items():
            part = f"layers {family.layers!r} and layer[{name!r}]"
            arrays |= weights.of(part, f"{family.layers}.{index}.{module}", f"layers.{index}.{name}")
        if family.relative_bias is not None:
            table = weights.one("relative_bias", f"{family.relative_bias}.weight")
            arrays[f"layers.{index}.{RELATIVE_BIAS}"] = table
    if type(model).__name__.endswith("ForSequenceClassification"):
        for name, module in zip(("dense", "out"), family.head, strict=True):
            arrays |= weights.of("head", module, f"heads.{depth - 1}.{name}", whole=True)
        weights.check_all_read()
    return _shape(arrays, family, config), arrays


def require_supported(config: Any) -> Family:
    """Return the family of a configuration; InputError names what of it is not supported, whatever the weights are."""
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
    activation, epsilon = family.hidden_activation(config), family.epsilon(config)
    if activation not in ACTIVATIONS:
        raise InputError(
            f"the encoder's activation must be one of {', '.join(ACTIVATIONS)}, but got {activation!r}; "
            f"choose another checkpoint"
        )
    if not (isinstance(epsilon, int | float) and 0 < epsilon < 1):
        raise InputError(f"0 < layer_norm_eps < 1 must hold in config.json, but got {epsilon!r}; correct it")
    for entry, (given, value) in family.required_values(config).items():
        if given != value:
            raise InputError(
                f"{entry} in config.json must be {value!r} for {config.model_type} (required of the family), "
                f"but got {given!r}; choose another checkpoint"
            )
    return family


class _Weights:
    """The weights of a model by their names inside the encoder, and which of them were read."""

    def __init__(self, model: Any, family: Family) -> None:
        self._kind, self._prefix = type(model).__name__, family.base_model_prefix
        self._state = model.state_dict()
        self._unread = {name for name, _ in model.named_parameters()}

    def of(self, part: str, module: str, canonical: str, *, whole: bool = False) -> Arrays:
        """Return weight and bias of a module under a canonical name; InputError names the ``part`` of the record.

        The module is one of the encoder, or with ``whole`` one of the whole model.
        """
        return {f"{canonical}.{kind}": self.one(part, f"{module}.{kind}", whole=whole) for kind in KINDS}

    def one(self, part: str, name: str, *, whole: bool = False) -> Any:
        """Return one array by its name in the model; InputError names the ``part`` of the record."""
        inside = f"{self._prefix}.{name}"
        found = inside if not whole and inside in self._state else name  # an encoder alone has no prefix
        if found not in self._state:
            where = "" if whole else f", with or without base_model_prefix {self._prefix!r}"
            raise InputError(
                f"a family must name weights of its models, but {part} asks for {name}{where}, which {self._kind} "
                f"lacks; correct the family"
            )
        self._unread.discard(found)
        return _array(self._state[found])

    def check_all_read(self) -> None:
        """Raise an InputError if the model has a weight that no part of the record names."""
        if self._unread:
            raise InputError(
                f"a family's sizes, embeddings, layer, head and relative_bias must account for all weights of its "
                f"models, but {self._kind} has {min(self._unread)} too; correct the family, or choose another "
                f"checkpoint"
            )


def _embeddings(weights: _Weights, family: Family, config: Any) -> Arrays:
    modules = family.embeddings
    tables = [name for name in EMBEDDING_TABLES if modules[name] is not None]
    arrays = {name: weights.one(f"embeddings[{name!r}]", f"{modules[name]}.weight") for name in tables}
    arrays["embeddings.position"] = arrays["embeddings.position"][family.reserved_positions(config) :]
    linear = [PROJECTION] if family.size(config, "embedding_size") != family.size(config, "hidden_size") else []
    for name in ("embeddings.norm", *linear):
        arrays |= weights.of(f"embeddings[{name!r}]", str(modules[name]), name)
    return arrays


def _shape(arrays: Mapping[str, Any], family: Family, config: Any) -> EncoderShape:
    vocab_size, embedding_size = arrays["embeddings.word"].shape
    return EncoderShape(
        num_hidden_layers=family.size(config, "num_hidden_layers"),
        hidden_size=family.size(config, "hidden_size"),
        num_attention_heads=family.size(config, "num_attention_heads"),
        intermediate_size=family.size(config, "intermediate_size"),
        vocab_size=vocab_size,
        max_positions=len(arrays["embeddings.position"]),
        type_vocab_size=len(arrays.get(TOKEN_TYPES, ())),
        num_outputs=config.num_labels,
        embedding_size=embedding_size,
        hidden_activation=family.hidden_activation(config),
        head_activation=family.head_activation,
        layer_norm_epsilon=family.epsilon(config),
        relative_attention_num_buckets=len(arrays.get(f"layers.0.{RELATIVE_BIAS}", ())),
    )


def _array(tensor: Any) -> Any:
    """A float32 copy in C order, so that training the model further does not change what was read."""
    return np.array(tensor.detach().cpu().float().numpy(), dtype=np.float32)
