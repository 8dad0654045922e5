"""One contract over all student types."""

from __future__ import annotations

import pytest
import torch
from student_suite import CHECKS
from tiny_models import random_batch

from autocompress.domain.shape import EncoderShape
from autocompress.networks.weights import Arrays
from autocompress.students import STUDENTS
from autocompress.students.bilstm.configuration import BiLSTMConfiguration
from autocompress.students.cnn.configuration import CNNConfiguration
from autocompress.students.configuration import Configuration
from autocompress.students.cutting import cut
from autocompress.students.pooled.word_vectors import StudentSizes
from autocompress.students.transformer.configuration import LayerConfiguration, TransformerConfiguration
from autocompress.system.errors import InputError

SIZES = StudentSizes(embedding_size=20, hidden_size=12, num_layers=3, kernel_size=5)
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


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("student", list(STUDENTS))
def test_a_student_type_keeps_the_contract(student: str, check: str) -> None:
    CHECKS[check](STUDENTS[student])


def test_fake_quantization_without_a_configuration_is_refused(
    exit_teacher: tuple[EncoderShape, Arrays], batch: dict[str, torch.Tensor]
) -> None:
    shape, arrays = exit_teacher
    network = STUDENTS["cnn"].network(shape, STUDENTS["cnn"].initial(arrays, shape, [SIZES], 0)[1])
    with pytest.raises(ValueError, match="needs a configuration"):
        network.logits(**batch, fake_quantize=True)


@pytest.mark.parametrize(("configuration", "message"), TOO_LARGE)
def test_more_than_there_is_is_refused(
    configuration: Configuration, message: str, exit_teacher: tuple[EncoderShape, Arrays]
) -> None:
    shape, arrays = exit_teacher
    if configuration.student != "transformer":
        arrays = STUDENTS[configuration.student].initial(arrays, shape, [SIZES], 0)[1]
    with pytest.raises(InputError, match=message):
        cut(arrays, shape, configuration)


@pytest.mark.parametrize("student", list(STUDENTS))
def test_a_token_map_and_the_mapped_ids_give_the_same(
    student: str, exit_teacher: tuple[EncoderShape, Arrays], batch: dict[str, torch.Tensor]
) -> None:
    shape, arrays = exit_teacher
    shape, arrays = STUDENTS[student].initial(arrays, shape, [SIZES], 0)
    network = STUDENTS[student].network(shape, arrays)
    token_map = torch.arange(60)
    token_map[20:] = 3
    mapped = {**batch, "input_ids": token_map[batch["input_ids"]]}
    torch.testing.assert_close(network.logits(**batch, token_map=token_map), network.logits(**mapped), rtol=0, atol=0)


@pytest.mark.parametrize("student", list(STUDENTS))
def test_bfloat16_gives_finite_logits_of_a_row_without_tokens(
    student: str, exit_teacher: tuple[EncoderShape, Arrays]
) -> None:
    if student == "bilstm":
        pytest.skip("torch's LSTM on a CPU has no bfloat16 for rows of this kind")
    shape, arrays = exit_teacher
    shape, arrays = STUDENTS[student].initial(arrays, shape, [SIZES], 0)
    without = {name: torch.cat([torch.zeros_like(value[:1]), value]) for name, value in random_batch(60).items()}
    with torch.autocast("cpu", torch.bfloat16), torch.inference_mode():
        assert torch.isfinite(STUDENTS[student].network(shape, arrays).logits(**without)).all()
