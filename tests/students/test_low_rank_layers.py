"""Matrices of low rank compute the same in torch and in the file, and cost what their factors cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from artifact_references import batch_of, graph_inputs, random_arrays, shape_with
from onnx import TensorProto, helper

from autocompress.artifact.graph import GraphBuilder
from autocompress.artifact.session import Session
from autocompress.networks.weights import Arrays
from autocompress.students import STUDENTS
from autocompress.students.configuration import configuration_digest, configuration_to_json, describe
from autocompress.students.costs import latency_terms, size_terms
from autocompress.students.emit import emit
from autocompress.students.exit_policies import ExitScores
from autocompress.students.linear_forms import LINEAR_FORMS, LinearSettings, form_of
from autocompress.students.linear_forms.low_rank import factors, is_factored, rank_of
from autocompress.students.transformer.compensation import LOW_RANK, RECONSTRUCTION, ROUNDING, Compensation
from autocompress.students.transformer.configuration import (
    ExitConfiguration,
    LayerConfiguration,
    TransformerConfiguration,
)

WIDE = shape_with(hidden_size=64, num_attention_heads=4, intermediate_size=256, embedding_size=64)
QUARTER, HALF = (("rank", 0.25),), (("rank", 0.5),)


def with_rank(share: float, bits: int = 32, sparsity: float = 0.0) -> TransformerConfiguration:
    whole = TransformerConfiguration.uniform(WIDE, bits, sparsity=sparsity)
    return replace(whole, layers=tuple(replace(layer, extra=(("rank", share),)) for layer in whole.layers))


def network_logits(arrays: Arrays, configuration: TransformerConfiguration) -> np.ndarray:
    batch = batch_of()
    network = STUDENTS["transformer"].network(WIDE, arrays)
    inputs = (torch.from_numpy(np.asarray(batch[name])) for name in ("input_ids", "attention_mask"))
    return network.logits(*inputs, configuration=configuration, fake_quantize=True).detach().numpy()


def session_of(arrays: Arrays, configuration: TransformerConfiguration) -> Session:
    return Session(emit(arrays, configuration, WIDE, graph_inputs()).SerializeToString())


@pytest.mark.parametrize("sparsity", [0.0, 0.5])
@pytest.mark.parametrize("share", [0.5, 0.375, 0.25])
def test_the_file_computes_what_the_network_computes(share: float, sparsity: float) -> None:
    configuration = with_rank(share, sparsity=sparsity)
    arrays = random_arrays(configuration, WIDE)
    outputs = session_of(arrays, configuration).run(batch_of())
    np.testing.assert_allclose(outputs, network_logits(arrays, configuration), atol=1e-4)
    whole = replace(configuration, layers=tuple(replace(layer, extra=()) for layer in configuration.layers))
    assert not np.allclose(outputs, session_of(arrays, whole).run(batch_of()), atol=1e-2)


@pytest.mark.parametrize("bits", [8, 4, 2])
def test_the_factors_are_rounded_as_other_weights(bits: int) -> None:
    configuration = with_rank(0.25, bits)
    arrays = random_arrays(configuration, WIDE)
    outputs = session_of(arrays, configuration).run(batch_of())
    # int8 products round the activations too, which the network does not
    distance = np.abs(outputs - network_logits(arrays, configuration)).mean()
    assert distance < 0.05
    assert bits == 8 or distance < 0.5 * np.abs(outputs - network_logits(arrays, with_rank(0.25))).mean()


@pytest.mark.parametrize("bits", [32, 8])
def test_weights_side_by_side_are_those_one_by_one(bits: int) -> None:
    """Factored ones and one that stays whole, with a bias, in one call."""
    rng, settings = np.random.default_rng(0), LinearSettings(bits, extra=QUARTER)
    weights = [rng.normal(size=(rows, 64)).astype(np.float32) for rows in (64, 8, 32)]
    assert [is_factored(weight.shape, settings) for weight in weights] == [True, False, True]
    bias, x = rng.normal(size=104).astype(np.float32), rng.normal(size=(2, 5, 64)).astype(np.float32)
    graph = GraphBuilder()
    graph.nodes.append(
        helper.make_node("Identity", [form_of(settings).emitted(graph, "x", weights, bias, settings)], ["logits"])
    )
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", "sequence", 64])
    output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "sequence", 104])
    found = Session(graph.model([given], output).SerializeToString()).run({"x": x})
    expected = x @ np.concatenate([form_of(settings).approximated(weight, settings) for weight in weights]).T + bias
    np.testing.assert_allclose(found, expected, atol=1e-4 if bits == 32 else 0.05 * np.abs(expected).max())


def test_costs_are_those_of_the_factors() -> None:
    eight = LinearSettings(8, extra=QUARTER)
    form = form_of(eight)
    assert form is LINEAR_FORMS["low_rank"]
    assert form.multiplications(64, 256, eight) == 16 * (64 + 256) == form.stored_bytes(64, 256, eight)
    sparse = replace(eight, sparsity=0.5)
    masked = sum(rows * columns * (1 / 8 + 0.5) for rows, columns in ((64, 16), (16, 256)))
    assert form.stored_bytes(64, 256, sparse) == masked
    for left, right in (factors(np.ones(size, np.float32), eight) for size in ((64, 256), (256, 64), (100, 100))):
        size = (len(left), right.shape[1])
        assert form.multiplications(*size, eight) == left.size + right.size < len(left) * right.shape[1]


@pytest.mark.parametrize("size", [(64, 64), (8, 64), (12, 6), (1, 1)])
def test_a_weight_stays_whole_where_factors_would_be_larger(size: tuple[int, int]) -> None:
    settings = LinearSettings(8, extra=HALF)
    assert rank_of(size, settings) == min(size) and not is_factored(size, settings)
    assert form_of(settings).multiplications(*size, settings) == size[0] * size[1]
    weight = np.random.default_rng(0).normal(size=size).astype(np.float32)
    np.testing.assert_array_equal(
        form_of(settings).approximated(weight, settings),
        form_of(LinearSettings(8)).approximated(weight, LinearSettings(8)),
    )


def test_terms_count_factored_matrices_and_fewer_multiplications() -> None:
    kind = STUDENTS["transformer"]
    names = [*kind.latency_prior, *kind.added_terms()]
    layers = WIDE.num_hidden_layers
    for share, factored in ((1.0, 0), (0.5, 2), (0.375, 6), (0.25, 6)):
        configuration = with_rank(share, 8)
        terms = dict(zip(names, latency_terms(configuration, WIDE, None), strict=True))
        assert terms["low_rank_products"] == layers * factored
        assert terms["int8_products"] == pytest.approx(kind.multiplications(configuration, WIDE) / 1e6)
    counts = [kind.multiplications(with_rank(share, 8), WIDE) for share in (1.0, 0.5, 0.375, 0.25)]
    assert counts == sorted(counts, reverse=True) and len(set(counts)) == 4
    assert (
        size_terms(with_rank(0.25), WIDE)[2] < size_terms(with_rank(0.5), WIDE)[2] < size_terms(with_rank(1.0), WIDE)[2]
    )


def test_requests_that_leave_early_do_not_pay_for_later_layers() -> None:
    early = replace(with_rank(0.25, 8), exit=ExitConfiguration((0,), 0.9))
    names = [*STUDENTS["transformer"].latency_prior, *STUDENTS["transformer"].added_terms()]
    outputs = np.zeros((WIDE.num_hidden_layers, 4, 3), np.float32)
    outputs[0, 0, 0] = 5.0
    confidences = ExitScores(outputs)
    terms = dict(zip(names, latency_terms(early, WIDE, confidences), strict=True))
    assert terms["low_rank_products"] == 6 + 6 * 0.75 * (WIDE.num_hidden_layers - 1)


def test_full_rank_is_not_written() -> None:
    plain = TransformerConfiguration.uniform(WIDE)
    assert configuration_digest(with_rank(0.25, 8)) != configuration_digest(plain)
    assert "rank" not in str(configuration_to_json(plain)) and " r" not in describe(plain)
    assert " r0.25 " in describe(with_rank(0.25, 8))


def grams_of(layer: int, inputs: dict[str, int], seed: int = 3) -> Arrays:
    """Gram matrices of inputs that lie mostly in few directions, about a mean that is not 0."""
    rng, found = np.random.default_rng(seed), {}
    for module, width in inputs.items():
        x = rng.normal(size=(2000, width)) * 10.0 ** -np.linspace(0, 2, width) @ rng.normal(size=(width, width)) + 1.0
        whole = np.concatenate([x, np.ones((2000, 1))], axis=1)
        found[f"layers.{layer}.{module}"] = (whole.T @ whole / 2000).astype(np.float32)
    return found


WIDTHS = {"attention.query": 64, "attention.output": 64, "feed_forward.up": 64, "feed_forward.down": 256}


def one_layer(extra: tuple[tuple[str, float], ...], bits: int = 8) -> TransformerConfiguration:
    return TransformerConfiguration(64, (LayerConfiguration(0, 4, 256, bits, bits, extra=extra),), WIDE.vocab_size)


def lost(weight_error: np.ndarray, bias_error: np.ndarray, gram: np.ndarray) -> float:
    """The sum of squared errors of a layer's outputs on the inputs of which ``gram`` is the Gram matrix."""
    error = np.concatenate([weight_error, bias_error[:, None]], axis=1).astype(np.float64)
    return float(np.einsum("oi,ij,oj->", error, gram.astype(np.float64), error))


@pytest.mark.parametrize("uses", [{LOW_RANK}, {LOW_RANK, RECONSTRUCTION, ROUNDING}])
def test_a_cut_of_the_teacher_loses_less_of_the_inputs_it_has(uses: set[str]) -> None:
    configuration, grams = one_layer(QUARTER, 4), grams_of(0, WIDTHS)
    arrays = random_arrays(configuration, WIDE)
    found = Compensation(grams, frozenset(uses)).cut(arrays, WIDE, configuration)
    settings = LinearSettings(32, extra=QUARTER)
    for module, gram in grams.items():
        weight, bias = arrays[f"{module}.weight"], arrays[f"{module}.bias"]
        rank = rank_of(weight.shape, settings)
        aware = found[f"{module}.weight"]
        assert np.linalg.matrix_rank(aware, tol=1e-4 * np.linalg.norm(aware)) == rank < min(weight.shape)
        # what the file holds before rounding is what the cut made
        np.testing.assert_allclose(form_of(settings).approximated(aware, settings), aware, atol=1e-4)
        plain = form_of(settings).approximated(weight, settings)
        aware_loss = lost(weight - aware, bias - found[f"{module}.bias"], gram)
        assert aware_loss < 0.6 * lost(weight - plain, np.zeros_like(bias), gram)


def test_without_factors_nothing_is_compensated() -> None:
    for extra in ((), HALF):
        configuration = one_layer(extra)
        arrays = random_arrays(configuration, WIDE)
        found = Compensation(grams_of(0, WIDTHS), frozenset({LOW_RANK})).cut(arrays, WIDE, configuration)
        changed = {name for name, array in found.items() if not np.array_equal(array, arrays[name])}
        assert all("feed_forward" in name for name in changed) and bool(changed) == bool(extra)


def test_factored_matrices_are_not_rounded_as_a_whole() -> None:
    configuration = one_layer(QUARTER, 4)
    arrays = random_arrays(configuration, WIDE)
    found = Compensation(grams_of(0, WIDTHS), frozenset({ROUNDING})).cut(arrays, WIDE, configuration)
    assert all(np.array_equal(array, arrays[name]) for name, array in found.items())
