"""Opens a BERT-like checkpoint from a folder or from the Hub's local cache; refuses what is unsafe or unsupported."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autocompress.networks.checkpoint_config import check_config, check_raw
from autocompress.networks.checkpoint_files import find_folder, read_config, stored_tensors
from autocompress.networks.checkpoint_notes import folder_notes
from autocompress.networks.checkpoint_tokenizer import open_tokenizer
from autocompress.networks.families import FAMILIES
from autocompress.networks.families.family import AFTER_PADDING
from autocompress.networks.transformers_errors import as_input_error
from autocompress.system.errors import InputError
from autocompress.system.files import sha256
from autocompress.tasks.declared import DeclaredTask

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerFast


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was checked and can be loaded.

    ``reference`` is the folder or the name that the user gave, ``folder`` where the files are. ``notes`` tell the user
    what the checkpoint asks for and does not get, such as a pooling of sentence embeddings.
    """

    reference: str
    config: PretrainedConfig
    tokenizer: PreTrainedTokenizerFast
    folder: Path
    notes: tuple[str, ...] = ()

    @property
    def has_classifier(self) -> bool:
        """Whether the configuration names a sequence classifier, or no architecture at all."""
        names = self.config.architectures or ()
        return not names or any(str(name).endswith("ForSequenceClassification") for name in names)

    @property
    def declared_task(self) -> DeclaredTask | None:
        """What the configuration says about the task of the trained head; None without such a head."""
        if not self.has_classifier:
            return None
        id2label = getattr(self.config, "id2label", None)
        named = id2label if isinstance(id2label, Mapping) else {}
        names = [named.get(index) for index in range(len(named))]
        plain = all(name == f"LABEL_{index}" for index, name in enumerate(names))
        problem_type = getattr(self.config, "problem_type", None)
        return DeclaredTask(
            num_labels=len(named) or None,
            problem_type=problem_type if isinstance(problem_type, str) else None,
            label_names=() if plain else tuple(name for name in names if isinstance(name, str)),
        )

    @property
    def max_positions(self) -> int:
        """The largest number of tokens of a text."""
        return FAMILIES[self.config.model_type].max_positions(self.config)

    @property
    def digest(self) -> str:
        """SHA-256 of the weights and the configuration in a folder, or the commit of a checkpoint of the Hub."""
        if not Path(self.reference).is_dir():
            return f"{self.reference}@{self.folder.name}"
        files = sorted(p for p in self.folder.iterdir() if p.suffix in (".safetensors", ".bin", ".json"))
        return hashlib.sha256("".join(f"{p.name}:{sha256(p)};" for p in files).encode()).hexdigest()


def open_checkpoint(reference: str) -> Checkpoint:
    """Read configuration and tokenizer and check them against the headers of the weights, without building a model.

    InputError if there is no checkpoint, or if it is damaged, of a family that is not in ``FAMILIES``, needs code of
    its own, or asks for something that is not supported.
    """
    try:
        return _open(reference)
    except OSError as error:
        raise InputError(
            f"the files of a checkpoint must be readable, but {reference[:200]} is not: {error.strerror or error}; "
            f"check its name and permissions"
        ) from error


def _open(reference: str) -> Checkpoint:
    folder = find_folder(reference)
    raw = read_config(folder, reference)
    check_raw(raw, reference)
    from transformers import AutoConfig

    with as_input_error(reference):
        config: PretrainedConfig = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    notes = check_config(config, stored_tensors(folder, reference), reference)
    tokenizer, rows, tokenizer_notes = open_tokenizer(folder, reference)
    notes = (*notes, *_check_tokens(config, tokenizer, rows, reference), *tokenizer_notes, *folder_notes(folder, raw))
    return Checkpoint(reference, config, tokenizer, folder, notes)


def _check_tokens(config: Any, tokenizer: Any, rows: int, reference: str) -> tuple[str, ...]:
    """Check a tokenizer that needs ``rows`` rows of embeddings against the configuration; return notes for the user."""
    family = FAMILIES[config.model_type]
    vocab_size = family.size(config, "vocab_size")
    if rows > vocab_size:
        raise InputError(
            f"every token must have a row in the table of embeddings, but the tokenizer of {reference} gives {rows:,} "
            f"and the table has {vocab_size:,}; save the model again after "
            f"model.resize_token_embeddings({rows}), or take the tokenizer that it was trained with"
        )
    if family.first_position == AFTER_PADDING and tokenizer.pad_token_id != config.pad_token_id:
        raise InputError(
            f"the tokenizer's padding token must be the pad_token_id of config.json, from which {config.model_type} "
            f"counts positions, but {reference} has {tokenizer.pad_token_id} and {config.pad_token_id}; "
            f"take both from one checkpoint"
        )
    if 2 * rows < vocab_size:
        return (
            f"the tokenizer knows {rows:,} tokens and the table of embeddings has {vocab_size:,} rows: "
            f"is it the tokenizer that the checkpoint was trained with?",
        )
    return ()


def head_names(config: Any, count: int) -> list[str | None]:
    """Return the names that a configuration gives to the ``count`` outputs of its head; None for one without a name."""
    names = config.id2label or {}
    return [None if names.get(i) is None else str(names[i]) for i in range(count)]
