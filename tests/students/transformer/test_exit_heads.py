"""Heads after every layer: those that are trained stay, the others are added."""

from __future__ import annotations

import numpy as np
from tiny_models import CONFIGS, random_model

from autocompress.networks.families.import_encoder import import_encoder
from autocompress.networks.weights import head_indices
from autocompress.students.transformer.exit_heads import add_exit_heads, with_missing_heads


def test_trained_heads_are_kept_and_missing_ones_added() -> None:
    shape, arrays = import_encoder(random_model(CONFIGS["bert"]()))
    last = shape.num_hidden_layers - 1
    _, others = add_exit_heads(arrays, shape, seed=5)
    trained = {name: array for name, array in others.items() if name.startswith("heads.0.")}
    found_shape, found = with_missing_heads(arrays | trained, shape)
    assert found_shape == shape, "the last head stays the teacher's, which reads what it read"
    assert head_indices(found) == list(range(shape.num_hidden_layers))
    for name, array in (arrays | trained).items():
        np.testing.assert_array_equal(found[name], array)
    assert found["heads.1.dense.weight"].shape == others["heads.1.dense.weight"].shape
    assert f"heads.{last}.dense.weight" in arrays
