import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocompress.tasks.batching import length_bucketed_batches, pad_rows, ragged_positions
from autocompress.tasks.encoding import EncodedSplit


@given(st.lists(st.integers(1, 60), max_size=300), st.integers(1, 9), st.integers(0, 3))
def test_every_row_once_and_no_batch_too_large(lengths: list[int], batch_size: int, seed: int) -> None:
    batches = length_bucketed_batches(np.array(lengths, dtype=np.int64), batch_size, np.random.default_rng(seed))
    rows = np.concatenate([np.empty(0, np.int64), *batches])
    assert sorted(rows.tolist()) == list(range(len(lengths)))
    assert all(1 <= len(batch) <= batch_size for batch in batches)


def test_buckets_save_padding_and_differ_by_seed() -> None:
    lengths = np.random.default_rng(0).integers(5, 100, 3000)

    def padded(batches) -> int:
        return sum(int(lengths[batch].max()) * len(batch) for batch in batches)

    first = length_bucketed_batches(lengths, 32, np.random.default_rng(1))
    other = length_bucketed_batches(lengths, 32, np.random.default_rng(2))
    plain = np.array_split(np.random.default_rng(1).permutation(3000), 94)
    assert padded(first) < 1.1 * lengths.sum() < padded(plain)
    assert any(not np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_a_batch_size_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        length_bucketed_batches(np.array([1]), 0, np.random.default_rng(0))


def test_padding_by_hand() -> None:
    tokens, types = np.array([5, 6, 7], dtype=np.int32), np.array([0, 1, 1], dtype=np.int8)
    split = EncodedSplit(tokens, types, np.array([0, 2, 2, 3]), np.zeros(3, np.int64))
    assert {name: array.tolist() for name, array in pad_rows(split, [2, 0], 9).items()} == {
        "input_ids": [[7, 9], [5, 6]],
        "attention_mask": [[1, 0], [1, 1]],
        "token_type_ids": [[1, 0], [0, 1]],
    }
    assert pad_rows(split, [1], 9)["input_ids"].tolist() == [[9]]


@given(st.lists(st.integers(0, 8), min_size=1, max_size=6), st.integers(0, 7), st.data())
def test_padding_keeps_each_row_and_masks_the_rest(lengths: list[int], pad_id: int, data) -> None:
    offsets = np.cumsum([0, *lengths]).astype(np.int64)
    tokens, types = np.arange(10, 10 + offsets[-1], dtype=np.int32), (np.arange(offsets[-1]) % 2).astype(np.int8)
    split = EncodedSplit(tokens, types, offsets, np.zeros(len(lengths), np.int64))
    indices = data.draw(st.lists(st.integers(0, len(lengths) - 1), min_size=1, max_size=4))
    request = pad_rows(split, np.array(indices), pad_id)
    width = max(1, *(lengths[index] for index in indices), 1)
    assert all(array.shape == (len(indices), width) and array.dtype == np.int64 for array in request.values())
    for place, index in enumerate(indices):
        row, rest = slice(offsets[index], offsets[index + 1]), width - lengths[index]
        assert request["input_ids"][place].tolist() == tokens[row].tolist() + [pad_id] * rest
        assert request["attention_mask"][place].tolist() == [1] * lengths[index] + [0] * rest
        assert request["token_type_ids"][place].tolist() == types[row].tolist() + [0] * rest


@given(st.lists(st.lists(st.integers(0, 9), max_size=4), min_size=1, max_size=8), st.data())
def test_ragged_positions_pick_rows(rows: list[list[int]], data) -> None:
    indices = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=10))
    flat = np.array([value for row in rows for value in row], dtype=np.int64)
    offsets = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    found = flat[ragged_positions(offsets, np.array(indices, dtype=np.int64))]
    assert found.tolist() == [value for index in indices for value in rows[index]]
