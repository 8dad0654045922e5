from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocompress.compression import vocabulary
from autocompress.compression.vocabulary import Vocabulary, similar_tokens, vocabulary_order


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


ORDER = np.array([2, 0, 5, 3, 1, 4], np.int32)


def test_a_smaller_vocabulary_reads_other_tokens_as_unknown() -> None:
    assert Vocabulary(ORDER, unknown_id=0).read_as(3).tolist() == [0, 0, 2, 0, 0, 5]
    assert Vocabulary(ORDER, unknown_id=0).read_as(6).tolist() == [0, 1, 2, 3, 4, 5]


def test_a_smaller_vocabulary_reads_similar_tokens_one_after_the_other() -> None:
    similar = np.array([0, 3, 0, 5, 1, 0], np.int32)
    assert Vocabulary(ORDER, 0, similar).read_as(3).tolist() == [0, 5, 2, 5, 5, 5]
    assert Vocabulary(ORDER, 0, similar).read_as(4).tolist() == [0, 3, 2, 3, 3, 5]


@pytest.mark.parametrize("block", [1, 4, 64])
@given(st.integers(0, 2**32 - 1))
def test_similar_tokens_are_those_of_a_search_through_all(block: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors, special = rng.normal(size=(20, 3)).astype(np.float32), {4, 9}
    order = np.array([4, 9, *rng.permutation([token for token in range(20) if token not in special])], np.int32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vocabulary, "BLOCK", block)
        found = similar_tokens(vectors, order, special, unknown_id=9)
    centred = vectors - vectors.mean(0)

    def cosine(one: int, other: int) -> float:
        lengths = np.linalg.norm(centred[one]) * np.linalg.norm(centred[other])
        return float(centred[one] @ centred[other] / lengths)

    for place, token in enumerate(order):
        cosines = {earlier: cosine(token, earlier) for earlier in order[2:place]} if place > 2 else {}
        best = max(cosines, key=cosines.__getitem__, default=None)
        far = best is None or cosines[best] < vocabulary.LEAST_SIMILARITY
        assert found[token] == (9 if far else best)
