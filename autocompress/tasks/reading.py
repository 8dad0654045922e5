"""Turns encoded rows into texts again, which a tokenizer with another vocabulary can read."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from autocompress.tasks.dataset import TextSplit
from autocompress.tasks.encoding import EncodedSplit

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def decoded(split: EncodedSplit, tokenizer: Tokenizer, *, pair: bool) -> TextSplit:
    """Decode the rows of a split; the second text of a pair has the tokens whose type is not 0.

    Special tokens are left out, among them the unknown one: nobody can tell what it stood for. A text that begins
    within a word begins with the rest of that word.
    """
    chosen = [split.type_ids == 0, split.type_ids != 0] if pair else [np.ones(len(split.tokens), bool)]
    columns = [_texts(split.tokens[of], _offsets(split, of), tokenizer) for of in chosen]
    return TextSplit(list(zip(*columns, strict=True)), split.labels)


def joined(first: EncodedSplit, second: EncodedSplit) -> EncodedSplit:
    """Return the rows of one split, then those of another."""
    offsets = np.concatenate([first.offsets, first.offsets[-1] + second.offsets[1:]])
    labels = np.concatenate([first.labels, second.labels])
    tokens, type_ids = ([getattr(split, name) for split in (first, second)] for name in ("tokens", "type_ids"))
    return EncodedSplit(np.concatenate(tokens), np.concatenate(type_ids), offsets, labels)


def _offsets(split: EncodedSplit, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return where the rows begin and end [n + 1] among the chosen tokens [total]."""
    return np.concatenate([[0], np.cumsum(chosen)])[split.offsets]


def _texts(tokens: NDArray[np.int32], offsets: NDArray[np.int64], tokenizer: Tokenizer) -> list[str]:
    rows = [tokens[begin:end].tolist() for begin, end in pairwise(offsets)]
    within_word = getattr(tokenizer.decoder, "prefix", None) or ""
    return [text.strip().removeprefix(within_word) for text in tokenizer.decode_batch(rows, skip_special_tokens=True)]
