import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocompress.tasks.splits import held_out_count, split_off


@pytest.mark.parametrize(
    ("rows", "count"), [(20, 4), (500, 100), (1000, 200), (1500, 200), (2000, 200), (5749, 574), (10**5, 2000)]
)
def test_held_out_count_by_hand(rows: int, count: int) -> None:
    assert held_out_count(rows) == count


@given(st.lists(st.integers(0, 4), min_size=1, max_size=200), st.floats(0, 1), st.integers(0, 5))
def test_a_split_is_a_partition_in_proportion(values: list[int], share: float, seed: int) -> None:
    strata = np.array(values)
    classes, counts = np.unique(strata, return_counts=True)
    count = int(share * (len(strata) - len(classes)))
    kept, taken = split_off(strata, count, np.random.default_rng(seed))
    assert len(taken) == count
    assert np.array_equal(np.sort(np.concatenate([kept, taken])), np.arange(len(strata)))
    assert set(strata[kept].tolist()) == set(classes.tolist())
    if all(size - 1 >= size * count / len(strata) for size in counts):
        for value, size in zip(classes, counts, strict=True):
            assert abs((strata[taken] == value).sum() - size * count / len(strata)) < 2


def test_the_seed_decides() -> None:
    strata = np.repeat([0, 1], 50)
    first, again, other = (split_off(strata, 20, np.random.default_rng(seed))[1] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_more_than_there_is_room_for_is_refused() -> None:
    with pytest.raises(ValueError, match="0 <= count <= 2"):
        split_off(np.array([0, 0, 1, 1]), 3, np.random.default_rng(0))
