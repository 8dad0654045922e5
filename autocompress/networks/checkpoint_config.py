"""Checks config.json against the weights' headers and against what is supported, before any model is built."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from autocompress.networks.checkpoint_files import StoredTensor
from autocompress.networks.families import FAMILIES
from autocompress.networks.families.family import AFTER_PADDING, STANDARD_SIZES, TOKEN_TYPES, Family
from autocompress.networks.families.import_encoder import require_supported
from autocompress.system.errors import InputError

if TYPE_CHECKING:
    from transformers import PretrainedConfig

LARGEST = 2**24
MOST_LABELS = 100_000


def check_raw(raw: Mapping[str, Any], reference: str) -> None:
    """Check the content of config.json before transformers reads it, where it would fail or take all memory.

    InputError names the entry.
    """
    if raw.get("auto_map"):
        raise InputError(
            f"a checkpoint must not bring its own code, but {reference} asks for it (auto_map in config.json); "
            "code from a checkpoint is never run here: use one of the standard families"
        )
    family = raw.get("model_type")
    if not isinstance(family, str) or family not in FAMILIES:
        what = f"is of {family!r}" if family is not None else "names no model_type in its config.json"
        raise InputError(f"the model must be of one of the families {', '.join(FAMILIES)}, but {reference} {what}")
    # transformers also takes the standard name of a size where a family has another (attribute_map).
    sizes = dict.fromkeys((*STANDARD_SIZES, *filter(None, FAMILIES[family].sizes.values())), LARGEST)
    labels = {"num_labels": MOST_LABELS} if raw.get("num_labels") is not None else {}
    for name, most in {**sizes, **labels}.items():
        if name in raw and not _is_count(raw[name], most):
            raise InputError(
                f"{name} in config.json must be a whole number from 1 to {most:,}, "
                f"but {reference} has {_shown(raw[name])}; correct it"
            )
    _check_head(raw, reference)
    if raw.get("pruned_heads"):
        raise InputError(
            f"the layers of a checkpoint must have all their heads, but {reference} names pruned_heads in "
            f"config.json, which are not supported; give the checkpoint as it was before they were removed"
        )


def _check_head(raw: Mapping[str, Any], reference: str) -> None:
    """Check the entries about the classifier; InputError names the entry."""
    names = raw.get("id2label")
    mapped = isinstance(names, Mapping) and all(re.fullmatch(r"\d{1,6}", str(key)) for key in names)
    if names is not None and not mapped:
        raise InputError(
            f"id2label in config.json must map the numbers of outputs to names, but {reference} has {_shown(names)}; "
            f"correct it"
        )
    kinds = raw.get("architectures") or []
    if not isinstance(kinds, list) or not all(isinstance(kind, str) for kind in kinds):
        raise InputError(
            f"architectures in config.json must be a list of names, but {reference} has {_shown(kinds)}; correct it"
        )
    if raw.get("problem_type") == "multi_label_classification":
        raise InputError(
            f"a model must choose one class or give one number, but {reference} is for several labels at once "
            f"(problem_type multi_label_classification), which is not supported yet"
        )


def check_config(config: PretrainedConfig, tensors: Mapping[str, StoredTensor], reference: str) -> tuple[str, ...]:
    """Check a configuration against the shapes of the stored weights; return notes for the user.

    InputError says which entry is not supported or disagrees with the weights.
    """
    family = require_supported(config)
    hidden_size, heads = family.size(config, "hidden_size"), family.size(config, "num_attention_heads")
    if hidden_size % heads:
        raise InputError(
            f"the number of attention heads must divide the hidden size, but config.json of {reference} says "
            f"{heads} and {hidden_size}; correct it"
        )
    _check_positions(config, family, reference)
    for name, said, tensor, axis in _sizes_in_weights(config, family, tensors):
        if tensors[tensor].shape[axis : axis + 1] != (said,):
            raise InputError(
                f"config.json must say the sizes of the weights, but {reference} says {name} {said} where {tensor} "
                f"has the shape {list(tensors[tensor].shape)}; take both from one checkpoint"
            )
    return _check_layers(family.size(config, "num_hidden_layers"), family, tensors, reference)


def _check_positions(config: PretrainedConfig, family: Family, reference: str) -> None:
    """Check that the position table has a row for a text's first token."""
    rows = family.size(config, "max_position_embeddings")
    if family.first_position == AFTER_PADDING:
        if not _is_count(config.pad_token_id, LARGEST, 0):
            raise InputError(
                f"pad_token_id in config.json must be a token's number, for {config.model_type} counts positions from "
                f"it, but {reference} has {_shown(config.pad_token_id)}; correct it"
            )
        if config.pad_token_id + 1 >= rows:
            raise InputError(
                f"max_position_embeddings must exceed pad_token_id + 1 for {config.model_type}, but config.json of "
                f"{reference} says {rows} and {config.pad_token_id}; correct it"
            )


def _sizes_in_weights(
    config: PretrainedConfig, family: Family, tensors: Mapping[str, StoredTensor]
) -> Iterator[tuple[str, int, str, int]]:
    """Yield each size: its standard name, its value in the configuration, a weight that has it, and the axis there."""
    own_width = family.size(config, "embedding_size") != family.size(config, "hidden_size")
    modules, first = family.embeddings, f"{family.layers}.0."
    for module, name, axis in (
        (modules["embeddings.word"], "vocab_size", 0),
        (modules["embeddings.word"], "embedding_size" if own_width else "hidden_size", 1),
        (modules["embeddings.position"], "max_position_embeddings", 0),
        (modules[TOKEN_TYPES], "type_vocab_size", 0),
        (f"{first}{family.layer['attention.query']}", "hidden_size", 1),
        (f"{first}{family.layer['feed_forward.up']}", "intermediate_size", 0),
    ):
        names = [tensor for tensor in tensors if module is not None and tensor.endswith(f"{module}.weight")]
        if names:
            yield name, family.size(config, name), min(names, key=len), axis


def _check_layers(said: int, family: Family, tensors: Mapping[str, StoredTensor], reference: str) -> tuple[str, ...]:
    """Check that the weights are those of an encoder with at least ``said`` layers, in floating point."""
    layer = re.compile(rf"(?:^|\.){re.escape(family.layers)}\.(\d+)\.")
    found = {int(match[1]) for match in map(layer.search, tensors) if match}
    count = max(found, default=-1) + 1
    words = f"{family.embeddings['embeddings.word']}.weight"
    if not any(name.endswith(words) for name in tensors) or not found:
        first = ", ".join(sorted(tensors)[:3]) or "nothing"
        raise InputError(
            f"the weights must be those of an encoder, but {reference} has no word embeddings or no layers among its "
            f"{len(tensors)} weights ({first}, ...); take config.json and weights from one checkpoint"
        )
    if said > count:
        raise InputError(
            f"config.json must say the sizes of the weights, but {reference} says num_hidden_layers {said:,} where "
            f"the weights have {count}; take both from one checkpoint"
        )
    integer = next((n for n, t in tensors.items() if not t.is_float and not n.endswith("position_ids")), None)
    if integer is not None:
        raise InputError(
            f"the checkpoint must have float weights, but {integer} of {reference} has numbers of another kind; "
            f"if it is quantized, give the checkpoint that it was made from"
        )
    if said < count:
        return (
            f"config.json asks for {said} of the {count} layers that the weights have: the upper ones are left out",
        )
    return ()


def _is_count(value: Any, most: int, least: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
