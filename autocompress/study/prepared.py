"""Reads and writes what preparation leaves in a study's folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from autocompress.distillation.hidden_states import HiddenStates
from autocompress.distillation.layer_heads import NO_HEADS, LayerHeads
from autocompress.distillation.transfer import TransferSet
from autocompress.domain.shape import EncoderShape
from autocompress.measurement.requests import read_requests
from autocompress.networks.weights import load_weights, save_weights
from autocompress.students import STUDENTS
from autocompress.students.configuration import Configuration
from autocompress.students.cutting import cut
from autocompress.students.transformer.compensation import Compensation
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.system.errors import MeasurementError
from autocompress.system.files import read_sealed
from autocompress.tasks.encoding import EncodedDataset, EncodedSplit
from autocompress.tasks.metrics import metric_of

TEACHER, TRANSFER = "teacher", "transfer"
GRAMS = "grams.safetensors"
HEADS = "heads.safetensors"
OUTPUTS = "outputs.safetensors"
REQUESTS = "requests.npz"


@dataclass(frozen=True)
class Prepared:
    """Reads ``data/`` and ``prepared/`` of a study: the teacher's ordered weights and a super-network per student."""

    study_folder: Path

    @property
    def folder(self) -> Path:
        """Where the weights are."""
        return self.study_folder / "prepared"

    @property
    def checkpoint(self) -> Path:
        """The teacher as a Hugging Face folder, with its tokenizer."""
        return self.folder / "checkpoint"

    @property
    def baselines(self) -> Path:
        """Where the baselines' files and figures are."""
        return self.study_folder / "baselines"

    def files(self, source: str) -> tuple[str, ...]:
        """Names, in the folder, of what a prepared source consists of."""
        weights = f"{source}.safetensors"
        return (weights, *{TEACHER: (OUTPUTS, GRAMS, "checkpoint"), TRANSFER: (HEADS,)}.get(source, ()))

    def has(self, source: str) -> bool:
        """Whether a source is prepared."""
        return all((self.folder / name).exists() for name in self.files(source))

    @property
    def has_data(self) -> bool:
        """Whether the encoded splits and the requests are there."""
        return (self.study_folder / "data" / REQUESTS).is_file()

    def check_data(self) -> None:
        """Read all of ``data/``; StudyError, ValueError, KeyError or BadZipFile if it is not as it was written."""
        EncodedDataset.load(self.study_folder / "data")
        read_sealed(self.study_folder / "data" / "model.json")
        read_requests(self.study_folder / "data" / REQUESTS)

    @cached_property
    def data(self) -> EncodedDataset:
        """The encoded splits."""
        return EncodedDataset.load(self.study_folder / "data")

    @cached_property
    def vocabulary_order(self) -> np.ndarray:
        """Token ids [V], the most frequent in the training text first."""
        return load_weights(self.folder / OUTPUTS)[0]["vocabulary_order"]

    @cached_property
    def teacher_quality(self) -> float:
        """The teacher's validation quality in float32, which ``max_drop`` counts from."""
        return metric_of(self.data.task, self.validation_outputs, self.data.splits["validation"].labels)

    @cached_property
    def guessing_quality(self) -> float:
        """The quality on the validation split of a model that reads no text."""
        return self.data.task.definition.guessing_quality(self.data.validation.labels)

    @property
    def validation_outputs(self) -> np.ndarray:
        """The teacher's outputs [n, C] on the validation split, in float32."""
        return load_weights(self.folder / OUTPUTS)[0]["validation"]

    @cached_property
    def transfer(self) -> TransferSet:
        """The texts that students are distilled on, labelled by the teacher."""
        arrays: dict[str, Any] = dict(load_weights(self.folder / f"{TRANSFER}.safetensors")[0])
        split = EncodedSplit(arrays["tokens"], arrays["type_ids"], arrays["offsets"], arrays["labels"])
        labelled = int(arrays["labelled"][0]) if "labelled" in arrays else min(len(self.data.train), len(split))
        hidden = HiddenStates(arrays["hidden"], arrays["hidden_shares"]) if "hidden" in arrays else None
        return TransferSet(split, arrays["logits"], labelled, self.data.pad_id, self.data.unknown_id, hidden)

    @cached_property
    def teacher_shape(self) -> EncoderShape:
        """Sizes of the teacher."""
        return self.source(TEACHER)[1]

    def weights(self, configuration: Configuration) -> tuple[dict[str, np.ndarray], EncoderShape]:
        """The configuration's weights, cut out of its source, and the shape (with its kind of head) of that source.

        What is cut out of the teacher is made up for where that was found to help, since no training has followed.
        MeasurementError if the source could not be made.
        """
        source = self.source_of(configuration)
        if not self.has(source):
            raise MeasurementError(f"the {source} that the configuration is cut from must be there, but is not trained")
        arrays, shape = self.source(source)
        if source == TEACHER and isinstance(configuration, TransformerConfiguration):
            return self.compensation.cut(arrays | self.layer_heads.arrays, shape, configuration), shape
        return cut(arrays, shape, configuration), shape

    @cached_property
    def compensation(self) -> Compensation:
        """How cutting and rounding the teacher's matrices are made up for."""
        grams, meta = load_weights(self.folder / GRAMS)
        return Compensation(grams, frozenset(meta["uses"].split()))

    def source_of(self, configuration: Configuration) -> str:
        """``teacher`` for its lower layers, or all, whole or at least a third of each width; else the student type.

        Exits and ends below the last layer need heads there.
        """
        has_heads = bool(self.layer_heads.arrays)
        near = STUDENTS[configuration.student].is_near_teacher(configuration, self.teacher_shape, has_heads)
        return TEACHER if near else configuration.student

    @property
    def layer_heads(self) -> LayerHeads:
        """The heads after the teacher's lower layers; none before they are trained."""
        if not (self.folder / HEADS).is_file():
            return NO_HEADS
        return self._stored_heads

    @cached_property
    def _stored_heads(self) -> LayerHeads:
        arrays = load_weights(self.folder / HEADS)[0]
        return LayerHeads({n: a for n, a in arrays.items() if n != "outputs"}, arrays["outputs"])

    def save_layer_heads(self, heads: LayerHeads) -> None:
        """Write the heads after the teacher's lower layers."""
        save_weights(self.folder / HEADS, heads.arrays | {"outputs": heads.outputs}, {"kind": "heads"})

    def save(self, source: str, arrays: dict[str, np.ndarray], shape: EncoderShape) -> None:
        """Write one source's weights."""
        save_weights(
            self.folder / f"{source}.safetensors", arrays, {"shape": json.dumps(shape.to_json()), "kind": source}
        )

    def save_compensation(self, compensation: Compensation) -> None:
        """Write the Gram matrices and what they are used for."""
        meta = {"kind": "grams", "uses": " ".join(sorted(compensation.uses))}
        save_weights(self.folder / GRAMS, compensation.grams, meta)

    def save_outputs(self, validation: np.ndarray, vocabulary_order: np.ndarray) -> None:
        """Write the teacher's outputs [n, C] on the validation split and the vocabulary's order [V]."""
        arrays = {"validation": validation, "vocabulary_order": vocabulary_order}
        save_weights(self.folder / OUTPUTS, arrays, {"kind": "outputs"})

    def save_transfer(
        self, split: EncodedSplit, logits: np.ndarray, hidden: HiddenStates | None, labelled: int
    ) -> None:
        """Write the transfer set: the training split, what was made up from it, and what the teacher says of it.

        The first ``labelled`` texts are real.
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
        save_weights(self.folder / f"{TRANSFER}.safetensors", arrays, {"kind": TRANSFER})

    def source(self, name: str) -> tuple[dict[str, np.ndarray], EncoderShape]:
        """All weights of a source, and its shape with the kind of its heads."""
        cache: dict[str, tuple[dict[str, np.ndarray], EncoderShape]] = self.__dict__.setdefault("_cache", {})
        if name not in cache:
            arrays, meta = load_weights(self.folder / f"{name}.safetensors")
            cache[name] = arrays, EncoderShape.from_json(json.loads(meta["shape"]))
        return cache[name]

    def __getstate__(self) -> dict[str, Path]:
        """Only the folder travels to a worker; the arrays are read there."""
        return {"study_folder": self.study_folder}
