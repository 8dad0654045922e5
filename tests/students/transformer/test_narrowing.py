"""A narrowed encoder computes what it did where its states lie in fewer directions, and nearly so elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import CONFIGS, random_batch, random_model

from autocompress.artifact.blocks import GraphInputs
from autocompress.artifact.session import Session
from autocompress.compression import projection
from autocompress.compression.vocabulary import Vocabulary
from autocompress.domain.shape import EncoderShape
from autocompress.networks.families.import_encoder import import_encoder
from autocompress.networks.weights import Arrays
from autocompress.students.cutting import cut
from autocompress.students.emit import emit
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.students.transformer.exit_heads import with_missing_heads
from autocompress.students.transformer.narrowing import narrowed
from autocompress.students.transformer.network import ElasticEncoder


class Text:
    def __init__(self, batch: dict[str, torch.Tensor]) -> None:
        self.input_ids, self.attention_mask = batch["input_ids"], batch["attention_mask"]
        self.token_type_ids, self.labels = batch["token_type_ids"], torch.zeros(1)


def texts(count: int = 30) -> list[Text]:
    """Batches without padding, of different lengths and random words."""
    generator, found = torch.Generator().manual_seed(0), []
    for length in (3, 7, 12, 18):
        batch = random_batch(60, lengths=(length,) * count)
        batch["input_ids"] = torch.randint(5, 60, (count, length), generator=generator)
        found.append(Text(batch))
    return found


def teacher(family: str) -> tuple[EncoderShape, Arrays]:
    shape, arrays = import_encoder(random_model(CONFIGS[family]()))
    return with_missing_heads(arrays, shape)


def logits(shape: EncoderShape, arrays: Arrays) -> dict[int, Any]:
    with torch.inference_mode():
        found = ElasticEncoder(shape, arrays)(**random_batch(60, lengths=(9, 4, 12, 7))).logits
    return {index: value.numpy() for index, value in found.items()}


def planted(family: str, size: int) -> tuple[EncoderShape, Arrays]:
    """An encoder whose hidden states lie in ``size`` directions: a narrow one without gains, rotated into more."""
    shape, arrays = teacher(family)
    small = TransformerConfiguration.uniform(shape, hidden_size=size)
    narrow = cut(arrays, shape, small) | {n: a for n, a in arrays.items() if n.startswith("heads.")}
    narrow |= {n: a[:, :size] for n, a in narrow.items() if n.startswith("heads.") and n.endswith("dense.weight")}
    ones = np.ones((shape.hidden_size, 1))
    rng = np.random.default_rng(2)
    wide = np.linalg.qr(np.concatenate([ones, rng.normal(size=(shape.hidden_size, size - 1))], 1))[0]
    inner = np.linalg.qr(np.concatenate([np.ones((size, 1)), rng.normal(size=(size, size - 1))], 1))[0]
    # Equal values stay equal values, so that the norms subtract the same.
    inner[:, 0] = size**-0.5
    rotation = np.concatenate([ones / np.sqrt(len(ones)), wide[:, 1:]], 1) @ inner.T
    found = {}
    for name, array in narrow.items():
        module, _, kind = name.rpartition(".")
        if name.endswith(("norm.weight", "norm.bias")):
            found[name] = np.full(shape.hidden_size, (size / shape.hidden_size) ** 0.5 * (kind == "weight"))
        elif module.endswith((".query", ".key", ".value", ".up", ".dense")):
            found[name] = array @ rotation.T if kind == "weight" else array
        elif module.endswith((".output", ".down")):
            found[name] = rotation @ array
        else:
            found[name] = array if name.startswith("heads.") else array @ rotation.T
    for index in range(3):
        found[f"heads.{index}.out.weight"] = rng.normal(size=found[f"heads.{index}.out.weight"].shape)
    return shape, {name: np.asarray(array, np.float32) for name, array in found.items()}


def test_states_that_lie_in_fewer_directions_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "RIDGE", 1e-5)
    shape, arrays = planted("bert", 12)
    exact = logits(shape, arrays)
    found = narrowed(shape, arrays, texts(), 12)
    assert found["embeddings.norm.weight"].shape == (12,) and found["embeddings.word"].shape == (60, 12)
    assert found["layers.1.feed_forward.up.weight"].shape == (40, 12) and found.keys() == arrays.keys()
    near = logits(shape, found)
    assert near.keys() == exact.keys() == {0, 1, 2}
    for index, expected in exact.items():
        assert np.square(near[index] - expected).mean() < 1e-5 * expected.var(), index
    fewer = logits(shape, narrowed(shape, arrays, texts(), 6))
    assert np.square(fewer[2] - exact[2]).mean() > 0.01 * exact[2].var()


@pytest.mark.parametrize("family", ["bert", "mpnet", "electra-small", "roberta"])
def test_projection_is_nearer_than_dropping_channels(family: str) -> None:
    shape, arrays = teacher(family)
    narrow = narrowed(shape, arrays, texts(), 16)
    configuration = TransformerConfiguration.uniform(shape, 32, hidden_size=16)
    exact = logits(shape, arrays)[2]
    errors = {}
    for name, source in (("projected", narrow), ("dropped", arrays)):
        outputs = logits(shape, cut(source, shape, configuration))[2]
        errors[name] = float(np.square(outputs - exact).mean() / exact.var())
    assert errors["projected"] < 0.5 * errors["dropped"]


@pytest.mark.parametrize("family", ["bert", "mpnet", "electra-small"])
def test_narrow_weights_are_cut_and_compiled_like_any_others(family: str) -> None:
    shape, arrays = teacher(family)
    narrow = narrowed(shape, arrays, texts(), 16)
    configuration = TransformerConfiguration.uniform(
        shape, 32, hidden_size=16, num_attention_heads=2, intermediate_size=24, layers=(0, 1)
    )
    small, batch = cut(narrow, shape, configuration), random_batch(60, lengths=(9, 4, 12, 1))
    inputs = GraphInputs(True, Vocabulary(np.arange(60, dtype=np.int32), 1), 20)
    session = Session(emit(small, configuration, shape, inputs).SerializeToString())
    feeds = {name: batch[name].numpy() for name in session.input_names}
    given = {name: batch[name] for name in session.input_names}
    with torch.inference_mode():
        expected = ElasticEncoder(shape, narrow).logits(**given, configuration=configuration)
    np.testing.assert_allclose(session.run(feeds), expected.numpy(), atol=2e-4)


def test_narrowing_is_repeated_exactly_and_changes_no_argument() -> None:
    shape, arrays = teacher("bert")
    before = {name: array.copy() for name, array in arrays.items()}
    first, second = (narrowed(shape, arrays, texts(), 16) for _ in range(2))
    assert all(np.array_equal(arrays[name], before[name]) for name in before)
    assert first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)
    assert all(array.dtype == np.float32 for array in first.values())
