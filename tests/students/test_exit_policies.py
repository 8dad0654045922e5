"""What predicts where requests leave scores outputs as the emitted graph does, and as the papers say."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from artifact_references import SHAPE, batch_of, graph_inputs, random_arrays, reference, shape_with
from onnx import TensorProto, helper
from scipy.special import softmax
from scipy.stats import entropy

from autocompress.artifact.graph import GraphBuilder
from autocompress.artifact.session import Session
from autocompress.domain.shape import EncoderShape
from autocompress.students.choice import RandomTrial
from autocompress.students.configuration import (
    configuration_digest,
    configuration_from_json,
    configuration_to_json,
    describe,
)
from autocompress.students.emit import emit
from autocompress.students.exit_policies import EXIT_POLICIES, ExitScores, patience
from autocompress.students.transformer.configuration import ExitConfiguration, TransformerConfiguration
from autocompress.students.transformer.exits import policies_of, reach
from autocompress.system.errors import InputError
from search_spaces import SEARCH_SPACES

POLICIES = pytest.mark.parametrize("policy", list(EXIT_POLICIES))
CLASSES = 4


def outputs_of(heads: int, rows: int, seed: int = 0) -> np.ndarray:
    """Logits [heads, rows, CLASSES] that repeat an answer now and then; one row has equal logits."""
    outputs = np.random.default_rng(seed).normal(0, 2, (heads, rows, CLASSES))
    outputs[:, :, 0] += 1.5
    outputs[:, 0] = 0.0
    return outputs.astype(np.float32)


@POLICIES
@pytest.mark.parametrize("heads", [1, 2, 4])
def test_the_graph_scores_rows_as_the_arrays_are_scored(policy: str, heads: int) -> None:
    logits, graph = outputs_of(heads, 60), GraphBuilder()
    names = [f"head_{place}" for place in range(heads)]
    scores = EXIT_POLICIES[policy].emitted(graph, names, CLASSES)
    graph.nodes.append(helper.make_node("Identity", [scores], ["logits"]))
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", CLASSES]) for name in names]
    model = graph.model(given, helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch"]))
    found = Session(model.SerializeToString()).run(dict(zip(names, logits, strict=True)))
    assert found == pytest.approx(EXIT_POLICIES[policy].scores(logits), rel=1e-5, abs=1e-6)


@POLICIES
def test_further_axes_are_rows(policy: str) -> None:
    outputs = outputs_of(3, 12)
    scores = EXIT_POLICIES[policy].scores(outputs)
    assert scores.shape == (12,) and scores.dtype == np.float32
    split = EXIT_POLICIES[policy].scores(outputs.reshape(3, 4, 3, CLASSES))
    np.testing.assert_array_equal(split, scores.reshape(4, 3))


def test_confidence_is_the_largest_softmax_probability() -> None:
    outputs = outputs_of(2, 30)
    assert EXIT_POLICIES["confidence"].scores(outputs) == pytest.approx(softmax(outputs[-1], axis=-1).max(-1), rel=1e-5)


def test_entropy_is_that_of_the_probabilities_turned_round() -> None:
    outputs = outputs_of(2, 30)
    expected = 1 - entropy(softmax(outputs[-1], axis=-1), base=CLASSES, axis=-1)
    assert EXIT_POLICIES["entropy"].scores(outputs) == pytest.approx(expected, abs=1e-6)
    certain = np.array([[[200.0, -200.0, 0.0], [1.0, 1.0, 1.0]]], np.float32)
    assert EXIT_POLICIES["entropy"].scores(certain) == pytest.approx([1.0, 0.0], abs=1e-6)


def test_entropy_and_confidence_order_two_classes_alike() -> None:
    outputs = np.random.default_rng(0).normal(0, 2, (1, 50, 2)).astype(np.float32)
    orders = [np.argsort(EXIT_POLICIES[policy].scores(outputs)) for policy in ("confidence", "entropy")]
    np.testing.assert_array_equal(*orders)


@pytest.mark.parametrize("seed", range(5))
def test_patience_leaves_where_the_paper_does(seed: int) -> None:
    """The reference counts as algorithm 1 of PABEE does: up while the answer stays, to 0 where it changes."""
    outputs = outputs_of(6, 40, seed)
    for row in range(40):
        for wanted in (1, 2, 3):
            answers, counter, left = outputs[:, row].argmax(-1), 0, None
            for place in range(1, 6):
                counter = counter + 1 if answers[place] == answers[place - 1] else 0
                if counter == wanted:
                    left = place
                    break
            scores = [EXIT_POLICIES["patience"].scores(outputs[: place + 1, row]) for place in range(6)]
            above = [place for place, score in enumerate(scores) if score > wanted]
            assert (above[0] if above else None) == left
            assert left is None or left + 1 >= patience.heads_needed(wanted)


@pytest.mark.parametrize("seed", range(5))
def test_agreement_leaves_where_the_paper_does_with_a_patience_of_one(seed: int) -> None:
    """PABEE for regressions: the counter goes up where two outputs in a row differ by less than the tolerance."""
    outputs = np.random.default_rng(seed).normal(0, 0.3, (6, 40, 1)).astype(np.float32)
    for row in range(40):
        for tolerance in (0.05, 0.2, 0.5):
            pairs = zip(outputs[:-1, row, 0], outputs[1:, row, 0], strict=True)
            left = next((place + 1 for place, (one, other) in enumerate(pairs) if abs(other - one) < tolerance), None)
            scores = [EXIT_POLICIES["agreement"].scores(outputs[: place + 1, row]) for place in range(6)]
            above = next((place for place, score in enumerate(scores) if score > 1 - tolerance), None)
            assert above == left and (left is None or left + 1 >= EXIT_POLICIES["agreement"].heads_needed(0.5))


REGRESSION = shape_with(num_outputs=1, output_scale=12.5)


@pytest.mark.parametrize("rows", [1, 2])
def test_a_regression_answers_from_the_head_that_agrees_with_the_one_before(rows: int) -> None:
    exit_ = ExitConfiguration((0, 1, 2), 0.74, "agreement")
    configuration = TransformerConfiguration.uniform(SHAPE, 32, exit=exit_)
    arrays, places = random_arrays(configuration, REGRESSION), set()
    for index in range(4):
        arrays[f"heads.{index}.out.weight"] *= 3.0
    session = Session(emit(arrays, configuration, REGRESSION, graph_inputs()).SerializeToString())
    for seed in range(40):
        batch = batch_of((9, 5)[:rows], seed)
        heads = reference(arrays, configuration, batch, shape=REGRESSION)
        outputs = np.stack([heads[index] for index in range(4)]).astype(np.float32)
        apart = np.abs(np.diff(outputs[..., 0], axis=0)).max(1)
        place = next((exit_ + 1 for exit_ in (0, 1) if apart[exit_] < 0.26 * 12.5), 3)
        assert int(reach(configuration, ExitScores(outputs, rows, 12.5)).sum()) - 1 == place
        places.add(place)
        np.testing.assert_allclose(session.run(batch), heads[place], atol=1e-3)
    assert {1, 3} <= places


def test_a_space_of_a_regression_has_exits_by_agreement_alone() -> None:
    space, found = SEARCH_SPACES["exits"](REGRESSION), set()
    rng = np.random.default_rng(0)
    for _ in range(60):
        configuration = space.sample(rng)
        assert isinstance(configuration, TransformerConfiguration)
        assert space.suggest(RandomTrial(None, space.parameters(configuration))) == configuration
        found.add(configuration.exit and (configuration.exit.policy, len(configuration.exit.layers)))
    assert found == {None, ("agreement", 2), ("agreement", 3)}
    joint = SEARCH_SPACES["joint"](REGRESSION)
    assert [one for one in joint.initial_designs() if getattr(one, "exit", None)] == []
    assert joint.initial_designs() == SEARCH_SPACES["joint"](REGRESSION, exits=False).initial_designs()


def test_examples() -> None:
    assert doctest.testmod(patience).failed == 0


@POLICIES
@pytest.mark.parametrize("batch_size", [1, 3])
def test_scores_are_those_of_the_least_certain_text_after_the_exits_so_far(policy: str, batch_size: int) -> None:
    outputs, record = outputs_of(5, 20), EXIT_POLICIES[policy]
    scores, layers = ExitScores(outputs, batch_size), (0, 2, 3)
    assert scores.requests == 20 // batch_size
    for _ in range(2):
        found = scores.at(record, layers)
        assert found.shape == (3, scores.requests)
        for place in range(3):
            each = record.scores(outputs[list(layers[: place + 1])])[: scores.requests * batch_size]
            np.testing.assert_array_equal(found[place], each.reshape(-1, batch_size).min(1))
    alone = record.scores(outputs[3:4])[: scores.requests * batch_size].reshape(-1, batch_size).min(1)
    assert np.array_equal(scores.at(record, (3,))[0], alone)
    assert record.reads_earlier or np.array_equal(alone, found[2])


EXITS = {
    "confidence": ExitConfiguration((0, 1, 2), 0.6),
    "entropy": ExitConfiguration((0, 1, 2), 0.3, "entropy"),
    "patience": ExitConfiguration((0, 1, 2), 1.0, "patience"),
    "more patience": ExitConfiguration((0, 1, 2), 2.0, "patience"),
}
AGREEING = ExitConfiguration((0, 1), 0.9, "agreement")


@pytest.mark.parametrize("name", EXITS)
@pytest.mark.parametrize("rows", [1, 2])
def test_a_file_answers_from_the_head_that_the_scores_predict(name: str, rows: int) -> None:
    exit_ = EXITS[name]
    configuration = TransformerConfiguration.uniform(SHAPE, 32, exit=exit_)
    arrays, places = random_arrays(configuration), set()
    for index in (0, 1, 2, 3):
        # heads that mostly agree, so that patience has something to count
        arrays[f"heads.{index}.out.bias"] += np.array([0.6, 0.0, -0.3], np.float32)
    session = Session(emit(arrays, configuration, SHAPE, graph_inputs()).SerializeToString())
    for seed in range(40):
        batch = batch_of((9, 5)[:rows], seed)
        heads = reference(arrays, configuration, batch)
        outputs = np.stack([heads[index] for index in range(4)]).astype(np.float32)
        shares = reach(configuration, ExitScores(outputs, rows))
        place = int(shares.sum()) - 1
        places.add(place)
        np.testing.assert_allclose(session.run(batch), heads[place], atol=1e-4)
    assert len(places) >= 2 and min(places) >= EXIT_POLICIES[exit_.policy].heads_needed(exit_.threshold) - 1


def test_there_is_no_branch_where_nothing_can_leave_yet() -> None:
    for name, branches in {"confidence": 3, "patience": 2, "more patience": 1}.items():
        configuration = TransformerConfiguration.uniform(SHAPE, 32, exit=EXITS[name])
        model = emit(random_arrays(configuration), configuration, SHAPE, graph_inputs())
        found, graph = 0, model.graph
        while graph is not None:
            ifs = [node for node in graph.node if node.op_type == "If"]
            found += len(ifs)
            graph = next((a.g for node in ifs for a in node.attribute if a.name == "else_branch"), None)
        assert found == branches


def test_policies_suit_classes_and_layers() -> None:
    assert policies_of(shape_with(num_outputs=3)) == ("confidence", "entropy", "patience")
    assert policies_of(shape_with(num_outputs=2)) == ("confidence", "patience")
    assert policies_of(shape_with(num_outputs=3, num_hidden_layers=2)) == ("confidence", "entropy")
    assert policies_of(shape_with(num_outputs=1)) == ("agreement",)
    assert policies_of(shape_with(num_outputs=1, num_hidden_layers=2)) == ()


def with_exit(exit_: ExitConfiguration | None) -> TransformerConfiguration:
    return TransformerConfiguration.uniform(SHAPE, exit=exit_)


def test_a_policy_has_a_label_and_stands_in_json_unless_it_is_confidence() -> None:
    labels = {"confidence": "exit>0.60", "entropy": "exit-entropy>0.30", "patience": "exit-patience=1"}
    for name, label in (labels | {"agreement": "exit-agreement>0.90"}).items():
        configuration = with_exit(AGREEING if name == "agreement" else EXITS[name])
        assert describe(configuration).endswith(label)
        fields = configuration_to_json(configuration)
        assert fields["exit"].get("policy", "confidence") == name and ("policy" in fields["exit"]) == (
            name != "confidence"
        )
        assert configuration_from_json(fields) == configuration
    assert len({configuration_digest(with_exit(one)) for one in (None, *EXITS.values())}) == 5


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("policy must be one of confidence, entropy, patience, agreement, but got 'hope'", ((0, 1), 0.5, "hope")),
        ("0 < exit threshold < 1 must hold by entropy, but got 1.0", ((0, 1), 1.0, "entropy")),
        ("0 < exit threshold < 1 must hold by agreement, but got 1.2", ((0, 1), 1.2, "agreement")),
        ("a threshold of 0.9 by agreement needs 2 exit layers", ((0,), 0.9, "agreement")),
        ("0 < exit threshold < inf must hold by patience, but got 0.0", ((0, 1), 0.0, "patience")),
        ("a threshold of 2 by patience needs 3 exit layers", ((0, 1), 2.0, "patience")),
    ],
)
def test_exits_that_cannot_be_are_refused(message: str, arguments: tuple[tuple[int, ...], float, str]) -> None:
    with pytest.raises(InputError, match=message):
        ExitConfiguration(*arguments)


def test_parameters_of_each_policy() -> None:
    space = SEARCH_SPACES["exits"](SHAPE)
    known = {"exit_layer_0": True, "exit_layer_1": True, "exit_layer_2": False}
    expected = {
        None: {"exit": "off"},
        ExitConfiguration((0, 1), 0.9): {"exit": "confidence", "exit_threshold": 0.9, **known},
        ExitConfiguration((0, 1), 0.9, "entropy"): {"exit": "entropy", "exit_certainty": 0.9, **known},
        ExitConfiguration((0, 1), 1.0, "patience"): {"exit": "patience", "exit_patience": 1.0, **known},
    }
    for exit_, parameters in expected.items():
        assert space.parameters(with_exit(exit_)) == parameters
        assert space.suggest(RandomTrial(None, parameters)) == with_exit(exit_)
    with pytest.raises(InputError, match=r"exit_certainty must be 0.1 to 0.98 in steps of 0.04 .* but got 0.91"):
        space.parameters(with_exit(ExitConfiguration((0, 1), 0.91, "entropy")))


def test_a_trial_with_too_few_exits_for_its_patience_has_the_first() -> None:
    few = {"exit": "patience", "exit_layer_0": False, "exit_layer_1": False, "exit_layer_2": True}

    def exit_of(shape: EncoderShape, wanted: float) -> ExitConfiguration | None:
        found = SEARCH_SPACES["exits"](shape).suggest(RandomTrial(None, {**few, "exit_patience": wanted}))
        assert isinstance(found, TransformerConfiguration)
        return found.exit

    assert exit_of(SHAPE, 1.0) == ExitConfiguration((0, 1), 1.0, "patience")
    assert exit_of(SHAPE, 2.0) == ExitConfiguration((0, 1, 2), 2.0, "patience")
    assert exit_of(SHAPE, 3.0) == ExitConfiguration((0, 1, 2), 2.0, "patience")
    assert exit_of(shape_with(num_hidden_layers=3), 3.0) == ExitConfiguration((0, 1), 1.0, "patience")


def test_exits_by_patience_are_none_where_too_few_layers_are_kept() -> None:
    trial = RandomTrial(np.random.default_rng(0), {"student": "transformer", "exit": "patience", "layer_3": True})
    space = SEARCH_SPACES["joint"](SHAPE)
    found = [space.suggest(trial) for _ in range(40)]
    exits = {len(one.layers): one.exit for one in found if isinstance(one, TransformerConfiguration)}
    assert exits[2] is None and exits[3] is not None and exits[4] is not None
