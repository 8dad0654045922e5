import itertools

import onnx
import pytest
from artifact_references import SHAPE, configuration_of, graph_inputs, random_arrays, shape_with
from onnx import TensorProto, helper

from autocompress.artifact import session
from autocompress.artifact.runtime import is_older, least_onnxruntime
from autocompress.artifact.session import Session
from autocompress.students import STUDENTS
from autocompress.students.emit import emit
from autocompress.students.transformer.configuration import (
    ExitConfiguration,
    LayerConfiguration,
    TransformerConfiguration,
)
from autocompress.system.errors import InputError, MeasurementError

PLAIN = {"transformer": "1.16", "bilstm": "1.15", "cnn": "1.15", "alignment": "1.15"}


def graph(configuration, shape=SHAPE):
    return emit(random_arrays(configuration, shape), configuration, shape, graph_inputs())


def model(nodes, opset=18, ir_version=8):
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["a", "b"]) for name in ("x", "y")]
    made = helper.make_graph(nodes, "g", values[:1], values[1:])
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)


@pytest.mark.parametrize("student", sorted(STUDENTS))
@pytest.mark.parametrize("sparsity", [0.0, 0.8])
def test_each_graph_needs_no_more_than_it_holds(student, sparsity):
    needs = {
        bits: least_onnxruntime(graph(configuration_of(student, bits, vocabulary_size=80, sparsity=sparsity)))
        for bits in (32, 8, 4, 2)
    }
    assert needs == {32: PLAIN[student], 8: PLAIN[student], 4: "1.23", 2: "1.24"}


def test_attention_of_the_first_token_alone_needs_a_later_version():
    assert least_onnxruntime(graph(configuration_of("transformer"), shape_with(head_pooling="first"))) == "1.21"


def test_attention_with_a_bias_by_relative_position_needs_a_later_version():
    relative = shape_with(relative_attention_num_buckets=32)
    assert least_onnxruntime(graph(configuration_of("transformer"), relative)) == "1.20"


def test_two_bits_behind_an_exit_need_no_more_than_two_bits():
    layers = (LayerConfiguration(0, 3, 72), LayerConfiguration(1, 3, 72, 2, 2))
    leaving = ExitConfiguration((0,), 0.5)
    configuration = TransformerConfiguration(56, layers, SHAPE.vocab_size, 8, leaving)
    assert least_onnxruntime(graph(configuration)) == "1.24"


def test_branches_count():
    layers = (LayerConfiguration(0, 3, 72), LayerConfiguration(3, 3, 72))
    configuration = TransformerConfiguration(56, layers, SHAPE.vocab_size, 8, ExitConfiguration((0,), 0.5))
    made = graph(configuration)
    assert [node.op_type for node in made.graph.node].count("MultiHeadAttention") == 1
    assert least_onnxruntime(made) == "1.16"
    (fork,) = [node for node in made.graph.node if node.op_type == "If"]
    (other,) = [attribute.g for attribute in fork.attribute if attribute.name == "else_branch"]
    (attention,) = [node for node in other.node if node.op_type == "MultiHeadAttention"]
    attention.input[0] = fork.input[0]
    assert least_onnxruntime(made) == "1.21"


@pytest.mark.parametrize(
    ("opset", "ir_version", "least"),
    [
        (17, 8, "1.15"),
        (18, 9, "1.15"),
        (19, 9, "1.16"),
        (21, 8, "1.18"),
        (18, 10, "1.18"),
        (22, 10, "1.21"),
        (23, 9, "1.23"),
        (24, 11, "1.24"),
        (18, 12, "1.24"),
        (26, 13, "1.25"),
    ],
)
def test_operator_set_and_ir_version(opset, ir_version, least):
    assert least_onnxruntime(model([helper.make_node("Relu", ["x"], ["y"])], opset, ir_version)) == least


def test_an_operator_that_came_late():
    norm = helper.make_node("LpNormalization", ["x"], ["y"], p=1)
    assert [least_onnxruntime(model([norm], opset)) for opset in (18, 21, 22, 25)] == ["1.15", "1.18", "1.25", "1.25"]


@pytest.mark.parametrize(("opset", "ir_version", "what"), [(99, 8, "operator set"), (18, 99, "IR version")])
def test_what_is_newer_than_any_that_was_tried_is_refused(opset, ir_version, what):
    with pytest.raises(InputError, match=f"the {what} of a graph must be at most"):
        least_onnxruntime(model([helper.make_node("Relu", ["x"], ["y"])], opset, ir_version))


def test_versions_are_compared_by_number():
    ordered = ["1.9.0", "1.16", "1.16.3", "1.23.2", "2.0"]
    assert [is_older(first, second) for first, second in itertools.pairwise(ordered)] == [True, False, True, True]


@pytest.mark.parametrize("bits", [8, 4])
def test_a_version_that_is_too_old_is_told(bits, monkeypatch, tmp_path):
    made = graph(configuration_of("cnn", bits))
    made.graph.node[0].op_type = "Unknown"
    (tmp_path / "model.onnx").write_bytes(made.SerializeToString())
    monkeypatch.setattr(session.onnxruntime, "__version__", "1.22.1")
    told = "is 1.22.1, where 1.23 or later is needed, and says" if bits == 4 else r"model\.onnx, but says"
    with pytest.raises(MeasurementError, match=told):
        Session(tmp_path / "model.onnx")


def test_the_lowest_operator_set_is_written():
    made = {bits: graph(configuration_of("cnn", bits)) for bits in (32, 8, 4, 2)}
    found = {bits: (of.opset_import[0].version, of.ir_version) for bits, of in made.items()}
    assert found == {32: (18, 8), 8: (18, 8), 4: (21, 10), 2: (25, 13)}
    for of in made.values():
        onnx.checker.check_model(of, full_check=False)
