import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocompress.distillation.augmentation import AugmentationSettings, Augmenter
from autocompress.distillation.hidden_states import HiddenStates
from autocompress.distillation.transfer import with_augmented
from autocompress.preparation.labelling import TeacherOutputs, predict_or_nan
from autocompress.system.errors import MeasurementError
from autocompress.tasks.encoding import EncodedSplit


def split_of(count: int) -> EncodedSplit:
    return EncodedSplit(
        np.arange(count, dtype=np.int32), np.zeros(count, np.int8), np.arange(count + 1), np.zeros(count, np.int64)
    )


@given(st.integers(1, 40), st.sets(st.integers(0, 39)))
def test_a_text_that_cannot_be_labelled_costs_itself_alone(count: int, bad: set[int]):
    def outputs_of(split: EncodedSplit) -> np.ndarray:
        if bad & set(split.tokens.tolist()):
            raise MeasurementError("a text is too long")
        return np.stack([split.tokens, -split.tokens], axis=1).astype(np.float32)

    if bad >= set(range(count)):
        with pytest.raises(MeasurementError):
            predict_or_nan(outputs_of, split_of(count))
        return
    found = predict_or_nan(outputs_of, split_of(count))
    assert found.shape == (count, 2)
    for row in range(count):
        assert np.isnan(found[row]).all() if row in bad else found[row].tolist() == [row, -row]


def test_usable_texts_have_finite_outputs_throughout():
    logits, values = np.zeros((5, 2), np.float32), np.zeros((5, 3), np.float16)
    means = np.zeros((3, 1, 4), np.float16)
    logits[0, 1], values[4, 2], means[2, 0, 0] = np.nan, np.inf, np.nan
    outputs = TeacherOutputs(logits, HiddenStates(values, np.ones(3, np.float32)), means)
    assert outputs.finite_rows().tolist() == [1, 3]
    assert TeacherOutputs(logits).finite_rows().tolist() == [1, 2, 3, 4]


def test_a_subset_holds_each_output_of_its_texts():
    logits, values = np.arange(10, dtype=np.float32).reshape(5, 2), np.arange(5, dtype=np.float16)[:, None]
    means = np.arange(3, dtype=np.float16)[:, None, None]
    found = TeacherOutputs(logits, HiddenStates(values, np.ones(1, np.float32)), means).subset(np.array([1, 2, 4]))
    assert found.hidden is not None and found.means is not None
    assert found.logits.tolist() == [[2, 3], [4, 5], [8, 9]]
    assert found.hidden.values.ravel().tolist() == [1, 2, 4] and found.means.ravel().tolist() == [1, 2]


def test_augmented_pairs_fit_what_the_artefact_reads():
    """Pairs near the longest that is read: spliced, each text alone would be kept, and both together be too long."""
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(60):
        first, second = rng.integers(5, 60, size=rng.choice([20, 60, 110])), rng.integers(5, 60, size=14)
        rows.append(np.array([2, *first, 3, *second, 3], np.int32))
    longest = max(map(len, rows))
    offsets = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    split = EncodedSplit(np.concatenate(rows), np.zeros(offsets[-1], np.int8), offsets, np.arange(60) % 2)
    vectors = rng.normal(size=(60, 8)).astype(np.float32)
    augmenter = Augmenter.for_texts(split.tokens, vectors, {2, 3}, longest, AugmentationSettings())
    made = with_augmented(split, augmenter, 600, seed=0)
    assert made.lengths.max() == longest and len(made) == 660
    ends = [made.tokens[begin:end] for begin, end in zip(made.offsets, made.offsets[1:], strict=False)]
    assert all(row[0] == 2 and (row == 3).sum() == 2 and row[-1] == 3 for row in ends)
