"""Which bits and which sparsity each weight of a student has in its artefact."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from autocompress.networks.weights import ATTENTION_LINEARS, FEED_FORWARD_LINEARS
from autocompress.students.configuration import Configuration, TransformerConfiguration


@dataclass(frozen=True)
class Precision:
    """Bits per weight and fraction of zeros of one weight matrix."""

    bits: int
    sparsity: float = 0.0


def precisions(configuration: Configuration, names: Iterable[str]) -> dict[str, Precision]:
    """Precision of each matrix among canonical ``names`` that is quantized or sparse; biases and norms are not.

    Positions, the embeddings' projection and heads are small: they have 8 bits where what they belong to has fewer
    than 32 (positions and projection to the embeddings, a transformer's heads too, other heads to the
    weights). Token types stay as they are.
    """
    embeddings = configuration.embedding_bits
    layers: dict[str, Precision] = {}
    others = Precision(32)
    if isinstance(configuration, TransformerConfiguration):
        heads = embeddings
        for layer in configuration.layers:
            for modules, bits in (
                (ATTENTION_LINEARS, layer.attention_bits),
                (FEED_FORWARD_LINEARS, layer.feed_forward_bits),
            ):
                precision = Precision(bits, layer.sparsity)
                layers |= {f"layers.{layer.index}.{module}.weight": precision for module in modules}
    else:
        heads = configuration.weight_bits
        others = Precision(configuration.weight_bits, configuration.sparsity)
    table: dict[str, Precision] = {}
    for name in names:
        if name == "embeddings.word":
            table[name] = Precision(embeddings)
        elif name in ("embeddings.position", "embeddings.projection.weight"):
            table[name] = Precision(side_bits(embeddings))
        elif name.startswith("head") and name.endswith(".dense.weight"):
            table[name] = Precision(side_bits(heads))
        elif name in layers:
            table[name] = layers[name]
        elif name.startswith(("lstm.", "conv.")) and ".weight" in name:
            table[name] = others
    return {name: precision for name, precision in table.items() if precision != Precision(32)}


def side_bits(bits: int) -> int:
    """Bits of a small matrix beside matrices of ``bits`` bits."""
    return 32 if bits == 32 else 8
