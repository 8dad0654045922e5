"""Declares the dimensions that only BiLSTMs have."""

from __future__ import annotations

from autocompress.students.pooled.dimensions import depth_dimension, size_dimension

HIDDEN_SIZE = size_dimension("bilstm", (32, 64, 128))
NUM_LAYERS = depth_dimension("bilstm", (1, 2))
