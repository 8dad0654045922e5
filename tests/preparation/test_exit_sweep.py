import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocompress.preparation.exit_sweep import Swept, cheapest, confidences_of, sweep
from autocompress.students.transformer.configuration import ExitConfiguration


def logits_of(answers, sure, classes=2):
    """Logits [layers, n, C] that answer ``answers`` [layers, n] with the probability ``sure`` [layers, n]."""
    answers, sure = np.array(answers), np.array(sure)[..., None]
    chosen = np.arange(classes) == answers[..., None]
    return np.log(np.where(chosen, sure, (1 - sure) / (classes - 1))).astype(np.float32)


def right(labels):
    return lambda outputs: float((outputs.argmax(1) == labels[: len(outputs)]).mean())


def test_a_request_is_as_sure_as_its_least_sure_text():
    outputs = logits_of([[0, 1, 1, 0, 0]], [[0.9, 0.6, 0.7, 0.8, 0.99]])
    assert confidences_of(outputs, 1) == pytest.approx(np.array([[0.9, 0.6, 0.7, 0.8, 0.99]]))
    assert confidences_of(outputs, 2) == pytest.approx(np.array([[0.6, 0.7]]))


def test_a_sweep_by_hand():
    """The first layer is right where it is sure, the second always; the third adds nothing."""
    labels = np.array([0, 1, 0, 1])
    outputs = logits_of([[0, 1, 1, 0], labels, labels], [[0.95, 0.95, 0.6, 0.6], [0.9] * 4, [0.9] * 4])
    found = sweep(outputs, right(labels), (0.5, 0.8))
    assert found == [
        Swept(2, ExitConfiguration((0,), 0.8), 1.0, 1.5),
        Swept(1, None, 0.5, 1.0),
    ]
    assert cheapest(found, [1.0, 0.9, 0.3]) == found
    assert sweep(outputs, right(labels), ()) == [Swept(2, None, 1.0, 2.0), Swept(1, None, 0.5, 1.0)]
    assert cheapest(found, [1.1]) == []


@given(st.integers(0, 10_000), st.integers(1, 3))
def test_every_rule_has_the_quality_of_serving_text_by_text(seed, batch_size):
    rng = np.random.default_rng(seed)
    outputs, labels = rng.normal(size=(4, 13, 3)).astype(np.float32), rng.integers(3, size=13)
    confidences = np.exp(outputs) / np.exp(outputs).sum(2, keepdims=True)
    for each in sweep(outputs, right(labels), (0.4, 0.6, 0.8), batch_size):
        served, passed = [], []
        for begin in range(0, 13 // batch_size * batch_size, batch_size):
            rows = slice(begin, begin + batch_size)
            layer = each.depth - 1
            for place in reversed(each.exit.layers if each.exit else ()):
                if confidences[place, rows].max(1).min() > each.exit.threshold:
                    layer = place
            served.extend(outputs[layer, rows].argmax(1))
            passed.append(layer + 1)
        assert each.quality == pytest.approx(np.mean(served == labels[: len(served)]))
        assert each.mean_layers == pytest.approx(np.mean(passed))


@given(st.integers(0, 10_000))
def test_no_rule_of_a_sweep_is_dominated(seed):
    rng = np.random.default_rng(seed)
    outputs, labels = rng.normal(size=(4, 20, 2)).astype(np.float32), rng.integers(2, size=20)
    found = sweep(outputs, right(labels), (0.5, 0.6, 0.7))
    for one in found:
        for other in found:
            better = other.quality >= one.quality and other.mean_layers <= one.mean_layers
            assert not better or (other.quality, other.mean_layers) == (one.quality, one.mean_layers)
