from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocompress.distillation import pair_augmentation
from autocompress.distillation.near_texts import NearTexts
from autocompress.distillation.pair_augmentation import (
    PAIR_KINDS,
    Material,
    Noise,
    PairAugmenter,
    PairSettings,
    with_words_dropped,
)
from autocompress.distillation.pair_frame import PairFrame
from autocompress.distillation.transfer import with_augmented
from autocompress.tasks.encoding import EncodedSplit

CLS, SEP, VOCABULARY = 0, 1, 30
SEPARATORS = frozenset((CLS, SEP))
BERT, ROBERTA = PairFrame((CLS,), (SEP,), (SEP,)), PairFrame((CLS,), (SEP, SEP), (SEP,))
QUIET, NONE = Noise(0.0, 0.0), dict.fromkeys(PAIR_KINDS, 0.0)
VECTORS = np.random.default_rng(0).normal(size=(VOCABULARY, 4)).astype(np.float32)
texts = st.lists(st.integers(2, VOCABULARY - 1), max_size=8)
pairs = st.lists(st.tuples(texts, texts), min_size=1, max_size=6)
frames = st.sampled_from((BERT, ROBERTA))


def text(*tokens: int) -> np.ndarray:
    return np.array(tokens, np.int32)


def encoded(rows: list[tuple[list[int], list[int]]], frame: PairFrame) -> EncodedSplit:
    """Rows as a tokenizer gives them; types as BERT's, also with RoBERTa's separators, so that a mistake is seen."""
    before = [[*frame.before, *first, *frame.between[:1]] for first, _ in rows]
    after = [[*frame.between[1:], *second, *frame.after] for _, second in rows]
    types = [[0] * len(first) + [1] * len(second) for first, second in zip(before, after, strict=True)]
    offsets = np.cumsum([0, *map(len, types)]).astype(np.int64)
    tokens = np.array([token for row in zip(before, after, strict=True) for part in row for token in part], np.int32)
    return EncodedSplit(tokens, np.concatenate(types).astype(np.int8), offsets, np.zeros(len(rows), np.int64))


def rows_of(split: EncodedSplit) -> list[np.ndarray]:
    return np.split(split.tokens, split.offsets[1:-1])


def only(kind: str, **settings: Noise) -> PairSettings:
    return PairSettings(**NONE | {kind: 1.0}, **settings)  # type: ignore[arg-type]


def material(settings: PairSettings, *known: tuple[np.ndarray, np.ndarray]) -> Material:
    """Word n is replaced by n + 100 or n + 200."""
    words = (np.arange(20, dtype=np.int32)[:, None] + [100, 200]).astype(np.int32)
    return Material(words, NearTexts.of_pairs(known, VECTORS), settings)


def made(kind: str, found: Material, pair: tuple, other: tuple, count: int = 200) -> set[tuple[tuple, tuple]]:
    rng = np.random.default_rng(0)
    drawn = [PAIR_KINDS[kind](pair, other, found, rng) for _ in range(count)]
    return {(tuple(first.tolist()), tuple(second.tolist())) for first, second in drawn}


A, B, C, D = text(2, 3), text(4), text(5, 6), text(7)


def test_words_of_both_texts_of_a_replaced_pair_are_replaced_and_dropped():
    assert made("replaced", material(only("replaced", noise=QUIET)), (A, B), (C, D)) == {((2, 3), (4,))}
    all_replaced = made("replaced", material(only("replaced", noise=Noise(1.0, 0.0))), (A, B), (C, D))
    assert all_replaced == {((a, b), (c,)) for a in (102, 202) for b in (103, 203) for c in (104, 204)}
    dropped = made("replaced", material(only("replaced", noise=Noise(0.0, 0.5))), (A, B), (C, D))
    assert dropped == {((2, 3), (4,)), ((2,), (4,)), ((3,), (4,))}


def test_the_texts_of_a_swapped_pair_are_exchanged():
    assert made("swapped", material(only("swapped", little_noise=QUIET)), (A, B), (C, D)) == {((4,), (2, 3))}
    noisy = made("swapped", material(only("swapped", little_noise=Noise(0.5, 0.0))), (A, B), (C, D))
    assert noisy == {((c,), (a, b)) for c in (4, 104, 204) for a in (2, 102, 202) for b in (3, 103, 203)}


def test_a_random_pair_has_one_text_of_each_source_in_its_place():
    expected = {((5, 6), (4,)), ((7,), (4,)), ((2, 3), (5, 6)), ((2, 3), (7,))}
    assert made("random", material(only("random")), (A, B), (C, D)) == expected


def test_a_damaged_pair_is_a_text_and_its_copy_with_other_words():
    found = made("damaged", material(only("damaged", damage=Noise(1.0, 0.0))), (B, D), (A, A))
    assert found == {((4,), (104,)), ((4,), (204,)), ((104,), (4,)), ((204,), (4,))} | {
        ((7,), (107,)),
        ((7,), (207,)),
        ((107,), (7,)),
        ((207,), (7,)),
    }


def plain_near(known: list[np.ndarray], asked: np.ndarray, count: int) -> set[tuple]:
    """The texts nearest to ``asked``, one of ``known``, by the cosine of the mean vectors, centred on their mean."""
    means = np.array([VECTORS[each].mean(0) for each in known])
    centre = means.mean(0)
    wanted = VECTORS[asked].mean(0) - centre
    cosines = [
        float((mean - centre) @ wanted / np.linalg.norm(mean - centre) / np.linalg.norm(wanted)) for mean in means
    ]
    order = sorted(range(len(known)), key=lambda number: -cosines[number])
    return {tuple(known[number]) for number in order[1 : count + 1]}


def test_a_neighbour_pair_has_a_text_near_to_the_partner_in_its_place():
    rng = np.random.default_rng(3)
    known = [text(*rng.integers(2, VOCABULARY, rng.integers(1, 6))) for _ in range(30)]
    rows = list(zip(known[::2], known[1::2], strict=True))
    rows += [(known[0], text()), (known[0], known[5])]
    near = material(only("neighbour", little_noise=QUIET), *rows)
    found = made("neighbour", near, (known[0], known[1]), (C, D), count=600)
    with_second = {(tuple(known[0]), other) for other in plain_near(known, known[1], 12)}
    with_first = {(other, tuple(known[1])) for other in plain_near(known, known[0], 12)}
    assert found == with_second | with_first


def test_another_pair_stands_in_for_one_whose_near_texts_are_not_known():
    near = material(only("neighbour", little_noise=QUIET), (A, B))
    assert made("neighbour", near, (C, D), (C, D)) == {((2, 3), (2, 3)), ((4,), (4,))}
    alone = material(only("neighbour", little_noise=QUIET), (A, A))
    assert made("neighbour", alone, (A, A), (C, D)) == {((2, 3), (2, 3))}
    nothing = material(only("neighbour", little_noise=QUIET))
    assert made("neighbour", nothing, (C, text()), (C, D)) == {((5, 6), ())}


def test_at_least_one_word_is_kept():
    rng = np.random.default_rng(0)
    assert with_words_dropped(A, 1.0, rng).tolist() == [2, 3] and len(with_words_dropped(text(), 1.0, rng)) == 0
    assert len(with_words_dropped(np.full(4000, 2, np.int32), 0.25, rng)) == pytest.approx(3000, abs=120)


def test_shares_of_pairs_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="one must be positive"):
        PairSettings(**NONE)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must not be negative"):
        replace(PairSettings(), random=-0.1)


def test_every_kind_of_pair_has_the_share_that_is_set(monkeypatch: pytest.MonkeyPatch):
    drawn: Counter[str] = Counter()

    def counted(name: str) -> pair_augmentation.PairKind:
        def kind(pair: tuple, other: tuple, found: Material, rng: np.random.Generator) -> tuple:
            drawn[name] += 1
            return PAIR_KINDS[name](pair, other, found, rng)

        return kind

    split = encoded([([2, 3], [4]), ([5], [6, 7])], BERT)
    settings = PairSettings(replaced=0.0, swapped=3.0, neighbour=0.0, random=1.0, damaged=0.0)
    counting = {name: counted(name) for name in PAIR_KINDS}
    augmenter = PairAugmenter.for_split(split, VECTORS, SEPARATORS, 9, settings)
    monkeypatch.setattr(pair_augmentation, "PAIR_KINDS", counting)
    with_augmented(split, augmenter, 2000, seed=0)
    assert set(drawn) == {"swapped", "random"} and drawn["random"] == pytest.approx(500, abs=80)


@given(pairs, frames, st.integers(0, 1000), st.integers(5, 22), st.sampled_from((None, *PAIR_KINDS)))
def test_augmented_pairs_keep_separators_types_and_length(
    rows: list[tuple[list[int], list[int]]], frame: PairFrame, seed: int, longest: int, kind: str | None
):
    split = encoded([*rows, ([2, 3], [4])], frame)
    settings = only(kind) if kind else PairSettings()
    augmenter, again = (PairAugmenter.for_split(split, VECTORS, SEPARATORS, longest, settings, seed) for _ in range(2))
    assert augmenter.frame == frame
    many, few = with_augmented(split, augmenter, 12, seed), with_augmented(split, again, 5, seed)
    assert np.array_equal(many.tokens[: len(few.tokens)], few.tokens)
    assert np.array_equal(many.type_ids[: len(few.type_ids)], few.type_ids)
    words = set(split.tokens.tolist())
    for row, types in zip(rows_of(many), np.split(many.type_ids, many.offsets[1:-1]), strict=True):
        second = frame.places(row)[1]
        assert set(row.tolist()) <= words and (row == SEP).sum() == len(frame.between) + len(frame.after)
        assert len(row) <= max(longest, split.lengths.max())
        begin = second.start - (len(frame.between) - 1)
        assert types.tolist() == [0] * begin + [1] * (len(row) - begin)


@given(texts, texts, frames)
def test_the_texts_of_an_encoded_pair_are_found(first: list[int], second: list[int], frame: PairFrame):
    row = np.array([*frame.before, *first, *frame.between, *second, *frame.after], np.int32)
    places = frame.places(row)
    assert [row[place].tolist() for place in places] == [first, second]


def test_rows_that_are_no_pairs_are_refused():
    with pytest.raises(ValueError, match="two texts between separators"):
        PairFrame.of_split(encoded([([], [3]), ([2], [])], BERT), SEPARATORS)
    for row in ([CLS, 2, SEP], [CLS, SEP], [2, 3, SEP, 4, SEP], [CLS, 2, SEP, 4], []):
        with pytest.raises(ValueError, match="must have the separators"):
            BERT.places(np.array(row, np.int32))


def test_a_large_split_has_the_near_texts_of_some_of_its_rows(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pair_augmentation, "MOST_PAIRS", 8)
    rng = np.random.default_rng(0)
    split = encoded([(rng.integers(2, 30, 4).tolist(), rng.integers(2, 30, 4).tolist()) for _ in range(40)], BERT)
    first, again, other = (
        PairAugmenter.for_split(split, VECTORS, SEPARATORS, 30, only("neighbour"), seed) for seed in (0, 0, 1)
    )
    assert len(first.material.near.texts) == 16 and first.material.near.near.shape == (16, 12)
    known = [[each.tolist() for each in augmenter.material.near.texts] for augmenter in (first, again, other)]
    assert known[0] == known[1] != known[2]
    assert len(with_augmented(split, first, 80, seed=0)) == 120
