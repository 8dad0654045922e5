"""Fixtures of the networks' tests."""

from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import patch

import pytest
import torch
from tiny_models import CONFIGS

from autocompress.networks.families import FAMILIES

with patch.dict(FAMILIES):  # importing it registers it for good
    import toy_family


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def toy() -> Iterator[None]:
    """The toy family is one of the ``FAMILIES`` during a test."""
    with patch.dict(FAMILIES), patch.dict(CONFIGS):
        FAMILIES["toy"], CONFIGS["toy"] = toy_family.TOY, toy_family.tiny_config
        yield
