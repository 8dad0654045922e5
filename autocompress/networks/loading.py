"""Build the model of a checkpoint in float32; transformers' report on the loading decides what is trained."""

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
    """A sequence classification model in float32, its outputs in the checkpoint's order.

    ``without_head`` says why its head is not a trained one; None where it is.
    """

    model: PreTrainedModel
    without_head: str | None


def load_model(checkpoint: Checkpoint, num_outputs: int, label_names: Sequence[str]) -> LoadedModel:
    """The model with a head of ``num_outputs``, whose classes are called ``label_names`` (none for a regression).

    Weights that are missing only in the head leave it untrained. InputError names what else is missing, of another
    shape, or not finite.
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
    lacking = [name for name in missing if not _in_head(name, checkpoint)]
    if lacking:
        _refuse_missing(lacking, report["unexpected_keys"], checkpoint.reference)
    other = next((name for name in sorted(mismatched) if not _in_head(name, checkpoint)), None)
    if other is not None:
        stored, wanted = mismatched[other]
        raise InputError(
            f"the weights must have the shapes that config.json asks for, but {other} of {checkpoint.reference} is "
            f"{list(stored)} and not {list(wanted)}; take both from one checkpoint"
        )
    _check_finite(model, {*missing, *mismatched}, checkpoint.reference)
    reason = _why_untrained(checkpoint, missing, mismatched, report["unexpected_keys"], num_outputs)
    return LoadedModel(model.eval(), reason)


def load_classifier(
    checkpoint: Checkpoint, num_outputs: int, label_names: tuple[str, ...]
) -> tuple[PreTrainedModel, bool]:
    """``load_model``, its outputs put in the order of ``label_names`` where their names tell, and whether they do.

    Regression has no names. It is False for a head that is not trained, too.
    """
    loaded = load_model(checkpoint, num_outputs, label_names)
    if loaded.without_head is not None:
        return loaded.model, False
    order = match_names(head_names(checkpoint.config, num_outputs), label_names).order if label_names else (0,)
    if order is not None:
        permute_outputs(loaded.model, order)
    return loaded.model, order is not None


def output_layer(model: Any) -> Any:
    """The last linear layer of a sequence classification model."""
    return getattr(model.classifier, "out_proj", model.classifier)


def permute_outputs(model: PreTrainedModel, order: Sequence[int]) -> None:
    """Make output ``order[i]`` the i-th, in place."""
    import torch

    last = output_layer(model)
    with torch.no_grad():
        last.weight.copy_(last.weight[list(order)].clone())
        last.bias.copy_(last.bias[list(order)].clone())


def _in_head(name: str, checkpoint: Checkpoint) -> bool:
    """Whether a weight is one that only classification needs: BERT's pooler, and all that is outside the encoder."""
    prefix = FAMILIES[checkpoint.config.model_type].prefix
    return not name.startswith(prefix) or name.startswith(f"{prefix}pooler.")


def _refuse_missing(lacking: Sequence[str], unexpected: Collection[str], reference: str) -> None:
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
    """Why the head is not a trained one of ``num_outputs``; None if it is."""
    if mismatched:
        name, (stored, wanted) = min(mismatched.items())
        if stored and stored[0] != wanted[0] == num_outputs:
            return f"the checkpoint's head has {stored[0]} outputs where the data need {num_outputs}"
        return f"the checkpoint's {name} has the shape {list(stored)} and not {list(wanted)}"
    if missing:
        heads = sorted(name for name in unexpected if name.startswith("classifier"))
        beside = f" (it has a head of another form: {heads[0]})" if heads else ""
        return f"the checkpoint has no trained head, for {missing[0]} is missing{beside}"
    if not checkpoint.has_classifier:
        return f"the checkpoint's head is that of a {', '.join(map(str, checkpoint.config.architectures or ()))}"
    return None
