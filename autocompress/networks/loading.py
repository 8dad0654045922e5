"""Loads the model of a checkpoint in float32 and tells, from transformers' loading report, if its head is trained."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autocompress.networks.checkpoint import Checkpoint, head_names
from autocompress.networks.class_names import match_names
from autocompress.networks.families import FAMILIES
from autocompress.networks.transformers_errors import as_input_error
from autocompress.system.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SAVE = "save the inner model: model.{inner}.save_pretrained(...)"
CAUSES = {
    "module.": f"they were saved from DataParallel; {SAVE.format(inner='module')}",
    "_orig_mod.": f"they were saved from torch.compile; {SAVE.format(inner='_orig_mod')}",
    "base_model.model.": "they were saved from PEFT; merge the adapter (merge_and_unload) and save that",
}


@dataclass(frozen=True)
class LoadedModel:
    """A sequence classification model in float32, with its outputs in the checkpoint's order.

    ``without_head`` says why its head is not trained; it is None where the head is trained.
    """

    model: PreTrainedModel
    without_head: str | None


def load_model(checkpoint: Checkpoint, num_outputs: int, label_names: Sequence[str]) -> LoadedModel:
    """Load a checkpoint as a classifier with ``num_outputs`` outputs, in evaluation mode.

    ``label_names`` are written into its configuration; a regression has none. Where only weights of the head are
    missing, or have another shape, the head is initialized at random. InputError names any other weight that is
    missing or has another shape, and any weight that is not finite.
    """
    import torch
    from transformers import AutoModelForSequenceClassification

    with as_input_error(checkpoint.reference):
        model, report = AutoModelForSequenceClassification.from_pretrained(
            checkpoint.folder,
            trust_remote_code=False,
            output_loading_info=True,
            dtype=torch.float32,
            attn_implementation="eager",  # on a CPU the fused kernel's backward pass is the slower one
            num_labels=num_outputs,
            ignore_mismatched_sizes=True,
            problem_type="single_label_classification" if label_names else "regression",
            id2label=dict(enumerate(label_names)) or {0: "score"},
            label2id={name: i for i, name in enumerate(label_names)} or {"score": 0},
        )
    missing = sorted(report["missing_keys"])
    mismatched = {str(name): (tuple(stored), tuple(wanted)) for name, stored, wanted in report["mismatched_keys"]}
    family = FAMILIES[checkpoint.config.model_type]
    lacking = [name for name in missing if not family.is_in_head(name)]
    if lacking:
        _refuse_missing(lacking, report["unexpected_keys"], checkpoint.reference)
    other = next((name for name in sorted(mismatched) if not family.is_in_head(name)), None)
    if other is not None:
        stored, wanted = mismatched[other]
        raise InputError(
            f"the weights must have the shapes that config.json asks for, but {other} of {checkpoint.reference} is "
            f"{list(stored)} and not {list(wanted)}; take both from one checkpoint"
        )
    _check_finite(model, {*missing, *mismatched}, checkpoint.reference)
    reason = _why_untrained(checkpoint, missing, mismatched, report["unexpected_keys"], num_outputs)
    return LoadedModel(model.eval(), reason)


def load_in_class_order(
    checkpoint: Checkpoint, num_outputs: int, label_names: tuple[str, ...]
) -> tuple[PreTrainedModel, bool]:
    """Load a checkpoint as ``load_model`` does, and put its outputs in the order of ``label_names``.

    Return the model, and whether its head is trained and its outputs' names tell that order. Where they do not, the
    outputs keep the checkpoint's order. A regression has no names and one output, which is always in order.
    """
    loaded = load_model(checkpoint, num_outputs, label_names)
    if loaded.without_head is not None:
        return loaded.model, False
    order = match_names(head_names(checkpoint.config, num_outputs), label_names).order if label_names else (0,)
    if order is not None:
        permute_outputs(loaded.model, order)
    return loaded.model, order is not None


def output_layer(model: Any) -> Any:
    """Return the last linear layer of a sequence classification model, [num_outputs, hidden size]."""
    return model.get_submodule(FAMILIES[model.config.model_type].head[1])


def word_embeddings(model: Any) -> Any:
    """Return the table of word embeddings of a sequence classification model, [vocabulary size, embedding size]."""
    family = FAMILIES[model.config.model_type]
    return model.get_submodule(f"{family.base_model_prefix}.{family.embeddings['embeddings.word']}")


def permute_outputs(model: PreTrainedModel, order: Sequence[int]) -> None:
    """Permute the outputs of a model in place, so that output ``order[i]`` becomes the i-th."""
    import torch

    last = output_layer(model)
    with torch.no_grad():
        last.weight.copy_(last.weight[list(order)].clone())
        last.bias.copy_(last.bias[list(order)].clone())


def _refuse_missing(lacking: Sequence[str], unexpected: Collection[str], reference: str) -> None:
    """Raise an InputError that names a missing weight, and why it may be missing: often it has a wrapper's prefix."""
    name = lacking[0]
    prefixes = sorted({found.removesuffix(name) for found in unexpected if found.endswith(name)}, key=len)
    inner = name.split(".", maxsplit=1)[1]
    prefixes += sorted({found.removesuffix(inner) for found in unexpected if found.endswith(f".{inner}")}, key=len)
    cause = "the checkpoint is not whole; save or copy it again"
    if prefixes:
        prefix = prefixes[0]
        known = next((what for begin, what in CAUSES.items() if prefix.startswith(begin)), None)
        cause = f"they are there under {prefix!r}: " + (
            known or f"they were saved from a model around it; {SAVE.format(inner=prefix.rstrip('.'))}"
        )
    raise InputError(
        f"every weight of the encoder must be in the checkpoint, but {reference} lacks {len(lacking)}, such as "
        f"{name}; {cause}"
    )


def _check_finite(model: Any, fresh: Collection[str], reference: str) -> None:
    import torch

    for name, value in model.named_parameters():
        if name not in fresh and not bool(torch.isfinite(value).all()):
            count = int((~torch.isfinite(value)).sum())
            raise InputError(
                f"the weights must be finite in float32, but {name} of {reference} has {count:,} that are NaN or "
                f"infinite; its training may have diverged: take an earlier checkpoint"
            )


def _why_untrained(
    checkpoint: Checkpoint,
    missing: Sequence[str],
    mismatched: dict[str, tuple[tuple[int, ...], tuple[int, ...]]],
    unexpected: Collection[str],
    num_outputs: int,
) -> str | None:
    """Say why the head is not a trained one with ``num_outputs`` outputs; None if it is."""
    if mismatched:
        name, (stored, wanted) = min(mismatched.items())
        if stored and stored[0] != wanted[0] == num_outputs:
            return f"the checkpoint's head has {stored[0]} outputs where the data need {num_outputs}"
        return f"the checkpoint's {name} has the shape {list(stored)} and not {list(wanted)}"
    if missing:
        outermost = FAMILIES[checkpoint.config.model_type].head[1].split(".")[0]
        heads = sorted(name for name in unexpected if name.startswith(outermost))
        beside = f" (it has a head of another form: {heads[0]})" if heads else ""
        return f"the checkpoint has no trained head, for {missing[0]} is missing{beside}"
    if not checkpoint.has_classifier:
        return f"the checkpoint's head is that of a {', '.join(map(str, checkpoint.config.architectures or ()))}"
    return None
