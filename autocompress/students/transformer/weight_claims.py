"""Determines how the artefact stores each weight of an encoder."""

from __future__ import annotations

from autocompress.domain.shape import RELATIVE_BIAS
from autocompress.networks.weights import ATTENTION_LINEARS, FEED_FORWARD_LINEARS, LAYER_NORMS
from autocompress.students.attention_forms import attention_of
from autocompress.students.linear_forms import LinearSettings
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.students.transformer.costs import attention_settings, feed_forward_settings
from autocompress.students.weight_settings import FLOAT, side_bits


def weight_claims(weight: str, configuration: TransformerConfiguration) -> LinearSettings | None:
    """Return the settings of the weight of this canonical name; None if the encoder has no such weight."""
    part, _, rest = weight.partition(".")
    claims = {"embeddings": _of_embeddings, "heads": _of_heads, "layers": _of_layers}
    return claims[part](rest, configuration) if part in claims else None


def _of_embeddings(rest: str, configuration: TransformerConfiguration) -> LinearSettings | None:
    bits = configuration.embedding_bits
    beside = LinearSettings(side_bits(bits))
    kept = dict.fromkeys(("token_type", "norm.weight", "norm.bias", "projection.bias"), FLOAT)
    return {"word": LinearSettings(bits), "position": beside, "projection.weight": beside, **kept}.get(rest)


def _of_heads(rest: str, configuration: TransformerConfiguration) -> LinearSettings | None:
    beside = LinearSettings(side_bits(configuration.embedding_bits))
    kept = dict.fromkeys(("dense.bias", "out.weight", "out.bias"), FLOAT)
    return {"dense.weight": beside, **kept}.get(rest.partition(".")[2])


def _of_layers(rest: str, configuration: TransformerConfiguration) -> LinearSettings | None:
    index, _, name = rest.partition(".")
    module, _, kind = name.rpartition(".")
    layer = next((layer for layer in configuration.layers if str(layer.index) == index), None)
    if layer is not None and name in (RELATIVE_BIAS, attention_of(layer).kernel, attention_of(layer).offset):
        return FLOAT
    if layer is None or module not in (*ATTENTION_LINEARS, *FEED_FORWARD_LINEARS, *LAYER_NORMS):
        return None
    if kind == "bias" or module in LAYER_NORMS:
        return FLOAT
    return attention_settings(layer) if module in ATTENTION_LINEARS else feed_forward_settings(layer)
