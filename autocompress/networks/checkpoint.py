"""Open a BERT-like checkpoint from a folder or the local cache of a hub, refusing what is not safe or not supported."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autocompress.errors import InputError
from autocompress.files import sha256

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

SUPPORTED = ("bert", "distilbert", "electra", "roberta")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that can be loaded: its reference, configuration and tokenizer."""

    reference: str
    config: PretrainedConfig
    tokenizer: PreTrainedTokenizerFast

    @property
    def has_classifier(self) -> bool:
        """Whether its weights hold a trained sequence classification head."""
        return any(name.endswith("ForSequenceClassification") for name in self.config.architectures or ())

    @property
    def max_positions(self) -> int:
        """Longest input in tokens (RoBERTa's positions start after its padding index)."""
        reserved = self.config.pad_token_id + 1 if self.config.model_type == "roberta" else 0
        return int(self.config.max_position_embeddings) - reserved

    @property
    def digest(self) -> str:
        """SHA-256 of the weights and the configuration in a folder, or the commit of a hub's checkpoint."""
        folder = Path(self.reference)
        if not folder.is_dir():
            return f"{self.reference}@{getattr(self.config, '_commit_hash', None)}"
        files = sorted(p for p in folder.iterdir() if p.suffix in (".safetensors", ".bin", ".json"))
        return hashlib.sha256("".join(f"{p.name}:{sha256(p)};" for p in files).encode()).hexdigest()


def open_checkpoint(reference: str) -> Checkpoint:
    """Read configuration and tokenizer; InputError if there is none, or it is of another family, or needs own code."""
    from transformers import AutoConfig, AutoTokenizer

    folder = Path(reference)
    if folder.exists() and not (folder / "config.json").is_file():
        raise InputError(f"a model folder holds config.json, but {reference} does not; give the folder of a checkpoint")
    config: PretrainedConfig = _load(AutoConfig, reference)
    if getattr(config, "auto_map", None):
        raise InputError(
            f"a checkpoint must not bring its own code, but {reference} asks for it (auto_map in config.json); "
            "code from a checkpoint is never run here: use one of the standard families"
        )
    if config.model_type not in SUPPORTED:
        raise InputError(
            f"the model must be of one of the families {', '.join(SUPPORTED)}, "
            f"but {reference} is of {config.model_type!r}"
        )
    tokenizer = _load(AutoTokenizer, reference)
    if not getattr(tokenizer, "is_fast", False):
        raise InputError(f"the checkpoint must have a fast tokenizer (tokenizer.json), but {reference} has none")
    return Checkpoint(reference, config, tokenizer)


def load_classifier(
    checkpoint: Checkpoint, num_outputs: int, label_names: tuple[str, ...]
) -> tuple[PreTrainedModel, bool]:
    """The model with a head of ``num_outputs``, and whether that head is a trained one for just these labels.

    A trained head counts if the number of outputs fits and its labels have the task's names (or no names at all); its
    rows are put in the task's order. Regression has no names.
    """
    from transformers import AutoModelForSequenceClassification

    order = _trained_order(checkpoint, num_outputs, label_names)
    model = _load(
        AutoModelForSequenceClassification,
        checkpoint.reference,
        num_labels=num_outputs,
        ignore_mismatched_sizes=True,
        problem_type="single_label_classification" if label_names else "regression",
        id2label=dict(enumerate(label_names)) or {0: "score"},
        label2id={name: i for i, name in enumerate(label_names)} or {"score": 0},
    )
    if order is not None:
        _permute_outputs(model, order)
    return model.eval(), order is not None


def _trained_order(checkpoint: Checkpoint, num_outputs: int, label_names: tuple[str, ...]) -> list[int] | None:
    config = checkpoint.config
    if not checkpoint.has_classifier or config.num_labels != num_outputs:
        return None
    id2label: dict[Any, str] = config.id2label or {}
    names = [str(id2label.get(i)) for i in range(num_outputs)]
    unnamed = all(name == f"LABEL_{i}" for i, name in enumerate(names))
    numbered = list(label_names) == [str(i) for i in range(num_outputs)]
    if not label_names or unnamed or numbered:
        return list(range(num_outputs))
    folded = [name.casefold() for name in names]
    wanted = [name.casefold() for name in label_names]
    return [folded.index(name) for name in wanted] if sorted(folded) == sorted(wanted) else None


def output_layer(model: Any) -> Any:
    """The last linear layer of a sequence classification model."""
    return getattr(model.classifier, "out_proj", model.classifier)


def _permute_outputs(model: PreTrainedModel, order: list[int]) -> None:
    import torch

    last = output_layer(model)
    with torch.no_grad():
        last.weight.copy_(last.weight[order].clone())
        last.bias.copy_(last.bias[order].clone())


def _load(factory: Any, reference: str, **options: Any) -> Any:
    """Call ``from_pretrained`` quietly, its many errors turned into one line."""
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        return factory.from_pretrained(reference, trust_remote_code=False, **options)
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"the model must be a checkpoint folder or the name of one that can be loaded, "
            f"but {reference!r} is not: {reason}"
        ) from error
    finally:
        logging.set_verbosity(verbosity)
