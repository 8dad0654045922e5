"""BiLSTM and CNN students against torch's own layers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_models import CONFIGS, random_model
from torch import Tensor, nn
from torch.nn import functional as F

from autocompress.domain.shape import EncoderShape
from autocompress.networks.families.import_encoder import import_encoder
from autocompress.networks.weights import Arrays
from autocompress.students.bilstm.configuration import BiLSTMConfiguration
from autocompress.students.bilstm.network import ElasticBiLSTM, initial_bilstm
from autocompress.students.cnn.configuration import CNNConfiguration
from autocompress.students.cnn.network import ElasticCNN, initial_cnn
from autocompress.students.pooled.word_vectors import StudentSizes, teacher_word_vectors
from autocompress.system.errors import InputError

SIZES = StudentSizes(embedding_size=20, hidden_size=12, num_layers=2, kernel_size=5)
LENGTHS = (9, 4, 12, 1)
Teacher = tuple[EncoderShape, Arrays]


def head(arrays: Arrays, features: Tensor) -> Tensor:
    """The perceptron on [mean, maximum] of one text's features [T, C]."""
    weights = {name: torch.from_numpy(array) for name, array in arrays.items()}
    pooled = torch.cat([features.mean(0), features.amax(0)])
    hidden = F.relu(F.linear(pooled, weights["head.dense.weight"], weights["head.dense.bias"]))
    return F.linear(hidden, weights["head.out.weight"], weights["head.out.bias"])


def test_the_bilstm_equals_the_one_of_torch(teacher: Teacher, batch: dict[str, Tensor]) -> None:
    shape, teacher_arrays = teacher
    arrays = initial_bilstm(teacher_arrays, SIZES, 3, seed=1)
    reference = nn.LSTM(20, 12, num_layers=2, bidirectional=True, batch_first=True)
    with torch.no_grad():
        for layer in range(2):
            for direction, suffix in (("forward", ""), ("backward", "_reverse")):
                for mine, theirs in (("weight_ih", "weight_ih"), ("weight_hh", "weight_hh"), ("bias", "bias_ih")):
                    source = torch.from_numpy(arrays[f"lstm.{layer}.{direction}.{mine}"])
                    getattr(reference, f"{theirs}_l{layer}{suffix}").copy_(source)
                getattr(reference, f"bias_hh_l{layer}{suffix}").zero_()
    actual = ElasticBiLSTM(shape, arrays)(batch["input_ids"], batch["attention_mask"]).logits
    words = torch.from_numpy(arrays["embeddings.word"])
    for row, length in enumerate(LENGTHS):
        features, _ = reference(words[batch["input_ids"][row : row + 1, :length]])
        torch.testing.assert_close(actual[row], head(arrays, features[0]), atol=1e-6, rtol=1e-5)


def test_the_cnn_equals_convolutions_of_torch(teacher: Teacher, batch: dict[str, Tensor]) -> None:
    shape, teacher_arrays = teacher
    arrays = initial_cnn(teacher_arrays, SIZES, 3, seed=1)
    actual = ElasticCNN(shape, arrays)(batch["input_ids"], batch["attention_mask"]).logits
    words = torch.from_numpy(arrays["embeddings.word"])
    for row, length in enumerate(LENGTHS):
        x = words[batch["input_ids"][row : row + 1, :length]].transpose(1, 2)
        for layer in range(2):
            flat = torch.from_numpy(arrays[f"conv.{layer}.weight"])
            kernel = flat.view(12, 5, -1).transpose(1, 2)
            output = F.relu(F.conv1d(x, kernel, torch.from_numpy(arrays[f"conv.{layer}.bias"]), padding=2))
            x = output if layer == 0 else x + output
        torch.testing.assert_close(actual[row], head(arrays, x[0].T), atol=1e-6, rtol=1e-5)


def test_a_smaller_kernel_is_the_middle_of_the_window(teacher: Teacher, batch: dict[str, Tensor]) -> None:
    shape, teacher_arrays = teacher
    arrays = initial_cnn(teacher_arrays, SIZES, 3, seed=1)
    around = {name: array.copy() for name, array in arrays.items()}
    for layer in range(2):
        around[f"conv.{layer}.weight"].reshape(12, 5, -1)[:, [0, 4]] = 0
    configuration = CNNConfiguration(20, 12, 2, 3, 60)
    actual = ElasticCNN(shape, arrays)(batch["input_ids"], batch["attention_mask"], configuration=configuration)
    expected = ElasticCNN(shape, around)(batch["input_ids"], batch["attention_mask"])
    torch.testing.assert_close(actual, expected, atol=1e-6, rtol=1e-5)


def test_a_smaller_bilstm_has_the_leading_units_of_each_gate(teacher: Teacher, batch: dict[str, Tensor]) -> None:
    shape, teacher_arrays = teacher
    arrays = initial_bilstm(teacher_arrays, SIZES, 3, seed=1)
    dead = {name: array.copy() for name, array in arrays.items()}
    # A unit whose output gate is shut and which nobody reads is the same as no unit.
    for layer in range(2):
        for direction in ("forward", "backward"):
            dead[f"lstm.{layer}.{direction}.weight_hh"][:, 7:] = 0
    dead["lstm.1.forward.weight_ih"].reshape(-1, 2, 12)[:, :, 7:] = 0
    dead["lstm.1.backward.weight_ih"].reshape(-1, 2, 12)[:, :, 7:] = 0
    dead["head.dense.weight"].reshape(-1, 4, 12)[:, :, 7:] = 0
    configuration = BiLSTMConfiguration(20, 7, 2, 60)
    actual = ElasticBiLSTM(shape, arrays)(batch["input_ids"], batch["attention_mask"], configuration=configuration)
    expected = ElasticBiLSTM(shape, dead)(batch["input_ids"], batch["attention_mask"])
    torch.testing.assert_close(actual, expected, atol=1e-6, rtol=1e-5)


def test_students_start_from_the_teachers_leading_channels(teacher: Teacher) -> None:
    vectors = teacher_word_vectors(teacher[1], 10)
    np.testing.assert_allclose(vectors.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(vectors.std(0), 1, atol=1e-5)
    for channel in range(10):
        correlation = np.corrcoef(vectors[:, channel], teacher[1]["embeddings.word"][:, channel])[0, 1]
        assert correlation == pytest.approx(1.0)
    with pytest.raises(InputError, match="at most the teacher's 24 channels, but got 25"):
        teacher_word_vectors(teacher[1], 25)


def test_a_teacher_with_narrow_embeddings_is_read_after_its_projection() -> None:
    _, arrays = import_encoder(random_model(CONFIGS["electra-small"]()))
    vectors = teacher_word_vectors(arrays, 24)
    assert vectors.shape == (60, 24)
    assert np.linalg.matrix_rank(vectors, tol=1e-3) == 10


def test_the_same_seed_gives_the_same_student(teacher: Teacher) -> None:
    first, again, other = (initial_bilstm(teacher[1], SIZES, 3, seed) for seed in (4, 4, 5))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["lstm.0.forward.weight_hh"], other["lstm.0.forward.weight_hh"])


def test_sizes_cover_configurations() -> None:
    configurations = [BiLSTMConfiguration(8, 64, 1, 60), BiLSTMConfiguration(16, 32, 2, 60)]
    assert StudentSizes.covering(configurations) == StudentSizes(16, 64, 2, 1)
    assert StudentSizes.covering([CNNConfiguration(8, 4, 1, 5, 60)]) == StudentSizes(8, 4, 1, 5)


@pytest.mark.parametrize(
    ("sizes", "message"), [((0, 1, 1, 3), "embedding_size must be"), ((1, 1, 1, 4), "must be odd")]
)
def test_sizes_are_checked(sizes: tuple[int, int, int, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        StudentSizes(*sizes)


@pytest.mark.skipif(not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="this processor has no bfloat16 LSTM")
def test_students_train_under_bfloat16_autocast(teacher: Teacher, batch: dict[str, Tensor]) -> None:
    shape, arrays = teacher
    for network in (
        ElasticBiLSTM(shape, initial_bilstm(arrays, SIZES, 3)),
        ElasticCNN(shape, initial_cnn(arrays, SIZES, 3)),
    ):
        with torch.autocast("cpu", torch.bfloat16):
            logits = network.logits(**batch)
        assert logits.dtype == torch.float32
        logits.square().sum().backward()
        torch.testing.assert_close(logits, network.logits(**batch), atol=0.1, rtol=0.1)
