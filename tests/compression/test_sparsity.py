import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from autocompress.compression.sparsity import magnitude_mask, pack, pack_mask, prune, unpack, unpack_mask

floats = arrays(np.float32, st.tuples(st.integers(1, 7), st.integers(1, 9)), elements=st.floats(-3, 3, width=16))
codes = arrays(np.int8, st.tuples(st.integers(1, 7), st.integers(1, 9)), elements=st.integers(-7, 7))


def test_a_table_by_hand():
    weight = np.array([[0.1, -3.0, 2.0], [-0.2, 0.2, 5.0]], np.float32)
    assert magnitude_mask(weight, 0.5).tolist() == [[False, True, True], [False, False, True]]
    assert prune(weight, 0.5).tolist() == [[0.0, -3.0, 2.0], [0.0, 0.0, 5.0]]
    bits, values = pack(prune(weight, 0.5))
    assert bits.tolist() == [0b100110]
    assert values.tolist() == [-3.0, 2.0, 5.0]


@given(floats, st.floats(0, 0.9))
def test_exactly_the_asked_number_of_smallest_weights_goes(weight, sparsity):
    mask = magnitude_mask(weight, sparsity)
    assert (~mask).sum() == round(sparsity * weight.size)
    if mask.any() and not mask.all():
        assert np.abs(weight[~mask]).max() <= np.abs(weight[mask]).min()


@given(floats)
def test_no_sparsity_changes_nothing(weight):
    assert prune(weight, 0.0) is weight


@given(st.one_of(floats, codes))
def test_packing_round_trips(dense):
    bits, values = pack(dense)
    assert bits.nbytes == -(-dense.size // 8)
    assert len(values) == np.count_nonzero(dense)
    np.testing.assert_array_equal(unpack(bits, values, dense.shape), dense)


@given(arrays(np.bool_, st.integers(1, 40)))
def test_masks_round_trip(mask):
    np.testing.assert_array_equal(unpack_mask(pack_mask(mask), mask.size), mask)


@pytest.mark.parametrize("value", [0.0, 1.5])
def test_equal_magnitudes_go_in_order(value):
    assert magnitude_mask(np.full((2, 2), value), 0.5).tolist() == [[False, False], [True, True]]
