"""The elastic network of each student type, and the weights a student starts from."""

from __future__ import annotations

from collections.abc import Callable

from autocompress.domain.shape import EncoderShape
from autocompress.networks.weights import Arrays
from autocompress.students.bilstm.network import ElasticBiLSTM, initial_bilstm
from autocompress.students.cnn.network import ElasticCNN, initial_cnn
from autocompress.students.configuration import Configuration
from autocompress.students.elastic import ElasticNetwork
from autocompress.students.transformer.network import ElasticEncoder
from autocompress.students.word_vectors import StudentSizes

STUDENT_NETWORKS: dict[str, type[ElasticNetwork]] = {
    "transformer": ElasticEncoder,
    "bilstm": ElasticBiLSTM,
    "cnn": ElasticCNN,
}
INITIAL_STUDENTS: dict[str, Callable[[Arrays, StudentSizes, int, int], Arrays]] = {
    "bilstm": initial_bilstm,
    "cnn": initial_cnn,
}


def build_student(arrays: Arrays, shape: EncoderShape, configuration: Configuration) -> ElasticNetwork:
    """The network of the configuration's student type with ``arrays``, which may be a cut."""
    return STUDENT_NETWORKS[configuration.student](shape, arrays)


def initial_student(
    student: str, teacher_arrays: Arrays, shape: EncoderShape, sizes: StudentSizes, seed: int = 0
) -> Arrays:
    """A fresh super-network (``bilstm`` or ``cnn``) on the teacher's word vectors, as large as ``sizes``."""
    return INITIAL_STUDENTS[student](teacher_arrays, sizes, shape.num_outputs, seed)
