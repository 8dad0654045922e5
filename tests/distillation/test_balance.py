import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocompress.distillation.balance import BINS, LEAST_SHARE, MOST_TIMES, answers_of, repetitions
from autocompress.distillation.transfer import REAL_PASSES, TransferSet
from autocompress.tasks.encoding import EncodedSplit

many_answers = st.lists(st.integers(0, 3), max_size=60)


def answers(*counts: int) -> np.ndarray:
    return np.repeat(np.arange(len(counts)), counts)


def times(real: np.ndarray, made_up: np.ndarray) -> dict[int, int]:
    found = repetitions(np.concatenate([real, made_up]), len(real))
    assert len(found) == len(made_up)
    return {int(answer): int(each) for answer, each in zip(made_up, found, strict=True)}


def test_answers_as_frequent_as_among_real_texts_are_read_once():
    assert times(answers(30, 20, 50), answers(300, 200, 500)) == {0: 1, 1: 1, 2: 1}
    assert times(answers(50, 50), answers(30, 70)) == {0: 1, 1: 1}


def test_rare_answers_are_repeated_up_to_half_of_their_share_among_real_texts():
    # One quarter is wanted: 16 of 100 are read twice, 32 of 116.
    assert times(answers(50, 50), answers(16, 84)) == {0: 2, 1: 1}
    # 9 of 100 would have to be read three times, 27 of 118; 2 of 100 more often than is allowed.
    assert times(answers(50, 50), answers(9, 91)) == {0: 3, 1: 1}
    assert times(answers(50, 50), answers(2, 98)) == {0: MOST_TIMES, 1: 1}
    assert times(answers(50, 50), answers(0, 98)) == {1: 1}


def test_without_real_or_augmented_texts_nothing_is_repeated():
    assert times(answers(), answers(3, 5)) == {0: 1, 1: 1} and times(answers(3, 5), answers()) == {}


@given(many_answers, many_answers)
def test_every_answer_has_its_least_share_or_is_repeated_most(real: list[int], made_up: list[int]):
    each = times(np.array(real, np.int64), np.array(made_up, np.int64))
    total = sum(each[answer] for answer in made_up)
    for answer in set(made_up):
        assert 1 <= each[answer] <= MOST_TIMES
        share = made_up.count(answer) * each[answer] / total
        wanted = LEAST_SHARE * real.count(answer) / max(len(real), 1)
        assert share >= wanted - 1e-9 or each[answer] == MOST_TIMES
        assert each[answer] == 1 or made_up.count(answer) * (each[answer] - 1) / total < wanted


def test_the_answer_is_the_class_or_the_interval_of_the_number():
    logits = np.array([[0.1, 0.9, 0.3], [2.0, 1.0, -1.0]], np.float32)
    assert answers_of(logits, 1).tolist() == [1, 0]
    numbers = np.concatenate([np.linspace(0, 5, 100), [-3, 0.5, 1.5, 2.5, 3.5, 4.5, 9]]).astype(np.float32)[:, None]
    found = answers_of(numbers, 100)
    assert np.bincount(found[:100]).tolist() == [100 // BINS] * BINS
    assert found[100:].tolist() == [0, 0, 1, 2, 3, 4, 4]
    assert answers_of(numbers, 0).tolist() == [0] * 107


def test_a_balanced_transfer_set_repeats_rare_answers_and_trains_as_long():
    targets = np.zeros((4 + 20, 2), np.float32)
    rare = [0, 1, 7, 9]
    targets[:, 1], targets[rare, 0] = 1.0, 2.0
    split = EncodedSplit(
        np.ones(24, np.int32), np.zeros(24, np.int8), np.arange(25).astype(np.int64), np.zeros(24, np.int64)
    )
    plain, balanced = (TransferSet(split, targets, 4, 0, 1, balanced=flag) for flag in (False, True))
    real = [*(0, 1, 2, 3) * REAL_PASSES]
    assert plain.order.tolist() == [*real, *range(4, 24)]
    # Two of 20 answers are 0, of which half are wanted at least: three times two are 6 of 24.
    assert balanced.order.tolist() == [*real, 4, 5, 6, 7, 7, 7, 8, 9, 9, 9, *range(10, 24)]
    texts_read = [each.passes(3.0) * len(each.order) for each in (plain, balanced)]
    assert texts_read[0] == pytest.approx(texts_read[1])
