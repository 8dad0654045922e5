"""Stores weights as packed or sparse codes, which ONNX Runtime decodes once, when the session loads.

Every function that adds a value returns its name; constant folding turns the value into a plain initializer. A Cast
unpacks 4 and 2 bits; older versions of ONNX Runtime do not have it. Other operators would work in those too, but with
two thirds more peak memory and twice the time to load a session (studies/runtimes).
"""

from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from autocompress.artifact.graph import GraphBuilder
from autocompress.compression.quantization import Floats, codes_for, weight_scales
from autocompress.compression.sparsity import pack, pack_mask

PACKED_TYPES = {4: ml_dtypes.int4, 2: ml_dtypes.int2}
# Approximate size in the file of the nodes that decode a sparse matrix.
_DECODER_BYTES = 320


def stored_codes(graph: GraphBuilder, codes: NDArray[np.int8], bits: int, *, sparse: bool = False) -> str:
    """Add an INT8 value equal to ``codes`` (any shape), stored in ``bits`` (8, 4 or 2) bits each.

    With ``sparse`` a bit mask and the non-zero codes are stored, if that is smaller.
    """
    if sparse:
        mask, kept = pack(codes)
        values = np.concatenate([np.zeros(1, np.int8), kept.astype(np.int8)])
        if mask.nbytes + _packed_bytes(values.size, bits) + _DECODER_BYTES < _packed_bytes(codes.size, bits):
            return _scattered(graph, mask, _packed(graph, values, bits), codes.shape)
    return _packed(graph, codes, bits)


def stored_floats(graph: GraphBuilder, array: Floats, *, sparse: bool = False) -> str:
    """Add a FLOAT value equal to ``array``; with ``sparse`` stored as a bit mask and non-zeros, if that is smaller."""
    if sparse:
        mask, values = pack(array)
        if mask.nbytes + values.nbytes + _DECODER_BYTES < array.nbytes:
            leading = graph.constant(np.concatenate([np.zeros(1, np.float32), values.astype(np.float32)]))
            return _scattered(graph, mask, leading, array.shape)
    return graph.constant(array.astype(np.float32))


def stored_rows(graph: GraphBuilder, table: Floats, bits: int) -> tuple[str, str]:
    """Add a table ``[rows, width]`` as INT8 codes and FLOAT scales ``[rows, 1]``; scales are stored as float16."""
    scales, largest = half_scales(np.where(table.any(axis=1), weight_scales(table, bits), np.float32(0)))
    codes = codes_for(table, scales.astype(np.float32) * largest, bits)
    root = graph.root
    relative = root.op("Cast", root.constant(scales[:, None]), to=TensorProto.FLOAT)
    return stored_codes(graph, codes, bits), root.op("Mul", relative, root.constant(np.array(largest, np.float32)))


def stored_dequantized(graph: GraphBuilder, table: Floats, bits: int) -> str:
    """Add ``table [rows, width]`` as FLOAT, quantized to ``bits`` bits with a scale per row (32 bits: unchanged)."""
    if bits == 32:
        return graph.constant(table.astype(np.float32))
    codes, scales = stored_rows(graph, table, bits)
    return graph.root.op("Mul", graph.root.op("Cast", codes, to=TensorProto.FLOAT), scales)


def half_scales(scales: Floats) -> tuple[NDArray[np.float16], np.float32]:
    """Return scales divided by the largest, as float16 and none rounded to zero, and the largest scale."""
    largest = np.float32(scales.max()) or np.float32(1)
    relative = np.maximum(scales / largest, np.float32(2.0**-14))
    return relative.astype(np.float16), largest


def ranks(graph: GraphBuilder, mask: NDArray[np.uint8], shape: tuple[int, ...]) -> str:
    """Add an INT32 value of ``shape``: 1, 2, 3, ... at the set bits of the packed ``mask`` in order, 0 elsewhere."""
    root = graph.root
    size = int(np.prod(shape))
    shifted = root.op(
        "BitShift", root.constant(mask[:, None]), root.constant(np.arange(8, dtype=np.uint8)), direction="RIGHT"
    )
    bits = root.op("BitwiseAnd", shifted, root.constant(np.array(1, np.uint8)))
    flat = root.op("Reshape", root.op("Cast", bits, to=TensorProto.INT32), root.integers(-1))
    if size != mask.size * 8:
        flat = root.op("Slice", flat, root.integers(0), root.integers(size))
    ranked = root.op("Mul", root.op("CumSum", flat, root.constant(np.array(0, np.int32))), flat)
    return ranked if len(shape) == 1 else root.op("Reshape", ranked, root.integers(*shape))


def remapped(graph: GraphBuilder, rows: NDArray[np.integer[Any]]) -> str:
    """Add ``rows [V]``, none below 0, as an INT32 vector.

    One bit per id says where they are above 0. The others are stored in 16 bits each if they fit and are not simply
    1, 2, 3 and so on.
    """
    above = rows > 0
    mask, values = pack_mask(above), rows[above]
    if np.array_equal(values, np.arange(1, len(values) + 1)):
        return ranks(graph, mask, rows.shape)
    width = np.uint16 if values.max() < 2**16 else np.int32
    leading = graph.root.constant(np.concatenate([[0], values]).astype(width))
    return _scattered(graph, mask, graph.root.op("Cast", leading, to=TensorProto.INT32), rows.shape)


def _scattered(graph: GraphBuilder, mask: NDArray[np.uint8], values: str, shape: tuple[int, ...]) -> str:
    return graph.root.op("Gather", values, ranks(graph, mask, shape))


def _packed(graph: GraphBuilder, codes: NDArray[np.int8], bits: int) -> str:
    if bits == 8:
        return graph.constant(codes)
    return graph.root.op("Cast", graph.constant(codes.astype(PACKED_TYPES[bits])), to=TensorProto.INT8)


def _packed_bytes(count: int, bits: int) -> int:
    return -(-count * bits // 8)
