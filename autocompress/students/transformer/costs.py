"""Lists the linear layers of an encoder's sub-network and the terms of its latency."""

from __future__ import annotations

from collections.abc import Iterator

from autocompress.domain.shape import EncoderShape
from autocompress.students.attention_forms import attention_of
from autocompress.students.exit_policies import ExitScores
from autocompress.students.linear_forms import LinearSettings, form_of
from autocompress.students.student_type import Matrix
from autocompress.students.transformer.configuration import LayerConfiguration, TransformerConfiguration
from autocompress.students.transformer.exits import reach
from autocompress.students.transformer.keep_tokens import token_shares

KILO, MEGA = 1e3, 1e6
LATENCY_PRIOR = {
    "call": 0.005,
    "channels": 0.1,
    "exits": 0.005,
    "layers": 0.01,
    "int8_products": 0.042,
    "float_products": 0.3,
    "heads": 0.03,
    "neurons": 0.03,
    "layer_channels": 0.066,
}


def attention_settings(layer: LayerConfiguration) -> LinearSettings:
    """Return how the matrices of a layer's attention are stored."""
    return LinearSettings(layer.attention_bits, layer.sparsity, layer.extra)


def feed_forward_settings(layer: LayerConfiguration) -> LinearSettings:
    """Return how the matrices of a layer's feed-forward network are stored."""
    return LinearSettings(layer.feed_forward_bits, layer.sparsity, layer.extra)


def layer_matrices(layer: LayerConfiguration, hidden_size: int, shape: EncoderShape) -> Iterator[Matrix]:
    """Yield the linear layers of an encoder layer: those that its attention reads, output, up and down."""
    context = layer.num_attention_heads * shape.head_size
    for _ in attention_of(layer).projections:
        yield Matrix(context, hidden_size, attention_settings(layer))
    yield Matrix(hidden_size, context, attention_settings(layer))
    yield Matrix(layer.intermediate_size, hidden_size, feed_forward_settings(layer))
    yield Matrix(hidden_size, layer.intermediate_size, feed_forward_settings(layer))


def latency_terms(
    configuration: TransformerConfiguration, shape: EncoderShape, confidences: ExitScores | None
) -> dict[str, float]:
    """Return the latency terms under the names of ``LATENCY_PRIOR``.

    Products are in millions, channels and neurons in thousands, heads in tens. Those of a layer are multiplied by the
    share of requests that reach it, and its work per token by the share of tokens before or after its attention.
    """
    hidden = configuration.hidden_size
    terms = dict.fromkeys(LATENCY_PRIOR, 0.0)
    terms |= {"call": 1.0, "channels": hidden / KILO}
    terms["exits"] = 0 if configuration.exit is None else len(configuration.exit.layers)
    reached, tokens = reach(configuration, confidences), token_shares(configuration)
    for layer, share, (before, after) in zip(configuration.layers, reached, tokens, strict=True):
        form = attention_of(layer)
        shares = *(before for _ in form.projections), after, after, after
        for one, read in zip(layer_matrices(layer, hidden, shape), shares, strict=True):
            kind = "float_products" if one.settings.bits == 32 else "int8_products"
            products = form_of(one.settings).multiplications(one.rows, one.columns, one.settings)
            terms[kind] += share * read * products / MEGA
        terms["layers"] += share
        if not form.kernel:
            terms["heads"] += share * before * layer.num_attention_heads / 10
        terms["neurons"] += share * after * layer.intermediate_size / KILO
        terms["layer_channels"] += share * after * hidden / KILO
    return terms
