"""Reads the encoded data and the prepared weights of a study, each file at most once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autocompress.compression.vocabulary import Vocabulary
from autocompress.distillation.layer_heads import NO_HEADS, LayerHeads
from autocompress.distillation.transfer import TransferSet
from autocompress.domain.problem import Problem
from autocompress.domain.shape import EncoderShape
from autocompress.measurement.requests import read_requests
from autocompress.networks.weights import Arrays
from autocompress.students import STUDENTS
from autocompress.students.pooled.word_vectors import WORD_STATES
from autocompress.students.transformer.compensation import Compensation
from autocompress.study import prepared_files
from autocompress.study.baselines import FOLDER as BASELINES_FOLDER
from autocompress.study.prepared_files import CHECKPOINT, HEADS, TEACHER
from autocompress.system.files import read_sealed
from autocompress.tasks.encoding import EncodedDataset
from autocompress.tasks.metrics import metric_of

REQUESTS = "requests.npz"
LARGE_TEACHER = "teacher"


@dataclass(frozen=True)
class Prepared:
    """Gives access to the encoded data and prepared weights in a study's folder; each is read on first use and cached.

    Students start from the model of this folder, their origin, which as a rule is also their teacher. A study with a
    student checkpoint has a large teacher, of which a folder inside holds the same files; it ``only_labels`` texts, and
    nothing is cut from it. Both encode the same texts, row by row. Pickling sends only the folder's path to workers,
    which read the arrays themselves.
    """

    study_folder: Path
    only_labels: bool = False

    @cached_property
    def large_teacher(self) -> Prepared:
        """The large teacher of a study with a student checkpoint, whether it is prepared or not."""
        return Prepared(self.study_folder / LARGE_TEACHER, only_labels=True)

    @property
    def labeller(self) -> Prepared:
        """The teacher that labels texts: the large one if there is one, else the origin itself."""
        return self.large_teacher if self.large_teacher.study_folder.is_dir() else self

    def models_of(self, problem: Problem) -> list[Prepared]:
        """Return the models to prepare, in order: the large teacher if there is a student checkpoint, the origin."""
        return [self] if problem.student is None else [self.large_teacher, self]

    @property
    def teaches_itself(self) -> bool:
        """Whether the model that students start from is their teacher too."""
        return self.labeller is self

    @property
    def folder(self) -> Path:
        """The folder of the prepared weights."""
        return self.study_folder / "prepared"

    @property
    def data_folder(self) -> Path:
        """The folder of the encoded splits and the requests."""
        return self.study_folder / "data"

    @property
    def checkpoint(self) -> Path:
        """The teacher's folder in the format of Hugging Face, with its tokenizer."""
        return self.folder / CHECKPOINT

    @property
    def baselines(self) -> Path:
        """The folder of the baselines' models and figures."""
        return self.study_folder / BASELINES_FOLDER

    @property
    def requests(self) -> Path:
        """The file of the requests, drawn from the validation split, on which every latency is measured."""
        return self.data_folder / REQUESTS

    def has(self, source: str) -> bool:
        """Return whether ``source`` is prepared: the teacher, the transfer set or a student type's super-network."""
        return all((self.folder / name).exists() for name in prepared_files.files_of(source))

    @property
    def has_data(self) -> bool:
        """Whether the encoded splits and the requests exist."""
        return self.requests.is_file()

    def check_data(self) -> None:
        """Read all of the data folder; StudyError, ValueError, KeyError or BadZipFile if a file is damaged."""
        EncodedDataset.load(self.data_folder)
        read_sealed(self.data_folder / "model.json")
        read_requests(self.requests)

    @cached_property
    def data(self) -> EncodedDataset:
        """The encoded splits."""
        return EncodedDataset.load(self.data_folder)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The tokens by frequency in the training text; studies of old versions know no similar ones."""
        _outputs, order, similar = prepared_files.read_outputs(self.folder)
        return Vocabulary(order, self.data.unknown_id, similar)

    @cached_property
    def word_states(self) -> NDArray[np.float32]:
        """The origin's hidden states [V, H] of single words, read between the first and last token of its texts."""
        from autocompress.students.transformer.word_states import word_states

        arrays, shape = self.source(TEACHER)
        text, special = self.data.train.tokens[: self.data.train.offsets[1]], set(self.data.special_ids)
        before, after = (tuple(int(token) for token in ends if token in special) for ends in (text[:1], text[-1:]))
        return word_states(shape, arrays, self.vocabulary.order, before, after)

    @property
    def validation_outputs(self) -> NDArray[np.float32]:
        """The float32 teacher's outputs [n, C] on the validation split."""
        return self.labeller.origin_outputs

    @property
    def origin_outputs(self) -> NDArray[np.float32]:
        """The float32 outputs [n, C] on the validation split of the model that students start from."""
        return prepared_files.read_outputs(self.folder)[0]

    @cached_property
    def teacher_quality(self) -> float:
        """The float32 teacher's quality on the validation split, from which ``max_drop`` is subtracted."""
        return metric_of(self.data.task, self.validation_outputs, self.data.validation.labels)

    @cached_property
    def origin_quality(self) -> float:
        """The float32 quality on the validation split of the model that students start from."""
        return metric_of(self.data.task, self.origin_outputs, self.data.validation.labels)

    @property
    def reachable_quality(self) -> float:
        """The lower of the teacher's and the origin's quality, from which good students are not far."""
        return min(self.teacher_quality, self.origin_quality)

    @cached_property
    def guessing_quality(self) -> float:
        """The quality on the validation split of the best constant answer."""
        return self.data.task.definition.guessing_quality(self.data.validation.labels)

    @cached_property
    def transfer(self) -> TransferSet:
        """The texts on which students are distilled, with the teacher's outputs; pairs are balanced."""
        split, logits, hidden, labelled = prepared_files.read_transfer(self.folder)
        real = min(len(self.data.train), len(split)) if labelled is None else labelled
        data = self.data
        return TransferSet(split, logits, real, data.pad_id, data.unknown_id, hidden, balanced=data.task.pair)

    @cached_property
    def teacher_shape(self) -> EncoderShape:
        """Sizes of the model that students start from."""
        return self.source(TEACHER)[1]

    @cached_property
    def compensation(self) -> Compensation:
        """The compensation of errors from pruning and rounding the teacher's matrices."""
        return prepared_files.read_compensation(self.folder)

    @property
    def layer_heads(self) -> LayerHeads:
        """The heads after the teacher's lower layers; no heads before they are trained."""
        return self._trained_heads if (self.folder / HEADS).is_file() else NO_HEADS

    @cached_property
    def _trained_heads(self) -> LayerHeads:
        return prepared_files.read_layer_heads(self.folder)

    def source(self, name: str) -> tuple[Arrays, EncoderShape]:
        """Return the weights and the shape of the model that students start from, or of a type's super-network.

        StudyError if they are absent or damaged.
        """
        cache: dict[str, tuple[Arrays, EncoderShape]] = self.__dict__.setdefault("_sources", {})
        if name not in cache:
            cache[name] = prepared_files.read_source(self.folder, name)
        return cache[name]

    def start(self, student: str) -> tuple[Arrays, EncoderShape]:
        """Return what a student type's super-network starts from, and the shape of the model that students start from.

        That is its weights with the heads after its layers, and, for types that read them, its states of single words.
        """
        arrays, shape = self.source(TEACHER)
        states = {WORD_STATES: self.word_states} if STUDENTS[student].reads_word_states else {}
        return arrays | self.layer_heads.arrays | states, shape

    def __getstate__(self) -> dict[str, object]:
        return {"study_folder": self.study_folder, "only_labels": self.only_labels}
