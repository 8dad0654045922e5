"""Which output is which class: by names, numbers and labelled rows, and what is said of a head that is no good."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from autocompress.distillation.class_order import (
    FEWEST_ROWS,
    MOST_ROWS,
    Scored,
    best_order,
    choose_head,
    right_in_best_order,
    sample,
)
from autocompress.domain.problem import DataSource
from autocompress.networks.checkpoint import open_checkpoint
from autocompress.networks.class_names import match_names
from autocompress.networks.loading import LoadedModel, load_model, output_layer
from autocompress.system.errors import InputError
from autocompress.tasks.encoding import EncodedDataset, EncodedSplit
from autocompress.tasks.loading import load_dataset
from autocompress.tasks.task import Task
from autocompress.tasks.tokenizing import encode


@pytest.mark.parametrize(
    ("outputs", "classes", "basis", "order"),
    [
        (("negative", "positive"), ("negative", "positive"), "names", (0, 1)),
        (("POSITIVE ", "Negative"), ("negative", "positive"), "names", (1, 0)),
        (("not_entailment", "entailment"), ("entailment", "not entailment"), "names", (1, 0)),
        (("LABEL_1", "LABEL_0"), ("LABEL_0", "LABEL_1"), "names", (1, 0)),
        (("LABEL_0", "LABEL_1"), ("0", "1"), "numbers", (0, 1)),
        (("1", "0"), ("LABEL_0", "LABEL_1"), "numbers", (1, 0)),
        (("0", "1", "10", "2"), ("0", "1", "2", "10"), "names", (0, 1, 3, 2)),
        (("negative", "positive"), ("0", "1"), "numbers", (0, 1)),
        (("negative", "positive"), ("-1", "1"), "unnamed", None),
        (("-1", "1"), ("1", "-1"), "names", (1, 0)),
        (("LABEL_0", "LABEL_1", "LABEL_2"), ("1", "2", "3"), "unnamed", None),
        (("LABEL_0", "LABEL_1"), ("negative", "positive"), "unnamed", None),
        (("0", "1"), ("negative", "positive"), "unnamed", None),
        (("negative", None), ("negative", "positive"), "unnamed", None),
        (("same", "same"), ("negative", "positive"), "unnamed", None),
        (("cat", "dog"), ("negative", "positive"), "different", None),
        (("negative", "good"), ("negative", "positive"), "different", None),
    ],
)
def test_names(outputs, classes, basis, order) -> None:
    match = match_names(outputs, classes)
    assert (match.basis, match.order) == (basis, order)


@given(st.permutations(range(6)), st.integers(0, 2**32 - 1))
def test_the_order_that_the_labels_tell_is_found_whatever_it_is(order: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(6), 20)
    wrong = rng.random(120) < 0.3
    outputs = np.where(wrong, rng.integers(0, 6, 120), np.array(order)[labels])
    scored = Scored(outputs, labels, np.full(6, 1 / 6))
    assert best_order(scored.agreement).tolist() == order
    assert right_in_best_order(scored).mean() > 0.55


@given(st.integers(0, 2**32 - 1), st.integers(2, 30))
def test_the_best_of_many_orders_does_not_flatter_answers_by_chance(seed: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), 240 // classes)
    scored = Scored(rng.integers(0, classes, len(labels)), labels, np.full(classes, 1 / classes))
    assert abs(right_in_best_order(scored).mean() - 1 / classes) < 0.17


def test_where_rows_do_not_tell_outputs_keep_their_places() -> None:
    assert best_order(np.zeros((4, 4), np.int64)).tolist() == [0, 1, 2, 3]


def test_accuracy_weighs_classes_by_their_shares() -> None:
    scored = Scored(np.array([0, 0, 1, 0]), np.array([0, 0, 1, 1]), np.array([0.9, 0.1]))
    assert scored.accuracy(scored.right(np.array([0, 1])))[0] == pytest.approx(0.95)


def split_of(labels: list[int], length: int = 4) -> EncodedSplit:
    count = len(labels)
    tokens = np.full(count * length, 7, np.int32)
    return EncodedSplit(tokens, np.zeros(count * length, np.int8), np.arange(count + 1) * length, np.array(labels))


def test_a_sample_has_as_many_rows_of_each_class_as_there_are() -> None:
    split = split_of([0] * 2000 + [1] * 30 + [2])
    counts = np.bincount(split.labels[sample(split, 3, 1000)])
    assert counts.tolist() == [MOST_ROWS - 31, 30, 1]
    assert len(sample(split, 3, 10**12)) == FEWEST_ROWS
    assert len(sample(split, 200, 10**12)) == 800


@pytest.fixture(scope="module")
def data(trained_checkpoint: str, tiny_data: dict[str, str]) -> EncodedDataset:
    return encode(load_dataset(DataSource(**tiny_data)), open_checkpoint(trained_checkpoint).tokenizer, 24)


@pytest.fixture
def loaded(trained_checkpoint: str) -> LoadedModel:
    return load_model(open_checkpoint(trained_checkpoint), 2, ("negative", "positive"))


@pytest.mark.parametrize(("names", "order"), [(["a", "a"], (0, 1)), (["LABEL_0", "LABEL_1"], (0, 1))])
def test_labels_decide_for_outputs_without_names(loaded, data, names, order) -> None:
    assert choose_head(loaded, names, data, 10**6).order == order
    last = output_layer(loaded.model)
    with torch.no_grad():
        last.weight.copy_(last.weight.flip(0).clone())
        last.bias.copy_(last.bias.flip(0).clone())
    assert choose_head(loaded, names, data, 10**6).order == order[::-1]


def test_names_that_the_labels_contradict_are_refused_or_taken_as_asked(loaded, data) -> None:
    with pytest.raises(InputError, match=r"right on 0\.0% so, and on 100\.0% if they mean negative, positive"):
        choose_head(loaded, ["positive", "negative"], data, 10**6)
    choice = choose_head(loaded, ["positive", "negative"], data, 10**6, accept=True)
    assert choice.order == (1, 0) and "as you ask" in choice.notes[-1]


def test_a_head_by_chance_is_refused(loaded, data) -> None:
    torch.manual_seed(1)
    with torch.no_grad():
        for value in output_layer(loaded.model).parameters():
            value.copy_(0.01 * torch.randn_like(value))
        loaded.model.bert.pooler.dense.weight.zero_()
    for names in (["negative", "positive"], ["LABEL_0", "LABEL_1"]):
        with pytest.raises(InputError, match="must do better than always answering"):
            choose_head(loaded, names, data, 10**6)


@pytest.fixture
def numbers(trained_checkpoint: str, data: EncodedDataset) -> tuple[LoadedModel, EncodedDataset]:
    """A regression whose head gives the difference of the trained outputs, and labels -1 and 1."""
    loaded = load_model(open_checkpoint(trained_checkpoint), 2, ("negative", "positive"))
    model = loaded.model
    head = torch.nn.Linear(model.config.hidden_size, 1)
    with torch.no_grad():
        head.weight.copy_(model.classifier.weight[1:] - model.classifier.weight[:1])
        head.bias.zero_()
    model.classifier, model.num_labels, model.config.num_labels = head, 1, 1
    task = Task("regression", ("text",), "label", ())
    split = data.train
    scores = EncodedSplit(split.tokens, split.type_ids, split.offsets, (2.0 * split.labels - 1).astype(np.float32))
    from dataclasses import replace

    return loaded, replace(data, task=task, train=scores)


def test_a_regression_head_must_rise_with_the_labels(numbers) -> None:
    loaded, data = numbers
    choice = choose_head(loaded, ["score"], data, 10**6)
    assert choice.order == (0,) and "is the teacher as it is" in choice.notes[0]
    with torch.no_grad():
        loaded.model.classifier.weight.neg_()
    with pytest.raises(InputError, match="must rise with the labels, but its correlation"):
        choose_head(loaded, ["score"], data, 10**6)
    assert choose_head(loaded, ["score"], data, 10**6, accept=True).order == (0,)
    with torch.no_grad():
        loaded.model.classifier.weight.zero_()
    choice = choose_head(loaded, ["score"], data, 10**6)
    assert choice.order is None and "is dropped" in choice.notes[0]


def test_outputs_that_are_no_numbers_are_an_error(loaded, data) -> None:
    with torch.no_grad():
        loaded.model.bert.embeddings.LayerNorm.weight.fill_(1e38)
    with pytest.raises(InputError, match="outputs must be finite"):
        choose_head(loaded, ["negative", "positive"], data, 10**6)
