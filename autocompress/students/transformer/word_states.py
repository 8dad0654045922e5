"""Asks the teacher's lowest layers what it makes of each word by itself: better word vectors than its table has."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from autocompress.domain.shape import EncoderShape
from autocompress.networks.weights import Arrays
from autocompress.students.transformer.network import ElasticEncoder

LAYERS = 2
"""The states are those after this layer: what a word means by itself is known there."""
MOST_READ = 40_000
"""Only so many words, the most useful ones, are read; the states of the others are estimated."""
BATCH = 1024


def word_states(
    shape: EncoderShape, arrays: Arrays, order: NDArray[np.int32], before: tuple[int, ...], after: tuple[int, ...]
) -> NDArray[np.float32]:
    """Return the hidden states [V, H] of single words after the teacher's second layer.

    ``order`` int32 [V] holds all token ids, the most useful first. A word is read between the tokens ``before`` and
    ``after`` it, as texts have them. A linear map of word embeddings, fitted to the words that are read, gives the
    states of those that are not.
    """
    layers = {name for name in arrays if name.startswith("layers.") and int(name.split(".")[1]) >= LAYERS}
    encoder = ElasticEncoder(shape, {name: array for name, array in arrays.items() if name not in layers}).eval()
    read, words = order[:MOST_READ], arrays["embeddings.word"]
    batches = [_states(encoder, read[i : i + BATCH], before, after) for i in range(0, len(read), BATCH)]
    states = np.empty((len(order), batches[0].shape[1]), np.float32)
    states[read] = np.concatenate(batches)
    if len(read) < len(order):
        states[order[MOST_READ:]] = words[order[MOST_READ:]] @ np.linalg.lstsq(words[read], states[read], rcond=None)[0]
    return states


def _states(
    encoder: ElasticEncoder, words: NDArray[np.int32], before: tuple[int, ...], after: tuple[int, ...]
) -> NDArray[np.float32]:
    """Return the states [n, H] of ``words`` [n]."""
    texts = np.stack([np.array([*before, word, *after], np.int64) for word in words])
    ids = torch.from_numpy(texts)
    with torch.inference_mode():
        hidden = encoder(ids, torch.ones_like(ids), torch.zeros_like(ids)).hidden
    states: NDArray[np.float32] = hidden[-1][:, len(before)].numpy()
    return states
