"""What config.json says, held against the weights and against what is supported, before any model is built."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from autocompress.networks.checkpoint_files import StoredTensor
from autocompress.networks.families import FAMILIES, require_supported
from autocompress.system.errors import InputError

if TYPE_CHECKING:
    from transformers import PretrainedConfig

LARGEST = 2**24
MOST_LABELS = 100_000
SIZES = (
    *("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "embedding_size"),
    *("vocab_size", "max_position_embeddings", "type_vocab_size", "dim", "n_layers", "n_heads", "hidden_dim"),
)
_LAYER = re.compile(r"\.?layer\.(\d+)\.")


def check_raw(raw: Mapping[str, Any], reference: str) -> None:
    """Refuse what would fail, or take all memory, while transformers reads it; InputError names the entry."""
    if raw.get("auto_map"):
        raise InputError(
            f"a checkpoint must not bring its own code, but {reference} asks for it (auto_map in config.json); "
            "code from a checkpoint is never run here: use one of the standard families"
        )
    family = raw.get("model_type")
    if not isinstance(family, str) or family not in FAMILIES:
        what = f"is of {family!r}" if family is not None else "names no model_type in its config.json"
        raise InputError(f"the model must be of one of the families {', '.join(FAMILIES)}, but {reference} {what}")
    for name in SIZES:
        if name in raw and not _is_count(raw[name], LARGEST):
            raise InputError(
                f"{name} in config.json must be a whole number from 1 to {LARGEST:,}, "
                f"but {reference} has {_shown(raw[name])}; correct it"
            )
    if raw.get("num_labels") is not None and not _is_count(raw["num_labels"], MOST_LABELS):
        raise InputError(
            f"num_labels in config.json must be a whole number from 1 to {MOST_LABELS:,}, "
            f"but {reference} has {_shown(raw['num_labels'])}; correct it"
        )
    _check_labels(raw.get("id2label"), reference)
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
    if raw.get("pruned_heads"):
        raise InputError(
            f"the layers of a checkpoint must have all their heads, but {reference} names pruned_heads in "
            f"config.json, which are not supported; give the checkpoint as it was before they were removed"
        )


def _check_labels(names: Any, reference: str) -> None:
    if names is None:
        return
    right = isinstance(names, Mapping) and all(re.fullmatch(r"\d{1,6}", str(key)) for key in names)
    if not right:
        raise InputError(
            f"id2label in config.json must map the numbers of outputs to names, but {reference} has {_shown(names)}; "
            f"correct it"
        )


def check_config(config: PretrainedConfig, tensors: Mapping[str, StoredTensor], reference: str) -> tuple[str, ...]:
    """Notes on a configuration that can be used with these weights; InputError where it cannot."""
    require_supported(config)
    family = FAMILIES[config.model_type]
    sizes = family.sizes(config)
    if sizes["hidden_size"] % sizes["num_attention_heads"]:
        raise InputError(
            f"the number of attention heads must divide the hidden size, but config.json of {reference} says "
            f"{sizes['num_attention_heads']} and {sizes['hidden_size']}; correct it"
        )
    if config.model_type == "roberta":
        if not _is_count(config.pad_token_id, LARGEST, 0):
            raise InputError(
                f"pad_token_id in config.json must be a token's number, for RoBERTa counts positions from it, "
                f"but {reference} has {_shown(config.pad_token_id)}; correct it"
            )
        if config.pad_token_id + 1 >= config.max_position_embeddings:
            raise InputError(
                f"max_position_embeddings must exceed pad_token_id + 1 for RoBERTa, but config.json of {reference} "
                f"says {config.max_position_embeddings} and {config.pad_token_id}; correct it"
            )
    for name, said, tensor, axis in _sizes_in_weights(config, tensors):
        if tensors[tensor].shape[axis : axis + 1] != (said,):
            raise InputError(
                f"config.json must say the sizes of the weights, but {reference} says {name} {said} where {tensor} "
                f"has the shape {list(tensors[tensor].shape)}; take both from one checkpoint"
            )
    return _check_layers(sizes["num_hidden_layers"], tensors, reference)


def _sizes_in_weights(
    config: PretrainedConfig, tensors: Mapping[str, StoredTensor]
) -> Iterator[tuple[str, Any, str, int]]:
    """Each size as its name, its value in the configuration, a weight that has it, and the axis there."""
    family = FAMILIES[config.model_type]
    sizes = family.sizes(config)
    width = getattr(config, "embedding_size", None) if config.model_type == "electra" else sizes["hidden_size"]
    first = f"{family.layers}0."
    for ending, name, said, axis in (
        ("embeddings.word_embeddings.weight", "vocab_size", config.vocab_size, 0),
        (
            "embeddings.word_embeddings.weight",
            "embedding_size" if width != sizes["hidden_size"] else "hidden_size",
            width,
            1,
        ),
        ("embeddings.position_embeddings.weight", "max_position_embeddings", config.max_position_embeddings, 0),
        ("embeddings.token_type_embeddings.weight", "type_vocab_size", getattr(config, "type_vocab_size", 0), 0),
        (f"{first}{family.layer['attention.query']}.weight", "hidden_size", sizes["hidden_size"], 1),
        (f"{first}{family.layer['feed_forward.up']}.weight", "intermediate_size", sizes["intermediate_size"], 0),
    ):
        names = [tensor for tensor in tensors if tensor.endswith(ending)]
        if names:
            yield name, said, min(names, key=len), axis


def _check_layers(said: int, tensors: Mapping[str, StoredTensor], reference: str) -> tuple[str, ...]:
    found = {int(match[1]) for match in map(_LAYER.search, tensors) if match}
    count = max(found, default=-1) + 1
    if not any(name.endswith("embeddings.word_embeddings.weight") for name in tensors) or not found:
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
