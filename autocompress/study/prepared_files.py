"""Writes and reads the files in a study's ``prepared`` folder.

A source is the teacher, the teacher at a smaller hidden size (``teacher_192``), the transfer set, or a student type's
super-network under the type's name. Functions that read
raise StudyError if a file is absent or damaged; those that write raise StorageError if that fails.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autocompress.compression.vocabulary import Vocabulary
from autocompress.distillation.hidden_states import HiddenStates
from autocompress.distillation.layer_heads import NO_HEADS, LayerHeads
from autocompress.domain.shape import EncoderShape
from autocompress.networks.weights import Arrays, load_weights, save_weights
from autocompress.students.transformer.compensation import Compensation
from autocompress.tasks.encoding import EncodedSplit

TEACHER, TRANSFER, CHECKPOINT = "teacher", "transfer", "checkpoint"
GRAMS, HEADS, OUTPUTS = "grams.safetensors", "heads.safetensors", "outputs.safetensors"


def narrow_teacher(hidden_size: int) -> str:
    """Return the name of the source of the teacher at a smaller hidden size.

    >>> narrow_teacher(192)
    'teacher_192'
    """
    return f"{TEACHER}_{hidden_size}"


def weights_file(source: str) -> str:
    """Return the name of the file with a source's arrays."""
    return f"{source}.safetensors"


def files_of(source: str) -> tuple[str, ...]:
    """Return the names of the files and folders that a prepared source consists of."""
    return (weights_file(source), *{TEACHER: (OUTPUTS, GRAMS, CHECKPOINT), TRANSFER: (HEADS,)}.get(source, ()))


def write_source(folder: Path, source: str, arrays: Arrays, shape: EncoderShape) -> None:
    """Write the weights and the shape of the teacher or of a super-network."""
    save_weights(folder / weights_file(source), arrays, {"shape": json.dumps(shape.to_json()), "kind": source})


def read_source(folder: Path, source: str) -> tuple[Arrays, EncoderShape]:
    """Read the weights and the shape of the teacher or of a super-network."""
    arrays, meta = load_weights(folder / weights_file(source))
    return arrays, EncoderShape.from_json(json.loads(meta["shape"]))


def write_compensation(folder: Path, compensation: Compensation) -> None:
    """Write the Gram matrices and the names of the methods to use."""
    meta = {"kind": "grams", "uses": " ".join(sorted(compensation.uses))}
    save_weights(folder / GRAMS, compensation.grams, meta)


def read_compensation(folder: Path) -> Compensation:
    """Read what ``write_compensation`` wrote."""
    grams, meta = load_weights(folder / GRAMS)
    return Compensation(grams, frozenset(meta["uses"].split()))


def write_outputs(folder: Path, validation: NDArray[np.float32], vocabulary: Vocabulary) -> None:
    """Write the teacher's outputs [n, C] on the validation split and its vocabulary."""
    arrays: dict[str, Any] = {"validation": validation, "vocabulary_order": vocabulary.order}
    if vocabulary.similar is not None:
        arrays["similar_tokens"] = vocabulary.similar
    save_weights(folder / OUTPUTS, arrays, {"kind": "outputs"})


def read_outputs(folder: Path) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int32] | None]:
    """Read the teacher's outputs [n, C] on the validation split, and the ``order`` and ``similar`` of a Vocabulary.

    The last is None in a file of an old version.
    """
    arrays: dict[str, Any] = dict(load_weights(folder / OUTPUTS)[0])
    return arrays["validation"], arrays["vocabulary_order"], arrays.get("similar_tokens")


def write_layer_heads(folder: Path, heads: LayerHeads) -> None:
    """Write the heads after the teacher's lower layers, with their outputs on the validation split."""
    save_weights(folder / HEADS, heads.arrays | {"outputs": heads.outputs}, {"kind": "heads"})


def read_layer_heads(folder: Path) -> LayerHeads:
    """Read what ``write_layer_heads`` wrote; no heads if there is no file."""
    if not (folder / HEADS).is_file():
        return NO_HEADS
    arrays = load_weights(folder / HEADS)[0]
    return LayerHeads({name: array for name, array in arrays.items() if name != "outputs"}, arrays["outputs"])


def write_transfer(
    folder: Path, split: EncodedSplit, logits: NDArray[np.float32], hidden: HiddenStates | None, labelled: int
) -> None:
    """Write the transfer set: texts with the teacher's logits [n, C] and hidden states.

    The first ``labelled`` texts are those of the training split; the others are augmented ones.
    """
    arrays: dict[str, Any] = {
        "tokens": split.tokens,
        "type_ids": split.type_ids,
        "offsets": split.offsets,
        "labels": split.labels,
        "logits": logits,
        "labelled": np.array([labelled], np.int64),
    }
    if hidden is not None:
        arrays |= {"hidden": hidden.values, "hidden_shares": hidden.shares}
    save_weights(folder / weights_file(TRANSFER), arrays, {"kind": TRANSFER})


def read_transfer(folder: Path) -> tuple[EncodedSplit, NDArray[np.float32], HiddenStates | None, int | None]:
    """Read the texts, logits, hidden states and ``labelled`` of ``write_transfer``.

    ``labelled`` is None in a file without it, which studies of old versions have.
    """
    arrays: dict[str, Any] = dict(load_weights(folder / weights_file(TRANSFER))[0])
    split = EncodedSplit(arrays["tokens"], arrays["type_ids"], arrays["offsets"], arrays["labels"])
    hidden = HiddenStates(arrays["hidden"], arrays["hidden_shares"]) if "hidden" in arrays else None
    return split, arrays["logits"], hidden, int(arrays["labelled"][0]) if "labelled" in arrays else None
