"""One contract over every emitter: the file computes what the network computes, and is as small as it should be."""

import numpy as np
import onnx
import onnxruntime
import pytest
from artifact_references import (
    SHAPE,
    batch_of,
    configuration_of,
    graph_inputs,
    last_logits,
    random_arrays,
    unknown_where_dropped,
)

from autocompress.artifact.session import Session
from autocompress.compression.quantization import dequantize, quantize
from autocompress.compression.sparsity import prune
from autocompress.students import STUDENTS
from autocompress.students.emit import emit
from autocompress.system.errors import InputError

PARTS = ("layers", "lstm", "conv", "project", "align")
students = pytest.mark.parametrize("student", sorted(STUDENTS))


def emitted(configuration, arrays=None, inputs=None):
    arrays = random_arrays(configuration) if arrays is None else arrays
    return emit(arrays, configuration, SHAPE, inputs or graph_inputs()).SerializeToString()


def is_matrix(name):
    return name.endswith(("weight", "weight_ih", "weight_hh")) and name.startswith(PARTS)


def is_sparse(name, array):
    return is_matrix(name) and array.ndim == 2


@students
def test_fp32_equals_the_reference_on_a_padded_batch(student):
    configuration, batch = configuration_of(student, 32), batch_of()
    logits = Session(emitted(configuration)).run(batch)
    np.testing.assert_allclose(logits, last_logits(random_arrays(configuration), configuration, batch), atol=1e-4)


@students
def test_fp32_rows_do_not_depend_on_their_batch(student):
    session, batch = Session(emitted(configuration_of(student, 32))), batch_of()
    together = session.run(batch)
    for row, length in enumerate(batch["attention_mask"].sum(1)):
        alone = session.run({name: array[row : row + 1, :length] for name, array in batch.items()})
        np.testing.assert_allclose(alone, together[row : row + 1], atol=1e-5)


@students
@pytest.mark.parametrize("bits", [8, 4, 2])
def test_quantized_logits_are_near_those_of_the_dequantized_weights(student, bits):
    configuration, batch = configuration_of(student, bits), batch_of(tuple(range(2, 22)))
    arrays = random_arrays(configuration)
    seen = {
        name: dequantize(*quantize(array, bits)) if array.ndim == 2 and (is_matrix(name) or "word" in name) else array
        for name, array in arrays.items()
    }
    expected = last_logits(seen, configuration, batch)
    logits = Session(emitted(configuration, arrays)).run(batch)
    assert np.abs(logits - expected).mean() < 0.15 * np.abs(expected - expected.mean(0)).mean()


@students
def test_a_smaller_vocabulary_reads_other_tokens_as_unknown(student):
    configuration, batch, inputs = configuration_of(student, 32, vocabulary_size=80), batch_of(), graph_inputs()
    arrays = random_arrays(configuration)
    expected = last_logits(arrays, configuration, unknown_where_dropped(batch, configuration, inputs))
    model = emitted(configuration, arrays, inputs)
    np.testing.assert_allclose(Session(model).run(batch), expected, atol=1e-4)
    assert len(model) < len(emitted(configuration_of(student, 32), arrays)) - 100 * 40 * 4


@students
def test_fewer_bits_give_a_file_smaller_by_the_weights_packed(student):
    arrays = random_arrays(configuration_of(student))
    matrices = sum(array.size for name, array in arrays.items() if is_matrix(name) and array.ndim == 2)
    weights = matrices + arrays["embeddings.word"].size
    sizes = {bits: len(emitted(configuration_of(student, bits), arrays)) for bits in (32, 8, 4, 2)}
    assert sizes[32] - sizes[8] > 0.85 * weights * 3
    assert sizes[8] - sizes[4] == pytest.approx(weights / 2, abs=2000)
    assert sizes[4] - sizes[2] == pytest.approx(weights / 4, abs=200)


@students
@pytest.mark.parametrize("bits", [32, 8, 4, 2])
def test_sparse_weights_give_the_outputs_of_dense_ones_from_a_smaller_file(student, bits):
    sparse, dense = configuration_of(student, bits, sparsity=0.8), configuration_of(student, bits)
    arrays = random_arrays(dense)
    pruned = {name: prune(array, 0.8) if is_sparse(name, array) else array for name, array in arrays.items()}
    stored, plain = emitted(sparse, arrays), emitted(dense, pruned)
    assert len(stored) < len(plain)
    np.testing.assert_array_equal(Session(stored).run(batch_of()), Session(plain).run(batch_of()))


@students
def test_low_sparsity_is_stored_densely(student):
    arrays = random_arrays(configuration_of(student, 4))
    dense, sparse = (emitted(configuration_of(student, 4, sparsity=value), arrays) for value in (0.0, 0.02))
    assert len(dense) == len(sparse)


@students
def test_equal_calls_give_equal_bytes(student):
    configuration = configuration_of(student, 4, vocabulary_size=80, sparsity=0.5)
    assert emitted(configuration) == emitted(configuration)


@students
@pytest.mark.parametrize("bits", [32, 8, 4, 2])
def test_the_model_is_valid_and_holds_nothing_unused(student, bits):
    model = onnx.load_from_string(emitted(configuration_of(student, bits, vocabulary_size=80, sparsity=0.6)))
    onnx.checker.check_model(model)
    read = {name for node in model.graph.node for name in node.input}
    written = [name for node in model.graph.node for name in node.output]
    stored = [tensor.name for tensor in model.graph.initializer]
    assert set(stored) <= read
    assert set(written) - {"logits"} <= read
    assert len(set(stored + written)) == len(stored + written)
    inputs = ["input_ids", "attention_mask"] + ["token_type_ids"] * (student == "alignment")
    assert [value.name for value in model.graph.input] == inputs
    assert {import_.domain for import_ in model.opset_import} == {"", "com.microsoft"}


@students
@pytest.mark.parametrize("bits", [32, 8, 4, 2])
def test_onnx_runtime_decodes_weights_when_the_session_loads(student, bits, tmp_path):
    path = tmp_path / "optimized.onnx"
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(path)
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    model = emitted(configuration_of(student, bits, vocabulary_size=80, sparsity=0.6))
    onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    left = onnx.load(path).graph
    operators = [node.op_type for node in left.node]
    assert not {"BitShift", "BitwiseAnd", "CumSum", "Pad"} & set(operators) - (
        {"Pad"} if student in ("cnn", "alignment") else set()
    )
    assert {tensor.data_type for tensor in left.initializer} & {onnx.TensorProto.INT4, onnx.TensorProto.INT2} == set()


@students
def test_the_table_must_have_a_row_for_each_token(student):
    configuration = configuration_of(student)
    arrays = random_arrays(configuration)
    arrays["embeddings.word"] = arrays["embeddings.word"][:50]
    with pytest.raises(InputError, match="a row for each of 203 tokens, but have 50"):
        emitted(configuration, arrays)
