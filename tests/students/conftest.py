"""Fixtures of the students' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from tiny_models import CONFIGS, random_batch, random_model

from autocompress.domain.shape import EncoderShape
from autocompress.networks.families.import_encoder import import_encoder
from autocompress.networks.weights import Arrays
from autocompress.students.transformer.exit_heads import add_exit_heads


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    return random_batch(60)


@pytest.fixture(scope="session")
def teacher() -> tuple[EncoderShape, Arrays]:
    return import_encoder(random_model(CONFIGS["bert"]()))


@pytest.fixture(scope="session")
def exit_teacher(teacher: tuple[EncoderShape, Arrays]) -> tuple[EncoderShape, Arrays]:
    shape, arrays = teacher
    return add_exit_heads(arrays, shape, hidden=7, seed=3)
