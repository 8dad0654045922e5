"""Computes attention after which only some of the word vectors go on, as the layer's policy of tokens says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from autocompress.students.attention_forms import attention_of
from autocompress.students.token_policies import tokens_of, unreadable


def fewer_tokens(x: Tensor, parts: Sequence[Tensor], mask: Tensor, layer: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Return the vectors [B, K, H] of ``x`` that go on, their contexts [B, K, A * d] and their mask [B, K].

    ``parts`` are query, key and value [B, A, T, d], ``mask`` [B, T] is True at tokens, and ``layer`` is the
    configuration of a layer with a policy of tokens. InputError if its attention has no probabilities to read.
    """
    probabilities, policy = attention_of(layer).probabilities, tokens_of(layer)
    if probabilities is None or policy is None:
        raise unreadable(layer)
    query, key, value = parts
    shares = probabilities(query, key, mask[:, None, None, :])
    context = (shares.to(value.dtype) @ value).transpose(1, 2).flatten(2)
    places, left = policy.kept(shares, mask, layer)

    def gathered(vectors: Tensor) -> Tensor:
        return vectors.gather(1, places.unsqueeze(-1).expand(-1, -1, vectors.shape[-1]))

    return gathered(x), gathered(context), left
