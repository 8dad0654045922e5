"""Layers that share weights compute with those of the lowest, which are trained, cut, counted and stored once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from artifact_references import SHAPE, batch_of, configuration_of, graph_inputs, last_logits, random_arrays

from autocompress.artifact.session import Session
from autocompress.students import STUDENTS
from autocompress.students.choice import RandomTrial
from autocompress.students.configuration import (
    configuration_digest,
    configuration_from_json,
    configuration_to_json,
    describe,
)
from autocompress.students.costs import latency_terms, size_terms
from autocompress.students.cutting import cut
from autocompress.students.emit import emit
from autocompress.students.transformer.configuration import ExitConfiguration, TransformerConfiguration
from autocompress.students.transformer.sharing import SHARING, weight_owners
from autocompress.system.errors import InputError

KIND = STUDENTS["transformer"]
ASPECTS = frozenset({"architecture", "precision", "sparsity", "exits"})
OWNERS = {1: {0: 0, 1: 1, 3: 3}, 2: {0: 0, 1: 0, 3: 3}, 3: {0: 0, 1: 0, 3: 0}, 4: {0: 0, 1: 0, 3: 0}}
group_sizes = pytest.mark.parametrize("size", [2, 3, 4])


def sharing(size: int, bits: int = 32, sparsity: float = 0.0) -> TransformerConfiguration:
    plain = configuration_of("transformer", bits, sparsity=sparsity)
    return replace(plain, extra=(("sharing", size),) if size > 1 else ())


def tied(arrays: dict[str, Any], size: int) -> dict[str, Any]:
    """The weights with those of each layer's owner in the layer's place."""
    found = dict(arrays)
    for index, owner in OWNERS[size].items():
        own = {name: array for name, array in arrays.items() if name.startswith(f"layers.{owner}.")}
        found |= {name.replace(f"layers.{owner}.", f"layers.{index}."): array for name, array in own.items()}
    return found


def by_torch(arrays: Any, configuration: Any, batch: Any, pair: bool = False) -> Any:
    names = ("input_ids", "attention_mask", *(("token_type_ids",) if pair else ()))
    given = [torch.from_numpy(batch[name]) for name in names]
    with torch.inference_mode():
        return KIND.network(SHAPE, arrays).logits(*given, configuration=configuration).numpy()


def by_onnx(arrays: Any, configuration: Any, batch: Any, pair: bool = False) -> Any:
    model = emit(cut(arrays, SHAPE, configuration), configuration, SHAPE, graph_inputs(pair))
    return Session(model.SerializeToString()).run(batch)


@pytest.mark.parametrize("run", [by_torch, by_onnx])
@pytest.mark.parametrize("pair", [False, True])
@group_sizes
def test_it_computes_what_layers_with_equal_weights_do(run: Any, pair: bool, size: int) -> None:
    arrays, plain = random_arrays(sharing(1)), sharing(1)
    for lengths in ((17, 3, 9), (1,), (24,)):
        batch = batch_of(lengths)
        expected = last_logits(tied(arrays, size), plain, batch, shape=SHAPE, pair=pair)
        np.testing.assert_allclose(run(arrays, sharing(size), batch, pair), expected, atol=1e-4)


@group_sizes
@pytest.mark.parametrize("bits", [8, 4, 2])
def test_the_file_computes_the_same_as_one_that_stores_each_copy(size: int, bits: int) -> None:
    arrays = random_arrays(sharing(1))
    for sparsity in (0.0, 0.6):
        shared = by_onnx(arrays, sharing(size, bits, sparsity), batch_of())
        apart = by_onnx(tied(arrays, size), sharing(1, bits, sparsity), batch_of())
        np.testing.assert_array_equal(shared, apart)


@group_sizes
def test_only_the_lowest_layer_of_a_group_is_cut(size: int) -> None:
    arrays, configuration = random_arrays(sharing(1)), sharing(size)
    assert weight_owners(configuration) == OWNERS[size]
    small = cut(arrays, SHAPE, configuration)
    assert {int(name.split(".")[1]) for name in small if name.startswith("layers.")} == set(OWNERS[size].values())
    assert {name.split(".")[1] for name in small if name.startswith("heads.")} == {"3"}
    batch = batch_of()
    np.testing.assert_allclose(by_torch(small, configuration, batch), by_torch(arrays, configuration, batch), atol=1e-6)
    twice = cut(small, SHAPE, configuration)
    assert twice.keys() == small.keys() and all(np.array_equal(twice[name], small[name]) for name in small)


@group_sizes
@pytest.mark.parametrize("bits", [32, 8, 4, 2])
@pytest.mark.parametrize("sparsity", [0.0, 0.6])
def test_shared_weights_are_stored_once(size: int, bits: int, sparsity: float) -> None:
    arrays = random_arrays(sharing(1))
    models = {
        groups: emit(cut(arrays, SHAPE, configuration), configuration, SHAPE, graph_inputs())
        for groups in (1, size)
        for configuration in (sharing(groups, bits, sparsity),)
    }
    onnx.checker.check_model(models[size])
    contents = [tensor.raw_data for tensor in models[size].graph.initializer if len(tensor.raw_data) > 256]
    assert len(set(contents)) == len(contents)
    stored = {groups: sum(len(t.raw_data) for t in model.graph.initializer) for groups, model in models.items()}
    terms = {groups: size_terms(sharing(groups, bits, sparsity), SHAPE)[2] * 1e6 for groups in (1, size)}
    # Beside the matrices a layer has biases, the gains and biases of two norms, and a scale for each row, in float32.
    rows = 3 * 48 + 56 + 72 + 56
    floats = 4 * (rows + 4 * 56 + rows * (bits < 32)) * (3 - len(set(OWNERS[size].values())))
    assert stored[1] - stored[size] == pytest.approx(
        terms[1] - terms[size] + floats, rel=0.01 if not sparsity else 0.07
    )


def test_exits_stand_between_layers_that_share_weights() -> None:
    arrays, batch = random_arrays(sharing(1)), batch_of()
    for threshold, end in ((0.001, 0), (0.999999, 3)):
        configuration = replace(sharing(3), exit=ExitConfiguration((0, 1), threshold))
        kept = tuple(layer for layer in sharing(1).layers if layer.index <= end)
        expected = last_logits(tied(arrays, 3), replace(sharing(1), layers=kept), batch, shape=SHAPE)
        np.testing.assert_allclose(by_onnx(arrays, configuration, batch), expected, atol=1e-4)


def test_a_group_has_one_parameter_with_the_gradients_of_all_its_layers() -> None:
    arrays, batch = random_arrays(sharing(1)), {n: torch.from_numpy(a) for n, a in batch_of().items()}
    shared, apart = KIND.network(SHAPE, arrays), KIND.network(SHAPE, tied(arrays, 2))
    for network, configuration in ((shared, sharing(2, 8)), (apart, sharing(1, 8))):
        network.logits(**batch, configuration=configuration, fake_quantize=True).square().sum().backward()
    for part in ("attention.query.weight", "feed_forward.down.bias", "attention.norm.weight"):
        copies = [apart.weights[f"layers.{index}.{part}"].grad for index in (0, 1)]
        torch.testing.assert_close(shared.weights[f"layers.0.{part}"].grad, copies[0] + copies[1])
        assert shared.weights[f"layers.1.{part}"].grad is None


def test_costs_count_the_bytes_of_a_group_once_and_the_time_of_every_layer() -> None:
    layer = 4 * 48 * 56 + 2 * 72 * 56
    for size, groups in ((1, 3), (2, 2), (3, 1)):
        configuration = sharing(size, 8)
        assert size_terms(configuration, SHAPE)[2] * 1e6 == groups * layer + SHAPE.max_positions * 56
        np.testing.assert_array_equal(
            latency_terms(configuration, SHAPE, None), latency_terms(sharing(1, 8), SHAPE, None)
        )
        assert KIND.multiplications(configuration, SHAPE) == 3 * layer
        assert SHARING.numbers(configuration, SHAPE, None) == [1 - groups / 3]
        assert SHARING.is_near_teacher(configuration, SHAPE) is (size == 1)
        assert SHARING.keeps_teacher_layers(configuration, SHAPE) is (size == 1)


def test_layers_of_a_group_differ_only_in_the_tokens_they_keep() -> None:
    first, second, third = sharing(1).layers
    fewer = replace(second, extra=(("keep_tokens", 0.5),))
    assert replace(sharing(2), layers=(first, fewer, third)).layers[1] == fewer
    replace(sharing(2), layers=(first, second, replace(third, intermediate_size=8)))
    for other in (replace(second, intermediate_size=8), replace(second, extra=(("rank", 0.5),))):
        with pytest.raises(InputError, match="layers 0 and 1 differ"):
            replace(sharing(2), layers=(first, other, third))


@pytest.mark.parametrize("size", [0, -1, 1.5, True, "all"])
def test_a_group_size_is_a_whole_number(size: Any) -> None:
    with pytest.raises(InputError, match="whole number from 1"):
        replace(sharing(1), extra=(("sharing", size),))


def test_the_neutral_value_changes_no_digest_and_others_are_described() -> None:
    plain = configuration_of("transformer")
    written = configuration_to_json(plain)
    named = configuration_from_json({**written, "sharing": 1})
    assert named == plain and configuration_digest(named) == configuration_digest(plain)
    again = configuration_from_json(configuration_to_json(sharing(2)))
    assert again == sharing(2) and configuration_digest(again) != configuration_digest(sharing(1))
    assert describe(sharing(2, 8)) == describe(plain).replace("L3 ", "L3 g2 ")


def test_a_trial_has_the_sizes_of_a_group_once() -> None:
    space, rng = KIND.space(SHAPE, ASPECTS), np.random.default_rng(0)
    seen = set()
    for _ in range(60):
        configuration = space.suggest(RandomTrial(rng))
        parameters = space.parameters(configuration)
        assert space.suggest(RandomTrial(np.random.default_rng(1), parameters)) == configuration
        assert isinstance(configuration, TransformerConfiguration)
        for index, owner in weight_owners(configuration).items():
            assert (f"layer_{index}_heads" in parameters) is (index == owner)
            assert f"layer_{index}_keep_tokens" in parameters
        seen.add((parameters.get("sharing"), len(configuration.layers) > 1))
    assert seen == {(1, True), (2, True), (3, True), (4, True), (None, False)}


def test_the_smallest_model_has_one_layer_and_nothing_to_share() -> None:
    smallest = KIND.space(SHAPE, ASPECTS).smallest()
    assert isinstance(smallest, TransformerConfiguration)
    assert len(smallest.layers) == 1 and smallest.extra == ()
