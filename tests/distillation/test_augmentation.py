import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocompress.distillation.augmentation import AugmentationSettings, Augmenter, fitted, nearest_tokens, segments
from autocompress.distillation.transfer import REAL_PASSES, TransferSet, with_augmented
from autocompress.tasks.encoding import EncodedSplit

CLS, SEP, VOCABULARY = 0, 1, 30
SEPARATORS = frozenset((CLS, SEP))
words = st.lists(st.integers(2, VOCABULARY - 1), min_size=1, max_size=8)
rows = st.lists(words, min_size=1, max_size=2).map(
    lambda texts: np.array([CLS, *(token for text in texts for token in (*text, SEP))], np.int32)
)


def plain_nearest(vectors: np.ndarray, used: list[int], token: int) -> list[int]:
    centred = vectors - vectors[used].mean(0)
    cosine = [
        centred[token] @ centred[other] / np.linalg.norm(centred[token]) / np.linalg.norm(centred[other])
        for other in used
    ]
    return [other for _, other in sorted(zip(cosine, used, strict=True), reverse=True) if other != token]


def test_near_tokens_are_those_of_a_plain_reference():
    vectors = np.random.default_rng(0).normal(size=(VOCABULARY, 6)).astype(np.float32)
    used = [3, 7, 8, 20, 25, 29]
    table = nearest_tokens(vectors, np.array(used), count=3)
    for token in range(VOCABULARY):
        expected = plain_nearest(vectors, used, token)[:3] if token in used else [token] * 3
        assert table[token].tolist() == expected


def test_a_token_without_any_other_is_its_own_neighbour():
    vectors = np.eye(5, dtype=np.float32)
    assert nearest_tokens(vectors, np.array([2]), count=2).tolist() == [[i, i] for i in range(5)]
    assert nearest_tokens(vectors, np.array([2, 4]), count=2)[2].tolist() == [4, 2]


@given(rows, rows, st.floats(0, 1), st.floats(0, 1), st.integers(0, 1000), st.integers(3, 20))
def test_augmented_rows_keep_the_separators_and_the_words_of_their_sources(row, other, splice, replace, seed, longest):
    neighbours = (np.arange(VOCABULARY, dtype=np.int32)[:, None] + [0, 0]).astype(np.int32)
    augmenter = Augmenter(neighbours, SEPARATORS, longest, AugmentationSettings(splice, replace))
    made, places = augmenter.augment(row, other, np.random.default_rng(seed))
    assert made[np.isin(made, [*SEPARATORS])].tolist() == row[np.isin(row, [*SEPARATORS])].tolist()
    assert set(made) <= set(row) | set(other)
    assert len(made) <= max(longest, len(row))
    assert len(made) == len(places) and len(segments(made, SEPARATORS)) == len(segments(row, SEPARATORS))
    for ours, place in zip(segments(made, SEPARATORS), segments(row, SEPARATORS), strict=True):
        assert set(places[ours]) == {place.start}
    if splice == 0:
        assert made.tolist() == row.tolist()


def test_words_are_replaced_by_their_neighbours_at_the_share_that_was_asked_for():
    row = np.array([CLS, *[2] * 2000, SEP], np.int32)
    neighbours = np.full((VOCABULARY, 2), 9, np.int32)
    augmenter = Augmenter(neighbours, SEPARATORS, 9, AugmentationSettings(0.0, 0.25))
    made, _ = augmenter.augment(row, row, np.random.default_rng(0))
    assert (made == 9).sum() == pytest.approx(500, abs=60) and set(made) == {CLS, SEP, 2, 9}


@given(st.lists(st.integers(1, 30), min_size=1, max_size=3), st.integers(3, 60))
def test_the_longest_texts_are_cut_first(lengths: list[int], room: int):
    cut = fitted(lengths, room)
    assert sum(cut) == min(sum(lengths), room) and min(cut) >= 1
    shortened = [after for before, after in zip(lengths, cut, strict=True) if after < before]
    assert not shortened or max(cut) - min(shortened) <= 1


def split_of(texts: list[list[int]]) -> EncodedSplit:
    encoded = [[CLS, *text, SEP] for text in texts]
    offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    tokens = np.concatenate([np.array(row, np.int32) for row in encoded])
    return EncodedSplit(tokens, np.zeros(len(tokens), np.int8), offsets, np.arange(len(texts)) % 2)


def augmented(split: EncodedSplit, count: int, seed: int, longest: int) -> EncodedSplit:
    vectors = np.random.default_rng(0).normal(size=(VOCABULARY, 4)).astype(np.float32)
    augmenter = Augmenter.for_texts(split.tokens, vectors, SEPARATORS, longest, AugmentationSettings())
    return with_augmented(split, augmenter, count, seed)


def test_a_transfer_set_begins_with_the_real_rows_and_labels_only_those():
    split = split_of([[2, 3, 4], [5, 6], [7]])
    longer, again = (augmented(split, 7, seed=0, longest=9) for _ in range(2))
    assert len(longer) == 10 and np.array_equal(longer.tokens, again.tokens)
    assert np.array_equal(longer.tokens[: len(split.tokens)], split.tokens)
    assert np.isin(longer.tokens, [CLS, SEP, 2, 3, 4, 5, 6, 7]).all()
    transfer = TransferSet(longer, np.zeros((10, 2), np.float32), len(split), pad_id=SEP, unknown_id=2)
    assert transfer.batch(np.array([9, 0, 2, 3])).labelled.tolist() == [False, True, True, False]
    assert transfer.order.tolist() == [*(0, 1, 2) * REAL_PASSES, *range(3, 10)]
    assert transfer.passes(12.0) == pytest.approx(12.0 * (3 + 3.5) / (3 * REAL_PASSES + 7))


def test_more_augmented_texts_begin_with_those_of_fewer():
    split = split_of([[2, 3, 4], [5, 6], [7, 8, 9, 10]])
    few, many = (augmented(split, count, seed=3, longest=5) for count in (4, 11))
    assert np.array_equal(many.tokens[: len(few.tokens)], few.tokens) and many.lengths.max() <= 6
    assert augmented(split, 0, seed=0, longest=9).labels.tolist() == [0, 1, 0]
