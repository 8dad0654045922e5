from hypothesis import given
from hypothesis import strategies as st

from autocompress.distillation.transfer import REAL_PASSES
from autocompress.preparation.training_time import COPIES, LEAST_PASSES, augmented_rows, shares_of_the_rest

SHARES = {"transformer": 0.4, "bilstm": 0.4, "cnn": 0.2}


def test_there_are_as_many_augmented_texts_as_the_student_that_reads_most_can_read():
    rates = {"bilstm": 500.0, "cnn": 2000.0}
    assert augmented_rows(rates, SHARES, 1000, 30.0) == 20_000 - REAL_PASSES * 1000
    assert augmented_rows(rates, SHARES, 1000, 1.0) == 0, "a short time is for the real texts"
    assert augmented_rows(rates, SHARES, 1000, 1e6) == COPIES * 1000
    assert augmented_rows({}, SHARES, 1000, 30.0) == 0


def test_a_student_that_could_read_next_to_nothing_takes_no_time_from_the_others():
    rates = {"transformer": 20.0, "bilstm": 500.0, "cnn": 2000.0}
    assert shares_of_the_rest(list(SHARES), SHARES, rates, 1000, 30.0) == {"bilstm": 0.4 / (0.4 + 0.2), "cnn": 1.0}
    assert list(shares_of_the_rest(list(SHARES), SHARES, rates, 1000, 1.0)) == ["cnn"], (
        "what is left is shared out anew"
    )
    assert not shares_of_the_rest(list(SHARES), SHARES, rates, 1000, 0.1)
    enough_s = LEAST_PASSES * 1000 / (20.0 * 0.4) + 1
    assert list(shares_of_the_rest(list(SHARES), SHARES, rates, 1000, enough_s)) == list(SHARES)
    assert list(shares_of_the_rest(["cnn"], SHARES, {}, 1000, 1.0)) == ["cnn"], "nothing is known of its speed"


@given(st.floats(1, 1e4), st.lists(st.floats(1, 1e5), min_size=3, max_size=3), st.integers(20, 10**5))
def test_shares_use_all_the_time(left_s: float, rates: list[float], rows: int):
    shares = shares_of_the_rest(list(SHARES), SHARES, dict(zip(SHARES, rates, strict=True)), rows, left_s)
    rest = left_s
    for share in shares.values():
        assert 0 < share <= 1
        rest -= share * rest
    assert not shares or rest < 1e-9 * left_s
