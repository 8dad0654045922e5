from dataclasses import replace

import numpy as np
import onnx
import pytest
from artifact_references import (
    MAX_LENGTH,
    SHAPE,
    batch_of,
    configuration_of,
    graph_inputs,
    last_logits,
    random_arrays,
    reference,
    shape_with,
)

from autocompress.artifact.session import Session
from autocompress.students.emit import emit
from autocompress.students.transformer.configuration import ExitConfiguration, TransformerConfiguration
from autocompress.system.errors import InputError, MeasurementError


def session_of(configuration, shape=SHAPE, pair=False):
    return Session(
        emit(random_arrays(configuration, shape), configuration, shape, graph_inputs(pair)).SerializeToString()
    )


def check(configuration, shape=SHAPE, pair=False):
    batch = batch_of()
    expected = last_logits(random_arrays(configuration, shape), configuration, batch, shape=shape, pair=pair)
    np.testing.assert_allclose(session_of(configuration, shape, pair).run(batch), expected, atol=1e-4)


@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "relu"])
def test_hidden_activations(activation):
    check(configuration_of("transformer", 32), shape_with(hidden_activation=activation))


@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "relu", "tanh"])
def test_head_on_the_first_token(activation):
    check(configuration_of("transformer", 32), shape_with(head_pooling="first", head_activation=activation))


def test_an_unknown_activation_is_refused():
    with pytest.raises(InputError, match=r"activation must be gelu, .* but got 'swish'"):
        session_of(configuration_of("transformer"), shape_with(hidden_activation="swish"))


def test_pairs_read_token_types():
    configuration = configuration_of("transformer", 32)
    assert session_of(configuration, pair=True).input_names == ("input_ids", "attention_mask", "token_type_ids")
    check(configuration, pair=True)


def test_pairs_without_two_types_have_no_such_input():
    configuration, shape = configuration_of("transformer", 32), shape_with(type_vocab_size=1)
    assert session_of(configuration, shape, pair=True).input_names == ("input_ids", "attention_mask")
    check(configuration, shape)


def test_embeddings_of_their_own_width_are_projected():
    check(configuration_of("transformer", 32), shape_with(embedding_size=24))


def test_layers_may_differ_in_heads_width_bits_and_sparsity():
    uniform = configuration_of("transformer", 32)
    first, second, third = uniform.layers
    layers = (
        first,
        type(first)(second.index, num_attention_heads=1, intermediate_size=24, attention_bits=32, feed_forward_bits=32),
        type(first)(third.index, num_attention_heads=4, intermediate_size=96, attention_bits=32, feed_forward_bits=32),
    )
    check(TransformerConfiguration(uniform.hidden_size, layers, uniform.vocabulary_size, 32))


def test_no_more_positions_are_stored_than_texts_have_tokens():
    model = emit(
        random_arrays(configuration_of("transformer", 32)), configuration_of("transformer", 32), SHAPE, graph_inputs()
    )
    tables = [tuple(tensor.dims) for tensor in model.graph.initializer if len(tensor.dims) == 2]
    assert (MAX_LENGTH, 56) in tables
    longest = batch_of((MAX_LENGTH,))
    session = Session(model.SerializeToString())
    assert session.run(longest).shape == (1, SHAPE.num_outputs)
    with pytest.raises(MeasurementError):
        session.run(batch_of((MAX_LENGTH + 1,)))


RELATIVE = shape_with(relative_attention_num_buckets=32)


@pytest.mark.parametrize("pooling", ["mean", "first"])
@pytest.mark.parametrize("lengths", [(17, 3, 9), (MAX_LENGTH, 1), (1,)])
def test_a_bias_by_relative_position(lengths, pooling):
    configuration, shape = configuration_of("transformer", 32), replace(RELATIVE, head_pooling=pooling)
    arrays, batch = random_arrays(configuration, shape), batch_of(lengths)
    expected = last_logits(arrays, configuration, batch, shape=shape)
    np.testing.assert_allclose(session_of(configuration, shape).run(batch), expected, atol=1e-4)
    unbiased = last_logits(arrays, configuration, batch, shape=replace(shape, relative_attention_num_buckets=0))
    assert len(batch["input_ids"][0]) == 1 or np.abs(unbiased - expected).max() > 0.01


def test_exits_have_the_bias_in_their_branches():
    arrays, batch = random_arrays(with_exits(0.5), RELATIVE), batch_of((9,))
    exits = reference(arrays, with_exits(0.5), batch, RELATIVE)
    for layer, leaving, threshold in ((1, (1,), 0.001), (3, (0, 1), 0.999999)):
        model = emit(arrays, with_exits(threshold, layers=leaving), RELATIVE, graph_inputs())
        onnx.checker.check_model(model)
        np.testing.assert_allclose(Session(model.SerializeToString()).run(batch), exits[layer], atol=1e-4)


def with_exits(threshold, bits=32, layers=(0, 1)):
    uniform = configuration_of("transformer", bits)
    exit_ = ExitConfiguration(layers, threshold)
    return TransformerConfiguration(uniform.hidden_size, uniform.layers, uniform.vocabulary_size, bits, exit_)


def softmax(logits):
    shares = np.exp(logits - logits.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)


@pytest.mark.parametrize("bits", [32, 8, 4])
@pytest.mark.parametrize(("threshold", "layer"), [(0.001, 0), (0.999999, 3)])
def test_extreme_thresholds_leave_at_the_first_exit_or_at_the_end(threshold, layer, bits):
    left = session_of(with_exits(threshold, bits)).run(batch_of())
    kept = tuple(entry for entry in configuration_of("transformer", bits).layers if entry.index <= layer)
    uniform = configuration_of("transformer", bits)
    plain = TransformerConfiguration(uniform.hidden_size, kept, uniform.vocabulary_size, bits)
    arrays = random_arrays(uniform)
    direct = Session(emit(arrays, plain, SHAPE, graph_inputs()).SerializeToString()).run(batch_of())
    np.testing.assert_array_equal(left, direct)


def test_a_batch_leaves_where_its_least_sure_row_is_sure():
    configuration = with_exits(0.5)
    arrays = random_arrays(configuration)
    for row in range(12):
        batch = batch_of((9, 5), seed=row)
        exits = reference(arrays, configuration, batch)
        sure = {layer: softmax(logits).max(-1).min() for layer, logits in exits.items()}
        threshold = float((sure[0] + sure[1]) / 2)
        model = emit(arrays, with_exits(threshold), SHAPE, graph_inputs()).SerializeToString()
        expected = next((exits[layer] for layer in (0, 1) if sure[layer] > threshold), exits[3])
        np.testing.assert_allclose(Session(model).run(batch), expected, atol=1e-4)


@pytest.mark.parametrize("layer", [0, 1, 3])
def test_exits_read_the_mean_where_the_last_head_reads_the_first_token(layer):
    shape = shape_with(head_pooling="first", head_activation="tanh")
    arrays, batch = random_arrays(with_exits(0.5), shape), batch_of((9,))
    exits = reference(arrays, with_exits(0.5), batch, shape)
    at = {0: ((0,), 0.001), 1: ((1,), 0.001), 3: ((0, 1), 0.999999)}[layer]
    model = emit(arrays, with_exits(at[1], layers=at[0]), shape, graph_inputs()).SerializeToString()
    np.testing.assert_allclose(Session(model).run(batch), exits[layer], atol=1e-4)


def test_exits_are_lazy_branches_and_the_model_is_valid():
    model = emit(random_arrays(with_exits(0.9, 2)), with_exits(0.9, 2), SHAPE, graph_inputs())
    onnx.checker.check_model(model)
    (fork,) = [node for node in model.graph.node if node.op_type == "If"]
    inner = {attribute.name: [node.op_type for node in attribute.g.node] for attribute in fork.attribute}
    assert inner["then_branch"] == ["Identity"]
    assert inner["else_branch"].count("MultiHeadAttention") == 1
    assert inner["else_branch"].count("If") == 1


def test_a_regression_has_no_exits_by_classes_and_classes_none_by_agreement():
    with pytest.raises(InputError, match="got 1 outputs and confidence"):
        session_of(with_exits(0.9), shape_with(num_outputs=1))
    agreeing = replace(with_exits(0.9), exit=ExitConfiguration((0, 1), 0.9, "agreement"))
    with pytest.raises(InputError, match="got 3 outputs and agreement"):
        session_of(agreeing)


def test_a_regression_gives_one_number():
    check(configuration_of("transformer", 32), shape_with(num_outputs=1))
