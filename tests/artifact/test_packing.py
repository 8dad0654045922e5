import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from autocompress.artifact.graph import GraphBuilder
from autocompress.artifact.packing import ranks, stored_codes, stored_dequantized, stored_floats
from autocompress.compression.quantization import dequantize, quantize
from autocompress.compression.sparsity import pack_mask


def value_of(graph, name):
    graph.nodes.append(helper.make_node("Cast", [name], ["value"], to=TensorProto.FLOAT))
    model = graph.model([], helper.make_tensor_value_info("value", TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {})[0], len(model.SerializeToString())


@settings(deadline=None, max_examples=30)
@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_ranks_count_the_set_bits(flags):
    graph, mask = GraphBuilder(), np.array(flags)
    found, _ = value_of(graph, ranks(graph, pack_mask(mask), mask.shape))
    np.testing.assert_array_equal(found, np.cumsum(mask) * mask)


@pytest.mark.parametrize("bits", [8, 4, 2])
@pytest.mark.parametrize("shape", [(61, 83), (2, 48, 64)])
def test_sparse_codes_come_back(bits, shape):
    rng, top = np.random.default_rng(0), 2 ** (bits - 1) - 1
    codes = (rng.integers(-top, top + 1, shape) * (rng.random(shape) < 0.1)).astype(np.int8)
    sizes = {}
    for sparse in (True, False):
        graph = GraphBuilder()
        found, sizes[sparse] = value_of(graph, stored_codes(graph, codes, bits, sparse=sparse))
        np.testing.assert_array_equal(found, codes)
    nonzero = np.count_nonzero(codes)
    assert sizes[True] - sizes[False] < codes.size / 8 + nonzero * bits / 8 - codes.size * bits / 8 + 450


def test_sparse_floats_come_back():
    array = np.random.default_rng(0).standard_normal((30, 40)).astype(np.float32) * (np.arange(40) % 5 == 0)
    graph = GraphBuilder()
    found, size = value_of(graph, stored_floats(graph, array, sparse=True))
    np.testing.assert_array_equal(found, array)
    assert size < array.nbytes / 2


@pytest.mark.parametrize("bits", [8, 4, 2])
def test_tables_come_back_within_the_rounding_of_their_scales(bits):
    table = np.random.default_rng(0).standard_normal((50, 16)).astype(np.float32) * np.logspace(-3, 0, 50)[:, None]
    table[7] = 0
    graph = GraphBuilder()
    found, _ = value_of(graph, stored_dequantized(graph, table, bits))
    exact = dequantize(*quantize(table, bits))
    assert np.median(np.abs(found - exact).max(1) / (np.abs(exact).max(1) + 1e-9)) < 1e-3
    assert (found[7] == 0).all()


def test_values_have_short_names_that_do_not_repeat():
    graph = GraphBuilder()
    names = [graph.name() for _ in range(2000)]
    assert len(set(names)) == 2000
    assert max(map(len, names)) == 3
    assert graph.integers(1, 2) == graph.integers(1, 2) != graph.integers(2, 1)
