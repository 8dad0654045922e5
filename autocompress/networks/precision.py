"""Which bits and which sparsity each weight of a student has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from autocompress.configuration import Configuration, TransformerConfiguration
from autocompress.networks.weights import ATTENTION_LINEARS, FEED_FORWARD_LINEARS


@dataclass(frozen=True)
class Precision:
    """Bits per weight and fraction of zeros of one weight matrix."""

    bits: int
    sparsity: float = 0.0


def precisions(configuration: Configuration, names: Iterable[str]) -> dict[str, Precision]:
    """Precision of each quantized matrix among canonical ``names``; biases, norms, heads and projections have none.

    The word and position tables have the embeddings' bits, and one scale per row.
    """
    tables = Precision(configuration.embedding_bits)
    known = {"embeddings.word": tables, "embeddings.position": tables}
    names = set(names)
    if isinstance(configuration, TransformerConfiguration):
        for layer in configuration.layers:
            for modules, bits in (
                (ATTENTION_LINEARS, layer.attention_bits),
                (FEED_FORWARD_LINEARS, layer.feed_forward_bits),
            ):
                for module in modules:
                    known[f"layers.{layer.index}.{module}.weight"] = Precision(bits, layer.sparsity)
    else:
        matrices = (name for name in names if name.startswith(("lstm.", "conv.")) and ".weight" in name)
        known |= dict.fromkeys(matrices, Precision(configuration.weight_bits, configuration.sparsity))
    return {name: precision for name, precision in known.items() if name in names}
