"""Buckets of distances against those of transformers' MPNet, and at the ends of their ranges."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
import torch
from transformers.models.mpnet.modeling_mpnet import MPNetEncoder

from autocompress.networks import relative_positions
from autocompress.networks.relative_positions import distance_buckets, pair_buckets


@pytest.mark.parametrize("num_buckets", [32, 16, 8])
def test_the_buckets_are_those_of_transformers(num_buckets: int) -> None:
    expected = MPNetEncoder.relative_position_bucket(torch.arange(-511, 512), num_buckets=num_buckets)
    np.testing.assert_array_equal(distance_buckets(512, num_buckets), expected.numpy())


def test_the_example_gives_what_it_shows() -> None:
    failed, tried = doctest.testmod(relative_positions, verbose=False)
    assert tried and not failed


def test_ranges_begin_where_the_logarithm_says() -> None:
    """Half powers of 2 from 8 on, rounded up: 8, 11.3, 16, 22.6, 32, 45.3, 64, 90.5."""
    ahead = distance_buckets(200, 32)[199:]
    assert ahead[0] == 0 and ahead[1:8].tolist() == list(range(17, 24))
    begins = [8, 12, 16, 23, 32, 46, 64, 91]
    assert (np.flatnonzero(np.diff(ahead)) + 1).tolist() == [*range(1, 8), *begins]
    assert ahead[-1] == 31


@pytest.mark.parametrize("length", [0, 1, 2, 30])
def test_pairs_read_the_bucket_of_their_distance(length: int) -> None:
    buckets = pair_buckets(length, 32)
    assert buckets.shape == (length, length)
    by_distance = distance_buckets(64, 32)
    for query in range(length):
        for key in range(length):
            assert buckets[query, key] == by_distance[key - query + 63]
