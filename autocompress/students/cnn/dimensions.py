"""Declares the dimensions that only CNNs have."""

from __future__ import annotations

from autocompress.students.dimension import Dimension, Feature, Label
from autocompress.students.pooled.dimensions import depth_dimension, size_dimension

KERNELS = (1, 3, 5)

HIDDEN_SIZE = size_dimension("cnn", (64, 128, 256))
NUM_LAYERS = depth_dimension("cnn", (1, 2, 3))
KERNEL_SIZE = Dimension(
    name="kernel_size",
    students=("cnn",),
    parameter="cnn_kernel_size",
    aspect="architecture",
    options=lambda shape: KERNELS,
    neutral=lambda shape: KERNELS[-1],
    smallest=min,
    label=Label(50, "K"),
    feature=Feature(lambda size, shape: (size / 5,)),
)
