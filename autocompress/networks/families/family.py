"""The contract of an encoder family: where its checkpoints keep sizes and weights, in one record."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal

from autocompress.networks.weights import ATTENTION_LINEARS, EMBEDDING_TABLES, FEED_FORWARD_LINEARS, LAYER_NORMS
from autocompress.system.errors import InputError

AFTER_PADDING: Literal["after_padding"] = "after_padding"
STANDARD_SIZES = (
    *("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"),
    *("embedding_size", "vocab_size", "max_position_embeddings", "type_vocab_size"),
)
TOKEN_TYPES, PROJECTION = "embeddings.token_type", "embeddings.projection"
EMBEDDING_MODULES = (*EMBEDDING_TABLES, "embeddings.norm", PROJECTION)
LAYER_MODULES = (*ATTENTION_LINEARS, *FEED_FORWARD_LINEARS, *LAYER_NORMS)
# A part of the configuration that a family may lack, and the part of the model that it then lacks too.
OPTIONAL = {"type_vocab_size": TOKEN_TYPES, "embedding_size": PROJECTION}


@dataclass(frozen=True, kw_only=True)
class Family:
    """Describes a post-norm encoder with absolute positions, as transformers implements it.

    Every part but the last two is required. A part that is left out is a TypeError, and one with a wrong entry a
    ValueError; both name the part. Module names are those of the transformers model, without ``weight`` and ``bias``.

    - ``sizes``: for each of ``STANDARD_SIZES`` the entry of config.json that holds it. ``type_vocab_size`` is None
      where the model has no token types, ``embedding_size`` None where its embeddings are as wide as its layers.
    - ``activation``: the entry of config.json that names the activation of the feed-forward layers.
    - ``layer_norm_epsilon``: the entry of config.json that holds the epsilon of all layer norms, or the epsilon itself
      where the family has no such entry.
    - ``base_model_prefix``: the name of the encoder inside a ``*ForSequenceClassification`` model.
    - ``embeddings``: for each of ``EMBEDDING_MODULES`` its module in the encoder: three tables [rows, embedding size],
      the norm after their sum, and the linear layer [hidden size, embedding size] after the norm. The table of token
      types and the linear layer are None where ``sizes`` says so.
    - ``layers``: the encoder's list of layers; its items are called 0, 1, ... from the input to the output.
    - ``layer``: for each of ``LAYER_MODULES`` its module in a layer: the linear layers of the attention ([hidden size,
      hidden size]) and of the feed-forward part, and the norm after the sum with the input of each of the two.
    - ``head``: the two linear layers of the classifier in the whole model, the first [hidden size, hidden size] on the
      vector of the first token, the second [num_labels, hidden size].
    - ``head_activation``: the activation between the two, ``tanh``, ``relu``, ``gelu`` or ``gelu_new``.
    - ``first_position``: the row of the position table for the first token of a text, or ``AFTER_PADDING`` where that
      row is ``pad_token_id + 1`` (RoBERTa). The rows before it are never read.
    - ``optimizer_model_type``: the ``model_type`` under which ONNX Runtime's transformer optimizer
      (``onnxruntime.transformers.optimizer``) fuses the exported model.
    - ``relative_bias``: where attention adds a bias by the bucket of two tokens' distance (T5, Raffel et al. 2020,
      section 2.1), the encoder's module of the table [buckets, num_attention_heads] that all layers share.
    - ``required``: entries of config.json and the values that they must have, for transformers' code reads others only
      in part.
    """

    sizes: Mapping[str, str | None]
    activation: str
    layer_norm_epsilon: str | float
    base_model_prefix: str
    embeddings: Mapping[str, str | None]
    layers: str
    layer: Mapping[str, str]
    head: tuple[str, str]
    head_activation: str
    first_position: int | Literal["after_padding"]
    optimizer_model_type: str
    relative_bias: str | None = None
    required: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for part in fields(self):
            if part.default is MISSING and part.default_factory is MISSING:
                _check_not_empty(part.name, getattr(self, part.name))
        _check_entries("sizes", self.sizes, STANDARD_SIZES, OPTIONAL)
        _check_entries("embeddings", self.embeddings, EMBEDDING_MODULES, OPTIONAL.values())
        _check_entries("layer", self.layer, LAYER_MODULES, ())
        for size, module in OPTIONAL.items():
            if (self.sizes[size] is None) != (self.embeddings[module] is None):
                raise ValueError(f"sizes[{size!r}] and embeddings[{module!r}] of a family must both be given or None")
        if len(self.head) != 2:
            raise ValueError(f"head of a family must name two linear layers, but names {len(self.head)}")
        first = self.first_position
        if first != AFTER_PADDING and not (isinstance(first, int) and first >= 0):
            raise ValueError(f"first_position of a family must be a row or AFTER_PADDING, but is {first!r}")

    def size(self, config: Any, name: str) -> int:
        """Return a size of a transformers configuration by its standard name, one of ``STANDARD_SIZES``.

        A model without token types has 0 of them; embeddings without a width of their own have that of the layers.
        """
        entry = self.sizes[name]
        if entry is not None:
            return int(_read(config, "sizes", entry))
        return self.size(config, "hidden_size") if name == "embedding_size" else 0

    def hidden_activation(self, config: Any) -> Any:
        """Return what a configuration gives as the activation of the feed-forward layers."""
        return _read(config, "activation", self.activation)

    def epsilon(self, config: Any) -> Any:
        """Return what a configuration gives as the epsilon of the layer norms."""
        given = self.layer_norm_epsilon
        return _read(config, "layer_norm_epsilon", given) if isinstance(given, str) else given

    def required_values(self, config: Any) -> dict[str, tuple[Any, Any]]:
        """Return for each entry in ``required`` what a configuration gives and the value that it must have."""
        return {entry: (_read(config, "required", entry), value) for entry, value in self.required.items()}

    def reserved_positions(self, config: Any) -> int:
        """Return how many rows of the position table stand before that of a text's first token."""
        return int(config.pad_token_id) + 1 if self.first_position == AFTER_PADDING else self.first_position

    def max_positions(self, config: Any) -> int:
        """Return the largest number of tokens of a text."""
        return self.size(config, "max_position_embeddings") - self.reserved_positions(config)

    def reads_token_types(self, config: Any) -> bool:
        """Return whether the model tells token types apart, so that it is given ``token_type_ids``."""
        return self.size(config, "type_vocab_size") > 1

    def is_in_head(self, weight: str) -> bool:
        """Return whether a weight of the whole model, by its name, is needed for classification only.

        Those are the weights of ``head``, also where one lies inside the encoder (BERT's pooler), and all weights
        outside the encoder.
        """
        outside = not weight.startswith(f"{self.base_model_prefix}.")
        return outside or any(weight.startswith(f"{module}.") for module in self.head)


def _check_not_empty(part: str, value: Any) -> None:
    if value is None or (isinstance(value, Collection) and not value):
        raise ValueError(f"{part} of a family must be given, but is {value!r}")


def _check_entries(
    part: str, given: Mapping[str, str | None], names: Collection[str], optional: Collection[str]
) -> None:
    missing = [name for name in names if name not in given or (given[name] is None and name not in optional)]
    unknown = [name for name in given if name not in names]
    if missing or unknown:
        problem = f"lacks {', '.join(missing)}" if missing else f"has {', '.join(unknown)}"
        raise ValueError(f"{part} of a family must have the entries {', '.join(names)}, but {problem}")


def _read(config: Any, part: str, entry: str) -> Any:
    if not hasattr(config, entry):
        raise InputError(
            f"{part} of the family {config.model_type} must name entries of its configuration, but names {entry!r}, "
            f"which it lacks; correct the family"
        )
    return getattr(config, entry)
