"""Padding is nothing: rows without tokens give finite logits, the same as in torch, and change no other row."""

import numpy as np
import pytest
import torch
from artifact_references import (
    MAX_LENGTH,
    SHAPE,
    batch_of,
    configuration_of,
    graph_inputs,
    random_arrays,
    shape_with,
)

from autocompress.artifact.session import Session
from autocompress.students import STUDENTS
from autocompress.students.emit import emit
from autocompress.students.transformer.configuration import ExitConfiguration, TransformerConfiguration
from autocompress.system.errors import MeasurementError

FIRST = "transformer that reads the first token"
RELATIVE = "transformer with a bias by relative position"
SHAPES = {
    FIRST: shape_with(head_pooling="first", head_activation="tanh"),
    RELATIVE: shape_with(relative_attention_num_buckets=32),
    f"{RELATIVE} that reads the first token": shape_with(head_pooling="first", relative_attention_num_buckets=32),
}
students = pytest.mark.parametrize("student", [*sorted(STUDENTS), *SHAPES])
all_bits = pytest.mark.parametrize("bits", [32, 8, 4, 2])
# Dynamic scales of activations see all rows of a batch, so 8-bit products are rounded otherwise beside other rows.
ROUNDING = {32: 1e-5, 8: 0.1, 4: 0.1, 2: 0.1}


def parts(student, bits):
    shape = SHAPES.get(student, SHAPE)
    configuration = configuration_of("transformer" if student in SHAPES else student, bits)
    return random_arrays(configuration, shape), configuration, shape


def session_of(student, bits, pair=False):
    return Session(emit(*parts(student, bits), graph_inputs(pair)).SerializeToString())


def tensors(batch, student):
    """The inputs of a student's graph: those of pairs have token types."""
    names = ["input_ids", "attention_mask"] + ["token_type_ids"] * (student == "alignment")
    return {name: torch.from_numpy(batch[name]) for name in names}


def padded(batch, columns, pad_id=7):
    wider = {name: np.pad(array, ((0, 0), (0, columns))) for name, array in batch.items()}
    wider["input_ids"][:, batch["input_ids"].shape[1] :] = pad_id
    return wider


@students
@pytest.mark.parametrize("lengths", [(17, 0, 9), (0,), (0, 0), (1,), (1, 0), (MAX_LENGTH, 0)])
def test_rows_without_tokens_give_the_logits_of_torch(student, lengths):
    arrays, configuration, shape = parts(student, 32)
    batch = padded(batch_of(lengths), 0 if MAX_LENGTH in lengths else 2)
    logits = session_of(student, 32).run(batch)
    with torch.inference_mode():
        expected = STUDENTS[configuration.student].network(shape, arrays).logits(**tensors(batch, student)).numpy()
    assert np.isfinite(logits).all()
    np.testing.assert_allclose(logits, expected, atol=1e-4)


@students
@all_bits
def test_rows_without_tokens_are_finite_and_change_no_other(student, bits):
    session, batch = session_of(student, bits), batch_of((17, 3, 9))
    alone = session.run(batch)
    nothing = {name: np.zeros_like(array[:2]) for name, array in batch.items()}
    beside = session.run({name: np.concatenate([nothing[name], array]) for name, array in batch.items()})
    assert np.isfinite(beside).all()
    np.testing.assert_allclose(beside[2:], alone, atol=ROUNDING[bits] * max(1.0, np.abs(alone).max()))
    assert np.isfinite(session.run(nothing)).all()


@students
@all_bits
def test_padding_on_the_right_changes_no_row(student, bits):
    session, batch = session_of(student, bits), batch_of((17, 3, 1))
    alone = session.run(batch)
    np.testing.assert_allclose(
        session.run(padded(batch, 6)), alone, atol=ROUNDING[bits] * max(1.0, np.abs(alone).max())
    )


@pytest.mark.parametrize("student", sorted(STUDENTS))
def test_a_row_without_tokens_does_not_depend_on_how_much_padding_it_has(student):
    session = session_of(student, 32)
    short, long = (session.run(padded(batch_of((0,)), columns)) for columns in (1, 9))
    np.testing.assert_allclose(short, long, atol=1e-6)


@pytest.mark.parametrize("bits", [32, 2])
@pytest.mark.parametrize("threshold", [0.001, 0.999999])
def test_exits_are_finite_beside_a_row_without_tokens(bits, threshold):
    uniform = configuration_of("transformer", bits)
    leaving = ExitConfiguration((0, 1), threshold)
    configuration = TransformerConfiguration(
        uniform.hidden_size, uniform.layers, uniform.vocabulary_size, bits, leaving
    )
    session = Session(emit(random_arrays(uniform), configuration, SHAPE, graph_inputs()).SerializeToString())
    assert np.isfinite(session.run(padded(batch_of((5, 0)), 1))).all()


@students
def test_pairs_without_tokens_are_finite(student):
    assert np.isfinite(session_of(student, 8, pair=True).run(padded(batch_of((0, 9)), 1))).all()


@students
@pytest.mark.parametrize("bits", [32, 8])
def test_an_empty_batch_gives_no_rows_or_is_refused_by_name(student, bits):
    session = session_of(student, bits)
    empty = {name: array[:0] for name, array in batch_of((5,)).items()}
    if student == "bilstm":
        with pytest.raises(MeasurementError, match="a_batch_has_at_least_1_text"):
            session.run(empty)
    else:
        assert session.run(empty).shape == (0, SHAPE.num_outputs)


@students
def test_texts_of_no_length_are_finite_or_refused_by_name(student):
    session = session_of(student, 8)
    without = {name: array[:, :0] for name, array in batch_of((5, 3)).items()}
    if student in ("transformer", RELATIVE):
        assert np.isfinite(session.run(without)).all()
    else:
        with pytest.raises(MeasurementError, match="texts_have_at_least_1_token"):
            session.run(without)


@students
def test_texts_longer_than_the_positions_are_refused_by_name(student):
    session, longer = session_of(student, 8), batch_of((MAX_LENGTH + 1, 3))
    if "transformer" in student:
        with pytest.raises(MeasurementError, match=f"texts_have_at_most_{MAX_LENGTH}_tokens"):
            session.run(longer)
    else:
        assert np.isfinite(session.run(longer)).all()
