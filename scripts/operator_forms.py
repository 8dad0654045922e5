"""Writes the pieces of a model in every form that ONNX Runtime offers, for benchmark_kernels.py.

A form takes a graph and the name of its input, adds its nodes, and returns the name of its output. Where not said
otherwise the input is float32 [B, T, width], the vectors of a request's tokens. Of the forms of a piece, the one that
the emitter uses has a name that ends in ``USED``.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from autocompress.artifact.blocks import ATTENTION_MASK, FLOAT_TABLE_BYTES, INPUT_IDS, activation, linear
from autocompress.artifact.graph import GraphBuilder
from autocompress.artifact.packing import stored_rows
from autocompress.compression.quantization import dequantize, quantize

Form = Callable[[GraphBuilder, str], str]
Floats = NDArray[np.float32]
ROWS = 4000
"""Rows of an embedding table."""
USED = "*"
RNG = np.random.default_rng(0)


def products(inputs: int, outputs: int) -> dict[str, Form]:
    """Return the forms of a linear layer; static scales cover 4 standard deviations of the input vectors."""
    weight, bias = random_layer(inputs, outputs)
    codes, scales = quantize(weight, 8)

    def standard(graph: GraphBuilder, x: str) -> str:
        quantized, scale, zero = graph.ops("DynamicQuantizeLinear", [x], 3)
        product = graph.op("MatMulInteger", quantized, graph.constant(np.ascontiguousarray(codes.T)), zero)
        whole = graph.op("Mul", graph.op("Cast", product, to=TensorProto.FLOAT), scale)
        return graph.op("Add", graph.op("Mul", whole, graph.constant(scales)), graph.constant(bias))

    def static(graph: GraphBuilder, x: str) -> str:
        scale, zero = graph.constant(np.array(4 / 127, np.float32)), graph.constant(np.array(128, np.uint8))
        quantized = graph.op("QuantizeLinear", x, scale, zero)
        stored = graph.constant(np.ascontiguousarray(codes.T))
        names = (quantized, stored, scale, graph.constant(scales), zero, "", graph.constant(bias))
        return graph.microsoft("MatMulIntegerToFloat", *names)

    def blocks(graph: GraphBuilder, x: str) -> str:
        grouped = weight.reshape(outputs, -1, 32)
        steps = np.abs(grouped).max(axis=2) / 7
        low = np.clip(np.rint(grouped / steps[..., None]), -8, 7).astype(np.int8) + 8
        packed = (low[..., ::2] | (low[..., 1::2] << 4)).astype(np.uint8)
        names = (x, graph.constant(packed), graph.constant(steps.reshape(-1).astype(np.float32)), "", "")
        settings = {"K": inputs, "N": outputs, "bits": 4, "block_size": 32, "accuracy_level": 4}
        return graph.microsoft("MatMulNBits", *names, graph.constant(bias), **settings)

    return {
        f"DynamicQuantizeMatMul {USED}": lambda graph, x: linear(graph, x, weight, bias, 8),
        "standard operators, scales found at run time": standard,
        "scales fixed beforehand": static,
        "4 bits in blocks of 32 (MatMulNBits)": blocks,
        "float32": lambda graph, x: linear(graph, x, dequantize(codes, scales), bias, 32),
    }


def attentions(width: int, heads: int) -> dict[str, Form]:
    """Return the forms of attention: query, key and value products and attention, without the output product."""
    inner = 32 * heads
    weight, bias = random_layer(width, 3 * inner)
    codes, scales = quantize(weight, 8)

    def mixed(graph: GraphBuilder, parts: list[str]) -> str:
        mask = graph.op("Cast", ATTENTION_MASK, to=TensorProto.INT32)
        return graph.microsoft("MultiHeadAttention", *parts, "", mask, num_heads=heads)

    def used(graph: GraphBuilder, x: str) -> str:
        fused = linear(graph, x, weight, bias, 8)
        return mixed(graph, graph.ops("Split", [fused], 3, axis=-1, num_outputs=3))

    def apart(graph: GraphBuilder, x: str) -> str:
        rows = [slice(part * inner, (part + 1) * inner) for part in range(3)]
        return mixed(graph, [linear(graph, x, weight[row], bias[row], 8) for row in rows])

    def one_operator(graph: GraphBuilder, x: str) -> str:
        quantized, scale, zero = graph.ops("DynamicQuantizeLinear", [x], 3)
        stored, mask = graph.constant(np.ascontiguousarray(codes.T)), graph.op("Cast", ATTENTION_MASK, to=6)
        zeros = graph.constant(np.zeros(3 * inner, np.int8))
        names = (quantized, stored, graph.constant(bias), scale, graph.constant(scales), mask, zero, zeros)
        return graph.microsoft("QAttention", *names, num_heads=heads)

    def written_out(graph: GraphBuilder, x: str) -> str:
        fused = linear(graph, x, weight, bias, 8)
        parts = graph.ops("Split", [fused], 3, axis=-1, num_outputs=3)
        query, key, value = (graph.op("Reshape", part, graph.integers(0, 0, heads, -1)) for part in parts)
        scores = graph.op(
            "MatMul",
            graph.op("Transpose", query, perm=[0, 2, 1, 3]),
            graph.op("Transpose", key, perm=[0, 2, 3, 1]),
        )
        mask = graph.op("Cast", ATTENTION_MASK, to=TensorProto.FLOAT)
        hidden = graph.op("Mul", graph.op("Sub", mask, graph.constant(np.array(1, np.float32))), scalar(graph, 1e4))
        scores = graph.op("Mul", scores, scalar(graph, 32**-0.5))
        shares = graph.op("Softmax", graph.op("Add", scores, graph.op("Unsqueeze", hidden, graph.integers(1, 2))))
        context = graph.op("MatMul", shares, graph.op("Transpose", value, perm=[0, 2, 1, 3]))
        return graph.op("Reshape", graph.op("Transpose", context, perm=[0, 2, 1, 3]), graph.integers(0, 0, -1))

    return {
        f"one product, MultiHeadAttention {USED}": used,
        "three products, MultiHeadAttention": apart,
        "QAttention": one_operator,
        "one product, attention written out": written_out,
    }


def embeddings(width: int) -> dict[str, Form]:
    """Return the forms of an embedding lookup; the emitter's is float32 where the table is small."""
    table = RNG.normal(size=(ROWS, width)).astype(np.float32)
    codes, scales = quantize(table, 8)
    float_star, codes_star = (f" {USED}", "") if table.nbytes <= FLOAT_TABLE_BYTES else ("", f" {USED}")

    def codes_first(graph: GraphBuilder, ids: str) -> str:
        stored, sizes = stored_rows(graph, table, 8)
        rows = graph.op("Cast", graph.op("Gather", stored, ids), to=TensorProto.FLOAT)
        return graph.op("Mul", rows, graph.op("Gather", sizes, ids))

    def standard(graph: GraphBuilder, ids: str) -> str:
        rows, steps = graph.op("Gather", graph.constant(codes), ids), graph.op("Gather", graph.constant(scales), ids)
        by_row = graph.op("Reshape", rows, graph.integers(-1, width))
        found = graph.op("DequantizeLinear", by_row, graph.op("Reshape", steps, graph.integers(-1)), axis=0)
        return graph.op("Reshape", found, graph.op("Concat", graph.op("Shape", ids), graph.integers(width), axis=0))

    def packed(graph: GraphBuilder, ids: str) -> str:
        grouped = table.reshape(ROWS, -1, 32)
        steps = (np.abs(grouped).max(axis=2) / 7).astype(np.float32)
        low = np.clip(np.rint(grouped / steps[..., None]), -8, 7).astype(np.int8).reshape(ROWS, width)
        name = graph.constant(low.astype("int4"))
        settings = {"gather_axis": 0, "quantize_axis": 1, "block_size": 32}
        return graph.microsoft("GatherBlockQuantized", name, ids, graph.constant(steps), **settings)

    return {
        f"codes gathered, then scaled{codes_star}": codes_first,
        "codes gathered, DequantizeLinear": standard,
        "4 bits kept packed (GatherBlockQuantized)": packed,
        f"float32{float_star}": lambda graph, ids: graph.op("Gather", graph.constant(dequantize(codes, scales)), ids),
    }


def gelus() -> dict[str, Form]:
    """Return the forms of the activation of the feed-forward layer."""

    def written_out(graph: GraphBuilder, x: str) -> str:
        error = graph.op("Erf", graph.op("Mul", x, scalar(graph, 0.5**0.5)))
        return graph.op("Mul", graph.op("Mul", x, scalar(graph, 0.5)), graph.op("Add", error, scalar(graph, 1.0)))

    return {
        f"Gelu {USED}": lambda graph, x: activation(graph, x, "gelu"),
        "FastGelu (tanh form)": lambda graph, x: activation(graph, x, "gelu_new"),
        "written out": written_out,
    }


def norms(width: int) -> dict[str, Form]:
    """Return the forms of a product, the residual addition and its layer normalization.

    ONNX Runtime fuses Add and LayerNormalization into SkipLayerNormalization where it knows the shapes.
    """
    weight, bias = np.ones(width, np.float32), np.zeros(width, np.float32)
    product, offset = random_layer(width, width)

    def summed(graph: GraphBuilder, x: str, operator: str) -> str:
        return graph.op(operator, x, linear(graph, x, product, offset, 8))

    def norm(graph: GraphBuilder, x: str, operator: str) -> str:
        names = (summed(graph, x, operator), graph.constant(weight), graph.constant(bias))
        return graph.op("LayerNormalization", *names, axis=-1, epsilon=1e-12)

    def by_instance(graph: GraphBuilder, x: str) -> str:
        count = graph.op("Shape", INPUT_IDS, start=1, end=2)
        one = numpy_helper.from_array(np.ones(1, np.float32))
        ones, zeros = graph.op("ConstantOfShape", count, value=one), graph.op("ConstantOfShape", count)
        plain = graph.op("InstanceNormalization", summed(graph, x, "Sum"), ones, zeros, epsilon=1e-12)
        return graph.op("Add", graph.op("Mul", plain, graph.constant(weight)), graph.constant(bias))

    return {
        f"Sum, LayerNormalization {USED}": lambda graph, x: norm(graph, x, "Sum"),
        "Add, LayerNormalization (SkipLayerNormalization)": lambda graph, x: norm(graph, x, "Add"),
        "Sum, InstanceNormalization with the tokens as channels": by_instance,
    }


def lstms(inputs: int, units: int) -> dict[str, Form]:
    """Return the forms of a bidirectional LSTM over the whole text."""
    weights = [RNG.normal(size=(2, 4 * units, size)).astype(np.float32) * size**-0.5 for size in (inputs, units)]
    biases = np.zeros((2, 8 * units), np.float32)
    quantized = [[quantize(direction, 8) for direction in weight] for weight in weights]
    settings: dict[str, Any] = {"direction": "bidirectional", "hidden_size": units}

    def lengths(graph: GraphBuilder) -> str:
        mask = graph.op("Cast", ATTENTION_MASK, to=TensorProto.INT32)
        return graph.op("ReduceSum", mask, graph.integers(1), keepdims=0)

    def eight_bits(graph: GraphBuilder, x: str) -> str:
        by_time = graph.op("Transpose", x, perm=[1, 0, 2])
        stored = [graph.constant(np.stack([np.ascontiguousarray(codes.T) for codes, _ in pair])) for pair in quantized]
        scales = [graph.constant(np.stack([scale for _, scale in pair])) for pair in quantized]
        zero = graph.constant(np.zeros((2, 4 * units), np.int8))
        names = (by_time, *stored, graph.constant(biases), lengths(graph), "", "", "", scales[0], zero, scales[1], zero)
        return by_text(graph, graph.microsoft("DynamicQuantizeLSTM", *names, **settings))

    def floats(graph: GraphBuilder, x: str) -> str:
        by_time = graph.op("Transpose", x, perm=[1, 0, 2])
        stored = [graph.constant(np.stack([dequantize(*one) for one in pair])) for pair in quantized]
        return by_text(graph, graph.op("LSTM", by_time, *stored, graph.constant(biases), lengths(graph), **settings))

    return {f"DynamicQuantizeLSTM {USED}": eight_bits, "LSTM in float32": floats}


def convolutions(inputs: int, outputs: int) -> dict[str, Form]:
    """Return the forms of a convolution over windows of three tokens."""
    weight, bias = random_layer(3 * inputs, outputs)
    codes, scales = quantize(weight, 8)

    def windows(graph: GraphBuilder, x: str) -> str:
        padded = graph.op("Pad", x, graph.integers(0, 1, 0, 0, 1, 0))
        length = graph.op("Shape", x, start=1, end=2)
        starts = [graph.integers(start) for start in range(3)]
        parts = [
            graph.op("Slice", padded, start, graph.op("Add", start, length), graph.integers(1)) for start in starts
        ]
        return graph.op("Concat", *parts, axis=-1)

    def convolved(graph: GraphBuilder, x: str) -> str:
        kernel = np.ascontiguousarray(dequantize(codes, scales).reshape(outputs, 3, inputs).transpose(0, 2, 1))
        channels_first = graph.op("Transpose", x, perm=[0, 2, 1])
        names = (channels_first, graph.constant(kernel), graph.constant(bias))
        return graph.op("Transpose", graph.op("Conv", *names, pads=[1, 1]), perm=[0, 2, 1])

    return {
        f"windows side by side, product in 8 bits {USED}": lambda g, x: linear(g, windows(g, x), weight, bias, 8),
        "windows side by side, product in float32": lambda g, x: linear(
            g, windows(g, x), dequantize(codes, scales), bias, 32
        ),
        "Conv in float32": convolved,
    }


def by_text(graph: GraphBuilder, y: str) -> str:
    """Add a transposition of an LSTM's outputs [T, 2, B, units] to [B, T, 2, units]."""
    return graph.op("Transpose", y, perm=[2, 0, 1, 3])


def random_layer(inputs: int, outputs: int) -> tuple[Floats, Floats]:
    """Return a random weight [outputs, inputs] of variance 1 / inputs, and a bias [outputs] of zeros."""
    weight = RNG.normal(size=(outputs, inputs)).astype(np.float32) * inputs**-0.5
    return weight.astype(np.float32), np.zeros(outputs, np.float32)


def scalar(graph: GraphBuilder, value: float) -> str:
    """Add a float32 constant."""
    return graph.constant(np.array(value, np.float32))
