"""Decides from which prepared weights a configuration is cut, and cuts it out."""

from __future__ import annotations

from dataclasses import replace

from autocompress.domain.shape import EncoderShape
from autocompress.networks.weights import Arrays
from autocompress.students import STUDENTS
from autocompress.students.configuration import Configuration
from autocompress.students.cutting import cut
from autocompress.students.transformer.compensation import RECONSTRUCTION
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.study.prepared import Prepared
from autocompress.study.prepared_files import TEACHER, narrow_teacher
from autocompress.system.errors import MeasurementError


def source_of(prepared: Prepared, configuration: Configuration) -> str:
    """Return the name of the weights that a configuration is cut from.

    It is ``teacher`` where the teacher's own weights are the better start, else the student type (its super-network).
    At a smaller hidden size it is the teacher at that size, if it is prepared.
    """
    has_heads, shape = bool(prepared.layer_heads.arrays), prepared.teacher_shape
    kind = STUDENTS[configuration.student]
    if kind.is_near_teacher(configuration, shape, has_heads):
        return TEACHER
    if isinstance(configuration, TransformerConfiguration) and configuration.hidden_size < shape.hidden_size:
        source, wide = narrow_teacher(configuration.hidden_size), replace(configuration, hidden_size=shape.hidden_size)
        if prepared.has(source) and kind.is_near_teacher(wide, shape, has_heads):
            return source
    return configuration.student


def is_available(prepared: Prepared, configuration: Configuration) -> bool:
    """Return whether the weights that a configuration is cut from are prepared."""
    return prepared.has(source_of(prepared, configuration))


def cut_weights(prepared: Prepared, configuration: Configuration) -> tuple[Arrays, EncoderShape]:
    """Return the configuration's weights, and the shape of the weights they are cut from, which says the form of heads.

    Cuts of the teacher, which are not trained afterwards, are compensated by the methods that helped on validation
    data; at a smaller hidden size only by those that need no inputs of that size. MeasurementError if the source is not
    prepared.
    """
    source = source_of(prepared, configuration)
    if not prepared.has(source):
        raise MeasurementError(f"the {source} that the configuration is cut from must be there, but is not trained")
    arrays, shape = prepared.source(source)
    if source == configuration.student or not isinstance(configuration, TransformerConfiguration):
        return cut(arrays, shape, configuration), shape
    if source == TEACHER:
        return prepared.compensation.cut(arrays | prepared.layer_heads.arrays, shape, configuration), shape
    usable = replace(prepared.compensation, uses=prepared.compensation.uses & {RECONSTRUCTION})
    return usable.cut(arrays, shape, configuration), shape
