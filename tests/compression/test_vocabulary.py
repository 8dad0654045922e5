from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocompress.compression.vocabulary import vocabulary_order


def test_order_by_hand() -> None:
    tokens = np.array([7, 7, 7, 2, 2, 5, 5, 0, 0, 0, 0], dtype=np.int32)
    assert vocabulary_order(tokens, 8, special_ids=[3, 0, 6]).tolist() == [0, 3, 6, 7, 2, 5, 1, 4]


@given(st.lists(st.integers(0, 11), max_size=60), st.sets(st.integers(0, 11)))
def test_it_agrees_with_sorting(tokens: list[int], special: set[int]) -> None:
    counts = Counter(tokens)
    rest = sorted(set(range(12)) - special, key=lambda token: (-counts[token], token))
    found = vocabulary_order(np.array(tokens, dtype=np.int32), 12, special)
    assert found.dtype == np.int32
    assert found.tolist() == sorted(special) + rest


@pytest.mark.parametrize(("tokens", "special"), [([8], []), ([-1], []), ([1], [8]), ([1], [-1])])
def test_ids_outside_the_vocabulary_are_refused(tokens, special) -> None:
    with pytest.raises(ValueError, match="0 <= token id < 8"):
        vocabulary_order(np.array(tokens), 8, special)
