"""One contract over the elastic networks of all student types."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from tiny_models import random_batch

from autocompress.domain.shape import EncoderShape
from autocompress.networks.weights import Arrays
from autocompress.students.configuration import (
    BiLSTMConfiguration,
    CNNConfiguration,
    Configuration,
    LayerConfiguration,
    TransformerConfiguration,
)
from autocompress.students.cut import CUTS, cut
from autocompress.students.networks import STUDENT_NETWORKS, build_student, initial_student
from autocompress.students.precision import precisions
from autocompress.students.word_vectors import StudentSizes
from autocompress.system.errors import InputError

SIZES = StudentSizes(embedding_size=20, hidden_size=12, num_layers=3, kernel_size=5)
CONFIGURATIONS: dict[str, tuple[Configuration, ...]] = {
    "transformer": (
        TransformerConfiguration(24, (LayerConfiguration(0, 4, 40), LayerConfiguration(1, 4, 40)), 60),
        TransformerConfiguration(
            16, (LayerConfiguration(0, 2, 24, 4, 8, 0.5), LayerConfiguration(2, 3, 9, 8, 2)), 60, embedding_bits=4
        ),
    ),
    "bilstm": (BiLSTMConfiguration(20, 12, 3, 60, 8), BiLSTMConfiguration(9, 5, 2, 60, 4, 8, 0.3)),
    "cnn": (
        CNNConfiguration(20, 12, 3, 5, 60, 8),
        CNNConfiguration(9, 5, 2, 3, 60, 2, 4),
        CNNConfiguration(9, 7, 1, 1, 60),
    ),
}
CASES = [pytest.param(c, id=f"{name}-{i}") for name, cs in CONFIGURATIONS.items() for i, c in enumerate(cs)]
TOO_LARGE: list[tuple[Configuration, str]] = [
    (TransformerConfiguration(25, (LayerConfiguration(0, 4, 40),), 60), "hidden_size must be at most the network's 24"),
    (TransformerConfiguration(24, (LayerConfiguration(0, 5, 40),), 60), "num_attention_heads must be at most"),
    (TransformerConfiguration(24, (LayerConfiguration(0, 4, 41),), 60), "intermediate_size must be at most"),
    (TransformerConfiguration(24, (LayerConfiguration(3, 4, 40),), 60), "has no layer 3|layers .3. have none"),
    (BiLSTMConfiguration(21, 12, 3, 60), "embedding_size must be at most the network's 20, but got 21"),
    (BiLSTMConfiguration(20, 13, 3, 60), "hidden_size must be at most"),
    (BiLSTMConfiguration(20, 12, 4, 60), "num_layers must be at most"),
    (CNNConfiguration(21, 12, 3, 5, 60), "embedding_size must be at most"),
    (CNNConfiguration(20, 13, 3, 5, 60), "hidden_size must be at most"),
    (CNNConfiguration(20, 12, 4, 5, 60), "num_layers must be at most"),
    (CNNConfiguration(20, 12, 3, 7, 60), "kernel_size must be at most the network's 5, but got 7"),
]


@dataclass(frozen=True)
class SuperNetworks:
    """Shape and weights of a super-network of each student type."""

    shape: EncoderShape
    arrays: dict[str, Arrays]


@pytest.fixture(scope="module")
def networks(exit_teacher: tuple[EncoderShape, Arrays]) -> SuperNetworks:
    shape, arrays = exit_teacher
    generator = np.random.default_rng(5)
    sources = {"transformer": arrays}
    for student in ("bilstm", "cnn"):
        initial = initial_student(student, arrays, shape, SIZES, seed=2)
        # Biases start at zero, where a mistake in cutting them would not show.
        sources[student] = {
            name: (array + 0.1 * generator.normal(size=array.shape)).astype(np.float32)
            for name, array in initial.items()
        }
    return SuperNetworks(shape, sources)


def test_every_student_type_is_covered() -> None:
    assert set(CONFIGURATIONS) == set(STUDENT_NETWORKS) == set(CUTS)


@pytest.mark.parametrize("configuration", CASES)
def test_a_cut_computes_what_the_elastic_network_computes(
    configuration: Configuration, networks: SuperNetworks, batch: dict[str, torch.Tensor]
) -> None:
    arrays, shape = networks.arrays[configuration.student], networks.shape
    elastic = build_student(arrays, shape, configuration)
    small = cut(arrays, shape, configuration)
    alone = build_student(small, shape, configuration)
    expected = elastic.logits(**batch, configuration=configuration)
    torch.testing.assert_close(alone.logits(**batch), expected, atol=2e-6, rtol=1e-5)
    torch.testing.assert_close(alone.logits(**batch, configuration=configuration), expected, atol=2e-6, rtol=1e-5)
    quantized = elastic.logits(**batch, configuration=configuration, fake_quantize=True)
    again = alone.logits(**batch, configuration=configuration, fake_quantize=True)
    torch.testing.assert_close(again, quantized, atol=2e-6, rtol=1e-5)
    assert not torch.allclose(quantized, expected)
    assert all(array.flags.c_contiguous and array.dtype == np.float32 for array in small.values())


@pytest.mark.parametrize("configuration", CASES)
def test_cutting_twice_changes_nothing(configuration: Configuration, networks: SuperNetworks) -> None:
    once = cut(networks.arrays[configuration.student], networks.shape, configuration)
    twice = cut(once, networks.shape, configuration)
    assert once.keys() == twice.keys()
    for name, array in once.items():
        np.testing.assert_array_equal(twice[name], array)


@pytest.mark.parametrize("configuration", CASES)
def test_padding_changes_nothing(configuration: Configuration, networks: SuperNetworks) -> None:
    network = build_student(networks.arrays[configuration.student], networks.shape, configuration)
    batch = random_batch(60)
    together = network.logits(**batch, configuration=configuration)
    for row, length in enumerate(batch["attention_mask"].sum(1).tolist()):
        alone = {name: value[row : row + 1, :length] for name, value in batch.items()}
        logits = network.logits(**alone, configuration=configuration)
        torch.testing.assert_close(logits[0], together[row], atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "first"])
@pytest.mark.parametrize("configuration", CASES)
def test_a_row_without_tokens_is_finite_and_changes_no_other(
    configuration: Configuration, pooling: str, networks: SuperNetworks
) -> None:
    shape = replace(networks.shape, head_pooling=pooling)
    network = build_student(networks.arrays[configuration.student], shape, configuration)
    batch = random_batch(60)
    expected = network.logits(**batch, configuration=configuration)
    without = {name: torch.cat([torch.zeros_like(value[:1]), value]) for name, value in batch.items()}
    logits = network.logits(**without, configuration=configuration)
    torch.testing.assert_close(logits[1:], expected, atol=2e-6, rtol=1e-5)
    assert torch.isfinite(logits).all()
    logits.square().sum().backward()
    assert all(weight.grad is None or torch.isfinite(weight.grad).all() for weight in network.parameters())
    with torch.autocast("cpu", torch.bfloat16), torch.inference_mode():
        assert configuration.student == "bilstm" or torch.isfinite(network.logits(**without)).all()


@pytest.mark.parametrize("configuration", CASES)
def test_an_empty_batch_gives_no_rows(configuration: Configuration, networks: SuperNetworks) -> None:
    network = build_student(networks.arrays[configuration.student], networks.shape, configuration)
    empty = {name: value[:0] for name, value in random_batch(60).items()}
    assert network.logits(**empty, configuration=configuration).shape == (0, 3)


@pytest.mark.parametrize("fake_quantize", [False, True])
@pytest.mark.parametrize("configuration", CASES)
def test_gradients_reach_every_weight_of_the_sub_network_and_no_other(
    configuration: Configuration, fake_quantize: bool, networks: SuperNetworks, batch: dict[str, torch.Tensor]
) -> None:
    arrays, shape = networks.arrays[configuration.student], networks.shape
    network = build_student(arrays, shape, configuration)
    network.freeze_embeddings(False)
    logits = network.logits(**batch, configuration=configuration, fake_quantize=fake_quantize)
    logits.square().sum().backward()
    used = {name: array.size for name, array in cut(arrays, shape, configuration).items()}
    for name, weight in network.weights.items():
        touched = 0 if weight.grad is None else int(torch.count_nonzero(weight.grad))
        assert touched <= used.get(name, 0), name
        if name in used:
            assert weight.grad is not None and torch.isfinite(weight.grad).all(), name
            assert touched > 0, name


@pytest.mark.parametrize("configuration", CASES)
def test_a_token_map_and_the_mapped_ids_give_the_same(
    configuration: Configuration, networks: SuperNetworks, batch: dict[str, torch.Tensor]
) -> None:
    network = build_student(networks.arrays[configuration.student], networks.shape, configuration)
    token_map = torch.arange(60)
    token_map[20:] = 3
    actual = network.logits(**batch, configuration=configuration, token_map=token_map)
    mapped = {**batch, "input_ids": token_map[batch["input_ids"]]}
    torch.testing.assert_close(actual, network.logits(**mapped, configuration=configuration), rtol=0, atol=0)


@pytest.mark.parametrize("configuration", CASES)
def test_every_large_matrix_of_a_cut_has_a_precision(configuration: Configuration, networks: SuperNetworks) -> None:
    small = cut(networks.arrays[configuration.student], networks.shape, configuration)
    matrices = {name for name, array in small.items() if array.ndim == 2}
    plain = {name for name in matrices if name.endswith(("out.weight", "token_type"))}
    assert set(precisions(configuration, small)) == matrices - plain


def test_fake_quantization_without_a_configuration_is_refused(
    networks: SuperNetworks, batch: dict[str, torch.Tensor]
) -> None:
    network = STUDENT_NETWORKS["cnn"](networks.shape, networks.arrays["cnn"])
    with pytest.raises(ValueError, match="needs a configuration"):
        network.logits(**batch, fake_quantize=True)


@pytest.mark.parametrize(("configuration", "message"), TOO_LARGE)
def test_more_than_there_is_is_refused(configuration: Configuration, message: str, networks: SuperNetworks) -> None:
    with pytest.raises(InputError, match=message):
        cut(networks.arrays[configuration.student], networks.shape, configuration)
