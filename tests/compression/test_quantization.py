import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession

from autocompress.compression import quantization
from autocompress.compression.quantization import codes_for, dequantize, largest_code, quantize, weight_scales
from autocompress.system.errors import InputError

bits_ = pytest.mark.parametrize("bits", [8, 4, 2])
matrices = arrays(
    np.float32,
    st.tuples(st.integers(1, 6), st.integers(1, 9)),
    elements=st.floats(-100, 100, width=32).filter(lambda value: value == 0 or abs(value) > 1e-6),
)


@pytest.fixture
def exact(monkeypatch):
    """A processor that adds products of 8 bits exactly."""
    monkeypatch.setattr(quantization, "saturates", lambda: False)


@pytest.fixture
def saturating(monkeypatch):
    """One that cuts the sum of two such products off at 16 bits."""
    monkeypatch.setattr(quantization, "saturates", lambda: True)


def test_a_table_by_hand(exact):
    weight = np.array([[127.0, -63.5, 0.5, 1.5], [0.0, 0.0, 0.0, 0.0]])
    codes, scales = quantize(weight, 8)
    assert scales.tolist() == [1.0, 1.0]
    assert codes.tolist() == [[127, -64, 0, 2], [0, 0, 0, 0]]
    assert (codes.dtype, scales.dtype) == (np.int8, np.float32)


def test_codes_are_symmetric(exact):
    assert [largest_code(bits) for bits in (8, 4, 2)] == [127, 7, 1]
    with pytest.raises(InputError, match="8, 4, 2 bits, but got 3"):
        largest_code(3)


def test_eight_bits_use_the_largest_magnitude(exact):
    weight = np.random.default_rng(0).standard_normal((50, 20)).astype(np.float32)
    np.testing.assert_allclose(weight_scales(weight, 8), np.abs(weight).max(1) / 127, rtol=1e-6)


def test_two_products_fit_into_16_bits_where_their_sum_saturates(saturating):
    assert [largest_code(bits) for bits in (8, 4, 2)] == [63, 7, 1]
    codes, scales = quantize(np.array([[126.0, -63.0, 1.0, 3.0]]), 8)
    assert (codes.tolist(), scales.tolist()) == ([[63, -32, 0, 2]], [2.0])
    assert 2 * 255 * largest_code(8) <= np.iinfo(np.int16).max


def test_onnx_runtime_adds_the_largest_products_exactly_on_this_processor():
    rng = np.random.default_rng(0)
    activations = rng.choice(np.array([0, 255], np.uint8), (8, 512))
    codes = quantize(rng.choice([-1.0, 1.0], (64, 512)), 8)[0].T
    assert np.abs(codes).min() == largest_code(8)
    values = [helper.make_tensor_value_info("a", TensorProto.UINT8, [8, 512])]
    sums = [helper.make_tensor_value_info("sums", TensorProto.INT32, [8, 64])]
    weights = [numpy_helper.from_array(codes, "codes")]
    nodes = [helper.make_node("MatMulInteger", ["a", "codes"], ["sums"])]
    graph = helper.make_graph(nodes, "product", values, sums, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"a": activations})
    np.testing.assert_array_equal(found, activations.astype(np.int32) @ codes.astype(np.int32))


@pytest.mark.parametrize(("bits", "gain"), [(4, 0.8), (2, 0.35)])
def test_few_bits_find_a_better_scale_than_the_largest_magnitude(bits, gain):
    weight = np.random.default_rng(0).standard_normal((300, 384)).astype(np.float32)
    largest = np.abs(weight).max(1) / largest_code(bits)

    def error(scales):
        return np.mean((dequantize(codes_for(weight, scales, bits), scales) - weight) ** 2)

    assert error(weight_scales(weight, bits)) < gain * error(largest)


@bits_
def test_scales_do_not_depend_on_the_other_rows(bits):
    weight = np.random.default_rng(0).standard_normal((700, 200)).astype(np.float32)
    np.testing.assert_array_equal(weight_scales(weight, bits)[650:], weight_scales(weight[650:], bits))


@given(matrices, st.sampled_from([8, 4, 2]))
def test_codes_stay_in_range_and_signs_are_kept(weight, bits):
    codes, scales = quantize(weight, bits)
    assert np.abs(codes).max() <= largest_code(bits)
    assert (scales > 0).all()
    assert (codes * np.sign(weight) >= 0).all()
    assert (scales[~weight.any(1)] == 1).all()


@given(matrices)
def test_eight_bits_are_off_by_half_a_step_at_most(weight):
    codes, scales = quantize(weight, 8)
    assert (np.abs(dequantize(codes, scales) - weight) <= scales[:, None] * 0.501).all()


@given(matrices, st.sampled_from([8, 4, 2]))
def test_the_negative_of_a_weight_has_the_negative_codes(weight, bits):
    np.testing.assert_array_equal(quantize(-weight, bits)[0], -quantize(weight, bits)[0])
