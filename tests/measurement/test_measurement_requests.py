import numpy as np
import pytest
from measured_parts import Rows

from autocompress.artifact.session import Session
from autocompress.measurement.inference import predict
from autocompress.measurement.requests import (
    draw_requests,
    read_requests,
    read_split,
    write_requests,
    write_split,
)
from autocompress.system.errors import InputError


def row(split, index):
    return list(split.tokens[split.offsets[index] : split.offsets[index + 1]])


def test_drawing_is_by_seed_and_takes_every_row_before_any_twice(rows):
    first = draw_requests(rows, batch_size=1, pad_id=0, count=37, seed=5)
    again = draw_requests(rows, batch_size=1, pad_id=0, count=37, seed=5)
    other = draw_requests(rows, batch_size=1, pad_id=0, count=37, seed=6)

    def ids(requests):
        return [tuple(request["input_ids"][0]) for request in requests]

    assert ids(first) == ids(again) != ids(other)
    assert sorted(ids(first)) == sorted(tuple(row(rows, i)) for i in range(37))
    assert len(draw_requests(rows, batch_size=8, pad_id=0, count=10)) == 10


def test_requests_come_back_as_they_were_written(rows, tmp_path):
    requests = draw_requests(rows, batch_size=3, pad_id=1, count=7)
    write_requests(tmp_path / "r.npz", requests)
    back = read_requests(tmp_path / "r.npz")
    assert len(back) == 7
    for before, after in zip(requests, back, strict=True):
        assert before.keys() == after.keys()
        for name, array in before.items():
            np.testing.assert_array_equal(array, after[name])
            assert after[name].dtype == np.int64
            assert after[name].flags.c_contiguous


def test_no_rows_and_no_requests_are_refused(tmp_path):
    empty = Rows(np.zeros(0, np.int32), np.zeros(0, np.int8), np.zeros(1, np.int64), np.zeros(0))
    with pytest.raises(InputError, match="empty"):
        draw_requests(empty, batch_size=1, pad_id=0)
    with pytest.raises(InputError, match="at least one request"):
        write_requests(tmp_path / "r.npz", [])
    with pytest.raises(InputError, match="at least one row"):
        predict(Echo(), empty, 1, 0)


class Echo:
    """Gives back the first token and the width of the request, and remembers the shapes it saw."""

    def __init__(self):
        self.shapes = []

    def run(self, batch, /):
        ids = batch["input_ids"]
        self.shapes.append(ids.shape)
        return np.stack([ids[:, 0], np.full(len(ids), ids.shape[1])], axis=1).astype(np.float32)


@pytest.mark.parametrize("by_length", [False, True])
def test_outputs_are_in_data_order(rows, by_length):
    session = Echo()
    outputs = predict(session, rows, 5, 0, by_length=by_length)
    np.testing.assert_array_equal(outputs[:, 0], rows.tokens[rows.offsets[:-1]])
    assert [shape[0] for shape in session.shapes] == [5] * 7 + [2]
    if by_length:
        widths = [shape[1] for shape in session.shapes]
        assert widths == sorted(widths)
    else:
        assert session.shapes[0][1] == np.diff(rows.offsets)[:5].max()


def test_outputs_of_a_real_session(rows, tiny_onnx, tmp_path):
    write_split(tmp_path / "split.npz", rows)
    outputs = predict(Session(tiny_onnx), read_split(tmp_path / "split.npz"), 4, 9)
    expected = np.add.reduceat(rows.tokens.astype(np.float64), rows.offsets[:-1])
    np.testing.assert_allclose(outputs, np.stack([expected, -expected], axis=1), rtol=1e-6)
