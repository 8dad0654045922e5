"""Initializes students without attention from the teacher's word embeddings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from autocompress.networks.weights import Arrays
from autocompress.students.configuration import Configuration
from autocompress.system.errors import InputError

HEAD_UNITS = 128
WORD_STATES = "words.states"
"""Name of the teacher's hidden states of single words, [V, H], beside its weights."""


@dataclass(frozen=True)
class StudentSizes:
    """Sizes of a super-network; ``hidden_size`` is per direction (BiLSTM) or the number of filters (CNN).

    InputError for a size below 1 or an even ``kernel_size``.
    """

    embedding_size: int
    hidden_size: int
    num_layers: int
    kernel_size: int = 3

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value < 1:
                raise InputError(f"{name} must be at least 1, but got {value}")
        if self.kernel_size % 2 == 0:
            raise InputError(f"kernel_size must be odd, but got {self.kernel_size}")

    @classmethod
    def covering(cls, configurations: Iterable[Configuration]) -> StudentSizes:
        """Return the smallest sizes into which every one of BiLSTM or CNN ``configurations`` fits."""
        largest = {field.name: 1 for field in fields(cls)}
        for configuration in configurations:
            largest = {name: max(size, getattr(configuration, name, 1)) for name, size in largest.items()}
        return cls(**largest)


def teacher_word_vectors(teacher_arrays: Arrays, embedding_size: int) -> NDArray[np.float32]:
    """Return the first channels [V, E] of the teacher's word embeddings, scaled to zero mean and unit deviation each.

    If the teacher projects its embeddings to its hidden size (ELECTRA), the projected ones are used. InputError if they
    have fewer than ``embedding_size`` channels.
    """
    words = _word_embeddings(teacher_arrays, embedding_size)[:, :embedding_size]
    deviation = words.std(0)
    vectors: NDArray[np.float32] = (words - words.mean(0)) / np.where(deviation == 0, 1, deviation).astype(np.float32)
    return vectors


def principal_word_vectors(teacher_arrays: Arrays, embedding_size: int) -> NDArray[np.float32]:
    """Return principal components [V, E] of the teacher's word embeddings and of its ``WORD_STATES``, in turn.

    Few of them hold more of what tells words apart than as many channels do, and the states hold more of what words
    mean than the embeddings do. Without states all components are of the embeddings. Both kinds have unit deviation.
    InputError as ``teacher_word_vectors``.
    """
    words, states = _word_embeddings(teacher_arrays, embedding_size), teacher_arrays.get(WORD_STATES)
    if states is None:
        return _principal_components(words, embedding_size)
    first, second = (_principal_components(each, -(-embedding_size // 2)) for each in (words, states))
    return np.stack([first, second], -1).reshape(len(words), -1)[:, :embedding_size]


def _principal_components(vectors: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Return the first components [V, count] of ``vectors``, of unit deviation in all."""
    centred = vectors.astype(np.float64) - vectors.mean(0, dtype=np.float64)
    directions = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :count]
    signs = np.sign(directions[np.abs(directions).argmax(0), np.arange(directions.shape[1])])
    components: NDArray[np.float32] = (centred @ (directions * signs)).astype(np.float32)
    return components / np.float32(components.std() or 1.0)


def _word_embeddings(teacher_arrays: Arrays, embedding_size: int) -> NDArray[np.float32]:
    """Return the teacher's word embeddings [V, H], projected if it does so; InputError if H < ``embedding_size``."""
    words = teacher_arrays["embeddings.word"]
    if "embeddings.projection.weight" in teacher_arrays:
        words = words @ teacher_arrays["embeddings.projection.weight"].T
    if embedding_size > words.shape[1]:
        raise InputError(
            f"embedding_size must be at most the teacher's {words.shape[1]} channels, but got {embedding_size}"
        )
    return words


def initial_linear(generator: np.random.Generator, rows: int, columns: int, gain: float = 1.0) -> NDArray[np.float32]:
    """Draw weights [rows, columns] from a normal distribution with deviation ``gain`` / sqrt(columns)."""
    return generator.normal(0.0, gain / np.sqrt(columns), (rows, columns)).astype(np.float32)


def initial_head(generator: np.random.Generator, features: int, num_outputs: int) -> Arrays:
    """Return an untrained perceptron [features] -> 128 -> [num_outputs], under canonical names."""
    return {
        "head.dense.weight": initial_linear(generator, HEAD_UNITS, features, gain=2**0.5),
        "head.dense.bias": np.zeros(HEAD_UNITS, np.float32),
        "head.out.weight": initial_linear(generator, num_outputs, HEAD_UNITS),
        "head.out.bias": np.zeros(num_outputs, np.float32),
    }
