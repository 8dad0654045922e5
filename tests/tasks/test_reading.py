"""Encoded rows as texts again: what a tokenizer decodes, it encodes to the same tokens."""

from __future__ import annotations

import numpy as np
import pytest
from tokenizers import Tokenizer

from autocompress.tasks.dataset import TextSplit
from autocompress.tasks.encoding import EncodedSplit
from autocompress.tasks.reading import decoded, joined
from autocompress.tasks.tokenizing import backend_of, encode_split

TEXTS = [
    ("It's a lovely film, isn't it?", "Unbelievably so."),
    ("the cinematography of (some) A-list director", "$20, 3.5% and e-mail: a@b.co"),
    ("short", "also short"),
]


@pytest.fixture(scope="module")
def bert(minilm_tokenizer) -> Tokenizer:
    return backend_of(minilm_tokenizer)


def encoded(rows: list[tuple[str, ...]], tokenizer: Tokenizer) -> EncodedSplit:
    return encode_split(TextSplit(rows, np.arange(len(rows))), tokenizer, 64)[0]


@pytest.mark.parametrize("pair", [False, True])
def test_a_decoded_text_has_the_tokens_that_it_was_decoded_from(bert: Tokenizer, pair: bool) -> None:
    split = encoded([row if pair else row[:1] for row in TEXTS], bert)
    texts = decoded(split, bert, pair=pair)
    again = encoded(texts.texts, bert)
    assert {len(row) for row in texts.texts} == {1 + pair} and texts.labels.tolist() == [0, 1, 2]
    for name in ("tokens", "type_ids", "offsets"):
        assert np.array_equal(getattr(again, name), getattr(split, name))


def test_texts_are_plain_words() -> None:
    """By hand: words of one token, an unknown one, an empty second text, and a part of a word at the beginning."""
    from tokenizers import decoders, models
    from transformers import PreTrainedTokenizerFast

    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "film", "##ly", "love"]
    tokenizer = Tokenizer(models.WordPiece({name: place for place, name in enumerate(names)}, unk_token="[UNK]"))
    tokenizer.decoder = decoders.WordPiece()
    special = {"unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]"}
    backend = backend_of(PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special))
    rows = [[2, 4, 1, 5, 3, 7, 6, 3], [2, 6, 5, 3, 3], [2, 1, 3, 4, 3]]
    types = [[0, 0, 0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 1], [0, 0, 0, 1, 1]]
    offsets = np.cumsum([0, *map(len, rows)])
    flat = np.concatenate(rows).astype(np.int32), np.concatenate(types).astype(np.int8)
    split = EncodedSplit(*flat, offsets, np.zeros(3, np.int64))
    assert decoded(split, backend, pair=True).texts == [("good film", "lovely"), ("ly film", ""), ("", "good")]
    assert decoded(split, backend, pair=False).texts == [("good film lovely",), ("ly film",), ("good",)]


def test_joined_rows_follow_each_other(bert: Tokenizer) -> None:
    first, second = encoded(TEXTS[:2], bert), encoded(TEXTS[2:], bert)
    both, whole = joined(first, second), encoded(TEXTS, bert)
    for name in ("tokens", "type_ids", "offsets"):
        assert np.array_equal(getattr(both, name), getattr(whole, name))
    assert both.labels.tolist() == [0, 1, 0]
    nothing = second.subset([])
    assert len(joined(first, nothing)) == 2 and len(joined(nothing, first)) == 2
