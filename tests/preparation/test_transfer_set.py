"""Which augmented texts a transfer set gets: pairs stay pairs, and what fails is told and done without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autocompress.distillation.augmentation import AugmentationSettings, Augmenter
from autocompress.distillation.pair_augmentation import PairAugmenter
from autocompress.distillation.transfer import with_augmented
from autocompress.domain.shape import EncoderShape
from autocompress.preparation import transfer_set
from autocompress.study.prepared import Prepared
from autocompress.study.prepared_files import TEACHER, write_source
from autocompress.system.events import Event
from autocompress.tasks.encoding import EncodedDataset, EncodedSplit
from autocompress.tasks.task import Task

CLS, SEP, UNKNOWN, VOCABULARY, SEED = 2, 3, 1, 60, 5
SEPARATORS = {0, CLS, SEP}
VECTORS = np.random.default_rng(1).normal(size=(VOCABULARY, 6)).astype(np.float32)


def split_of(pair: bool, rows: int = 40) -> EncodedSplit:
    rng = np.random.default_rng(0)
    tokens, types = [], []
    for _ in range(rows):
        first, second = (rng.integers(4, VOCABULARY, rng.integers(1, 9)).tolist() for _ in range(2))
        second = [*second, SEP] if pair else []
        tokens.append([CLS, *first, SEP, *second])
        types.append([0] * (len(first) + 2) + [1] * len(second))
    offsets = np.cumsum([0, *map(len, tokens)]).astype(np.int64)
    return EncodedSplit(
        np.concatenate(tokens).astype(np.int32), np.concatenate(types).astype(np.int8), offsets, np.arange(rows) % 2
    )


def prepared(folder: Path, pair: bool, vectors: bool = True) -> Prepared:
    split, columns = split_of(pair), ("a", "b") if pair else ("a",)
    task = Task("classification", columns, "label", ("no", "yes"))
    data = EncodedDataset(split, split, split, task, 0, UNKNOWN, VOCABULARY, 16, (0, UNKNOWN, CLS, SEP))
    found = Prepared(folder)
    data.save(found.data_folder)
    shape = EncoderShape(1, 6, 1, 6, VOCABULARY, 16, 2, 2, 6)
    write_source(found.folder, TEACHER, {"embeddings.word": VECTORS} if vectors else {}, shape)
    return found


def made_up(found: Prepared, count: int = 60) -> tuple[EncodedSplit, list[str]]:
    heard: list[Event] = []
    split = transfer_set._with_augmented(found, found.data.train, count, SEED, heard.append)
    return split, [event.message for event in heard]


def is_same(first: EncodedSplit, second: EncodedSplit) -> bool:
    fields = ("tokens", "type_ids", "offsets", "labels")
    return all(np.array_equal(getattr(first, field), getattr(second, field)) for field in fields)


def test_single_texts_are_spliced(tmp_path: Path):
    split = split_of(pair=False)
    augmenter = Augmenter.for_texts(split.tokens, VECTORS, SEPARATORS, 16, AugmentationSettings(1.0, 0.15))
    found, heard = made_up(prepared(tmp_path, pair=False))
    assert is_same(found, with_augmented(split, augmenter, 60, SEED)) and not heard


def test_pairs_stay_pairs(tmp_path: Path):
    split = split_of(pair=True)
    augmenter = PairAugmenter.for_split(split, VECTORS, SEPARATORS, 16, seed=SEED)
    found, heard = made_up(prepared(tmp_path, pair=True))
    assert is_same(found, with_augmented(split, augmenter, 60, SEED)) and not heard


def test_without_pairs_words_are_replaced_and_without_those_nothing_is_made_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("broken for the test")

    split = split_of(pair=True)
    monkeypatch.setattr(PairAugmenter, "augment", fail)
    augmenter = Augmenter.for_texts(split.tokens, VECTORS, SEPARATORS, 16, AugmentationSettings(0.0, 0.15))
    found, heard = made_up(prepared(tmp_path / "words", pair=True))
    assert is_same(found, with_augmented(split, augmenter, 60, SEED))
    assert heard == ["no pairs are made up: RuntimeError: broken for the test"]
    found, heard = made_up(prepared(tmp_path / "nothing", pair=True, vectors=False))
    assert is_same(found, split) and [message.split(":")[0] for message in heard] == [
        "no pairs are made up",
        "no texts with replaced words are made up",
    ]
