import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import entropy

from autocompress.domain.shape import EncoderShape
from autocompress.preparation.exit_sweep import Swept, cheapest, sweep
from autocompress.students.exit_policies import EXIT_POLICIES, ExitScores
from autocompress.students.transformer.configuration import ExitConfiguration, TransformerConfiguration
from autocompress.students.transformer.exits import reach

SHAPE = EncoderShape(3, 24, 4, 40, 60, 20, 2, 2, 24)


def logits_of(answers, sure, classes=2):
    """Logits [layers, n, C] that answer ``answers`` [layers, n] with the probability ``sure`` [layers, n]."""
    answers, sure = np.array(answers), np.array(sure)[..., None]
    chosen = np.arange(classes) == answers[..., None]
    return np.log(np.where(chosen, sure, (1 - sure) / (classes - 1))).astype(np.float32)


def right(labels):
    return lambda outputs: float((outputs.argmax(1) == labels[: len(outputs)]).mean())


def test_a_request_is_as_sure_as_its_least_sure_text():
    outputs = logits_of([[0, 1, 1, 0, 0]], [[0.9, 0.6, 0.7, 0.8, 0.99]])
    confidence = EXIT_POLICIES["confidence"]
    assert ExitScores(outputs).at(confidence, (0,)) == pytest.approx(np.array([[0.9, 0.6, 0.7, 0.8, 0.99]]))
    assert ExitScores(outputs, 2).at(confidence, (0,)) == pytest.approx(np.array([[0.6, 0.7]]))


def test_a_sweep_by_hand():
    """The first layer is right where it is sure, the second always; the third adds nothing."""
    labels = np.array([0, 1, 0, 1])
    outputs = logits_of([[0, 1, 1, 0], labels, labels], [[0.95, 0.95, 0.6, 0.6], [0.9] * 4, [0.9] * 4])
    found = sweep(outputs, right(labels), {"confidence": (0.5, 0.8)})
    assert found == [
        Swept(2, ExitConfiguration((0,), 0.8), 1.0, 1.5),
        Swept(1, None, 0.5, 1.0),
    ]
    assert cheapest(found, [1.0, 0.9, 0.3]) == found
    assert sweep(outputs, right(labels), {}) == [Swept(2, None, 1.0, 2.0), Swept(1, None, 0.5, 1.0)]
    assert cheapest(found, [1.1]) == []


def sure(policy, seen):
    """Plain scores of one text from the logits [heads, C] of the exits that it has passed."""
    probabilities = softmax(seen[-1])
    if policy == "confidence":
        return probabilities.max()
    if policy == "entropy":
        return 1 - entropy(probabilities, base=len(probabilities))
    repeated, answers = 0, seen.argmax(1).tolist()
    while repeated + 1 < len(answers) and answers[-2 - repeated] == answers[-1]:
        repeated += 1
    return repeated + 0.5


@given(st.integers(0, 10_000), st.integers(1, 3))
def test_every_rule_has_the_quality_of_serving_text_by_text(seed, batch_size):
    rng = np.random.default_rng(seed)
    outputs, labels = rng.normal(size=(4, 13, 3)).astype(np.float32), rng.integers(3, size=13)
    thresholds = {"confidence": (0.4, 0.6, 0.8), "entropy": (0.1, 0.3), "patience": (1.0, 2.0)}
    for each in sweep(outputs, right(labels), thresholds, batch_size):
        served, passed = [], []
        for begin in range(0, 13 // batch_size * batch_size, batch_size):
            rows = range(begin, begin + batch_size)
            layer = each.depth - 1
            for place in reversed(range(len(each.exit.layers) if each.exit else 0)):
                seen = outputs[list(each.exit.layers[: place + 1])]
                if min(sure(each.exit.policy, seen[:, row]) for row in rows) > each.exit.threshold:
                    layer = each.exit.layers[place]
            served.extend(outputs[layer, list(rows)].argmax(1))
            passed.append(layer + 1)
        assert each.quality == pytest.approx(np.mean(served == labels[: len(served)]))
        assert each.mean_layers == pytest.approx(np.mean(passed))


def test_patience_by_hand():
    """One repetition suffices for the first two texts; the others change their answer at the second exit."""
    labels = np.array([0, 1, 0, 1])
    outputs = logits_of([[0, 1, 1, 0], labels, labels], np.full((3, 4), 0.6))
    found = sweep(outputs, right(labels), {"patience": (1.0, 2.0)})
    assert found[0] == Swept(2, None, 1.0, 2.0)
    scores = ExitScores(outputs).at(EXIT_POLICIES["patience"], (0, 1))
    assert scores.tolist() == [[0.5] * 4, [1.5, 1.5, 0.5, 0.5]]
    configuration = TransformerConfiguration.uniform(SHAPE, exit=ExitConfiguration((0, 1), 1.0, "patience"))
    assert reach(configuration, ExitScores(outputs)).tolist() == [1.0, 1.0, 0.5]
    assert reach(configuration, ExitScores(outputs, 2)).tolist() == [1.0, 1.0, 0.5]
    crossed = ExitScores(outputs[:, [0, 2, 1, 3]], 2)
    assert reach(configuration, crossed).tolist() == [1.0, 1.0, 1.0]


@given(st.integers(0, 10_000), st.integers(1, 3))
def test_scores_leave_where_the_second_exit_agrees_with_the_first(seed, batch_size):
    rng = np.random.default_rng(seed)
    outputs, labels = rng.normal(0, 20, size=(4, 13, 1)).astype(np.float32), rng.normal(size=13)

    def near(found):
        return float(-np.square(found[:, 0] - labels[: len(found)]).mean())

    for each in sweep(outputs, near, {"agreement": (0.5, 0.9)}, batch_size, scale=20.0):
        served, passed = [], []
        for begin in range(0, 13 // batch_size * batch_size, batch_size):
            rows, layer = range(begin, begin + batch_size), each.depth - 1
            if each.exit:
                first, second = each.exit.layers
                tolerance = 20 * (1 - each.exit.threshold)
                apart = [abs(float(outputs[second, row, 0]) - float(outputs[first, row, 0])) for row in rows]
                layer = second if max(apart) < tolerance else layer
            served.extend(outputs[layer, list(rows)])
            passed.append(layer + 1)
        assert each.quality == pytest.approx(near(np.array(served)))
        assert each.mean_layers == pytest.approx(np.mean(passed))


@given(st.integers(0, 10_000))
def test_no_rule_of_a_sweep_is_dominated(seed):
    rng = np.random.default_rng(seed)
    outputs, labels = rng.normal(size=(4, 20, 2)).astype(np.float32), rng.integers(2, size=20)
    found = sweep(outputs, right(labels), {"confidence": (0.5, 0.6, 0.7), "patience": (1.0,)})
    for one in found:
        for other in found:
            better = other.quality >= one.quality and other.mean_layers <= one.mean_layers
            assert not better or (other.quality, other.mean_layers) == (one.quality, one.mean_layers)
