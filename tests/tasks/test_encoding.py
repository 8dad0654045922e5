import copy
import dataclasses
import resource
import signal
from pathlib import Path

import numpy as np
import pytest

from autocompress.system.errors import InputError, StorageError, StudyError
from autocompress.system.files import read_sealed, write_sealed
from autocompress.tasks.dataset import TextDataset, TextSplit
from autocompress.tasks.encoding import EncodedDataset, EncodedSplit
from autocompress.tasks.task import Task
from autocompress.tasks.tokenizing import encode, encode_split, unknown_notes

TEXTS = [
    ("a plane takes off", "an air plane is taking off now"),
    ("short", "also short"),
    ("word " * 400, "other " * 50),
]


def pairs(count: int = 30) -> TextDataset:
    texts = TEXTS + [(f"number {i}", f"it is {i}") for i in range(count - len(TEXTS))]
    split = TextSplit(texts, np.linspace(0, 5, count).astype(np.float32))
    return TextDataset(
        "pairs", Task("regression", ("a", "b"), "score", ()), dict.fromkeys(("train", "validation", "test"), split)
    )


@pytest.fixture(scope="module")
def roberta_like(tmp_path_factory: pytest.TempPathFactory):
    """A byte-level tokenizer with RoBERTa's template and without type ids, trained on the spot."""
    import tokenizers
    from transformers import PreTrainedTokenizerFast

    backend = tokenizers.ByteLevelBPETokenizer()
    backend.train_from_iterator(
        [text for row in TEXTS for text in row], 400, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    )
    ids = {token: backend.token_to_id(token) for token in ("</s>", "<s>")}
    backend._tokenizer.post_processor = tokenizers.processors.RobertaProcessing(
        ("</s>", ids["</s>"]), ("<s>", ids["<s>"])
    )
    names = {"bos": "<s>", "pad": "<pad>", "eos": "</s>", "unk": "<unk>", "mask": "<mask>"}
    return PreTrainedTokenizerFast(
        tokenizer_object=backend._tokenizer, **{f"{key}_token": token for key, token in names.items()}
    )


def after_separator(ids: list[int]) -> list[int]:
    """The token types of a pair whose tokenizer gives none: 1 after the first separator, which also ends the row."""
    return [int(ids[-1] in ids[:place]) for place in range(len(ids))]


@pytest.mark.parametrize("which", ["minilm", "roberta"])
@pytest.mark.parametrize("limit", [16, 64, 512])
def test_token_ids_are_those_of_transformers(minilm_tokenizer, roberta_like, which: str, limit: int) -> None:
    tokenizer = minilm_tokenizer if which == "minilm" else roberta_like
    split, cut = encode_split(pairs().splits["train"], tokenizer.backend_tokenizer, limit)
    first, second = zip(*pairs().splits["train"].texts, strict=True)
    expected = tokenizer(list(first), list(second), truncation=True, max_length=limit, return_token_type_ids=True)
    batch = split.batch(np.arange(len(split)), tokenizer.pad_token_id)
    for row, length in enumerate(split.lengths):
        assert batch.input_ids[row, :length].tolist() == expected["input_ids"][row]
        types = expected["token_type_ids"][row] if which == "minilm" else after_separator(expected["input_ids"][row])
        assert batch.token_type_ids[row, :length].tolist() == types
    assert cut == sum(len(ids) == limit for ids in expected["input_ids"])


def test_encoding_leaves_the_tokenizer_alone(minilm_tokenizer) -> None:
    before = minilm_tokenizer.backend_tokenizer.to_str()
    encode(pairs(), minilm_tokenizer, 32)
    assert minilm_tokenizer.backend_tokenizer.to_str() == before


def test_the_demo_in_numbers(demo, minilm_tokenizer) -> None:
    encoded = encode(demo, minilm_tokenizer)
    assert encoded.max_length % 8 == 0
    assert 32 <= encoded.max_length <= 96
    assert (encoded.pad_id, encoded.unknown_id, encoded.vocab_size) == (0, 100, 30522)
    assert encoded.special_ids == (0, 100, 101, 102, 103)
    assert encoded.notes[0] == demo.notes[0]
    train = encoded.train
    assert set(train.tokens[train.offsets[:-1]].tolist()) == {101}
    assert set(train.tokens[train.offsets[1:] - 1].tolist()) == {102}
    assert train.lengths.max() <= encoded.max_length
    assert (train.lengths == encoded.max_length).mean() <= 0.003
    assert train.labels.tolist() == demo.splits["train"].labels.tolist()
    assert minilm_tokenizer.decode(train.tokens[: train.offsets[1]], skip_special_tokens=True).split()[0].isascii()


def test_limits(minilm_tokenizer) -> None:
    long = encode(pairs(), minilm_tokenizer)
    assert long.max_length == 256
    assert "train: 1 of 30 rows cut at 256 tokens (3.3%)" in long.notes
    assert encode(pairs(), minilm_tokenizer, max_positions=40).max_length == 40
    assert encode(pairs(), minilm_tokenizer, 512).max_length == 512
    for wrong in (4, 513):
        with pytest.raises(InputError, match="8 <= max_length <= 512"):
            encode(pairs(), minilm_tokenizer, wrong)


def test_ten_thousand_words_are_cut_and_said(minilm_tokenizer) -> None:
    split = TextSplit([("many words " * 5000,), ("few",)], np.array([0, 1]))
    encoded, cut = encode_split(split, minilm_tokenizer.backend_tokenizer, 128)
    assert (encoded.lengths.tolist(), cut) == ([128, 3], 1)


def test_a_slow_tokenizer_is_refused() -> None:
    with pytest.raises(InputError, match="must have a fast tokenizer"):
        encode(pairs(), object())


def small() -> EncodedDataset:
    split = EncodedSplit(
        np.array([1, 5, 2, 1, 6, 7, 2, 1, 2], dtype=np.int32),
        np.array([0, 0, 0, 0, 1, 1, 1, 0, 0], dtype=np.int8),
        np.array([0, 3, 7, 9], dtype=np.int64),
        np.array([1, 0, 1], dtype=np.int64),
    )
    task = Task("classification", ("text",), "label", ("no", "yes"))
    return EncodedDataset(split, split.subset([2, 0]), split.subset([1]), task, 9, 3, 10, 8, (1, 2), "small", ("said",))


def test_batches_by_hand() -> None:
    batch = small().train.batch([1, 0], pad_id=9)
    assert batch.input_ids.tolist() == [[1, 6, 7, 2], [1, 5, 2, 9]]
    assert batch.attention_mask.tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]
    assert batch.token_type_ids.tolist() == [[0, 1, 1, 1], [0, 0, 0, 0]]
    assert batch.labels.tolist() == [0, 1]
    assert {array.dtype for array in (batch.input_ids, batch.attention_mask, batch.token_type_ids)} == {
        np.dtype("int64")
    }
    assert small().train.batch([], pad_id=9).input_ids.shape == (0, 1)


def test_subsets_keep_rows_whole() -> None:
    split = small().train.subset([2, 0, 2])
    assert split.tokens.tolist() == [1, 2, 1, 5, 2, 1, 2]
    assert split.offsets.tolist() == [0, 2, 5, 7]
    assert split.labels.tolist() == [1, 1, 1]
    assert len(small().train.subset([])) == 0


def test_offsets_must_fit() -> None:
    with pytest.raises(ValueError, match="offsets must rise"):
        dataclasses.replace(small().train, offsets=np.array([0, 3, 7], dtype=np.int64))


@pytest.mark.parametrize("which", ["small", "demo", "pairs"])
def test_saved_is_loaded(tmp_path: Path, demo, minilm_tokenizer, which: str) -> None:
    dataset = {
        "small": small,
        "demo": lambda: encode(demo, minilm_tokenizer),
        "pairs": lambda: encode(pairs(), minilm_tokenizer),
    }[which]()
    dataset.save(tmp_path / "data")
    loaded = EncodedDataset.load(tmp_path / "data")
    assert loaded.digest == dataset.digest
    assert (loaded.task, loaded.notes, loaded.name) == (dataset.task, dataset.notes, dataset.name)
    for name, split in dataset.splits.items():
        for field in dataclasses.fields(split):
            found, expected = getattr(loaded.splits[name], field.name), getattr(split, field.name)
            assert found.dtype == expected.dtype
            assert np.array_equal(found, expected)


def test_the_digest_covers_everything_but_words_for_people() -> None:
    base = small()
    changed = base.train.tokens.copy()
    changed[1] += 1
    different = [
        dataclasses.replace(base, pad_id=8),
        dataclasses.replace(base, unknown_id=4),
        dataclasses.replace(base, vocab_size=11),
        dataclasses.replace(base, max_length=16),
        dataclasses.replace(base, special_ids=(1,)),
        dataclasses.replace(base, task=dataclasses.replace(base.task, label_names=("yes", "no"))),
        dataclasses.replace(base, validation=base.test, test=base.validation),
        dataclasses.replace(base, train=dataclasses.replace(base.train, tokens=changed)),
        dataclasses.replace(base, train=dataclasses.replace(base.train, labels=base.train.labels[::-1] * 2)),
        dataclasses.replace(base, train=dataclasses.replace(base.train, type_ids=1 - base.train.type_ids)),
    ]
    assert len({base.digest, *(dataset.digest for dataset in different)}) == 1 + len(different)
    assert dataclasses.replace(base, name="x", notes=()).digest == base.digest


def test_damage_is_found(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="must hold encoded data"):
        EncodedDataset.load(tmp_path)
    small().save(tmp_path)
    settings = read_sealed(tmp_path / "dataset.json")
    write_sealed(tmp_path / "dataset.json", settings | {"pad_id": 5})
    with pytest.raises(StudyError, match="changed since"):
        EncodedDataset.load(tmp_path)
    write_sealed(tmp_path / "dataset.json", settings | {"version": 99})
    with pytest.raises(StudyError, match="version is 99"):
        EncodedDataset.load(tmp_path)
    small().save(tmp_path)
    path = tmp_path / "dataset.safetensors"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(StudyError, match="must hold encoded data"):
        EncodedDataset.load(tmp_path)


def test_no_room_leaves_nothing_behind(tmp_path: Path) -> None:
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(StorageError, match=r"dataset\.safetensors must be writable"):
            small().save(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("which", ["minilm", "roberta"])
def test_ten_thousand_words_give_the_tokens_of_the_whole_text(minilm_tokenizer, roberta_like, which: str) -> None:
    tokenizer = minilm_tokenizer if which == "minilm" else roberta_like
    long = " ".join(f"word{i}  and" for i in range(5000))
    split = TextSplit([(long, "short"), ("short", long), ("a b", "c")], np.zeros(3, np.float32))
    encoded, cut = encode_split(split, tokenizer.backend_tokenizer, 32)
    expected = tokenizer([long, "short", "a b"], ["short", long, "c"], truncation=True, max_length=32)["input_ids"]
    assert cut == 2
    for row, ids in enumerate(expected):
        assert encoded.batch([row], 0).input_ids[0].tolist() == ids


def test_two_texts_of_ten_thousand_words_do_not_take_the_product_of_their_lengths(minilm_tokenizer) -> None:
    long = " ".join(f"word{i}" for i in range(10_000))
    split = TextSplit([(long, long)] * 20, np.zeros(20, np.float32))
    encoded, cut = encode_split(split, minilm_tokenizer.backend_tokenizer, 64)
    assert cut == 20 and set(encoded.lengths.tolist()) == {64}


@pytest.mark.parametrize("which", ["minilm", "roberta"])
@pytest.mark.parametrize("limit", [16, 64])
def test_texts_are_cut_on_the_left_where_the_tokenizer_says_so(minilm_tokenizer, roberta_like, which: str, limit: int):
    tokenizer = copy.deepcopy(minilm_tokenizer if which == "minilm" else roberta_like)
    tokenizer.truncation_side = "left"
    long = " ".join(f"word{i}  and" for i in range(5000))
    texts = [*TEXTS, (long, "short"), ("short", long)]
    split = TextSplit(texts, np.zeros(len(texts), np.float32))
    data = TextDataset(
        "left", Task("regression", ("a", "b"), "score", ()), dict.fromkeys(("train", "validation", "test"), split)
    )
    encoded = encode(data, tokenizer, limit).train
    expected = tokenizer(*map(list, zip(*texts, strict=True)), truncation=True, max_length=limit)["input_ids"]
    assert any(len(ids) == limit for ids in expected)
    for row, ids in enumerate(expected):
        assert encoded.batch([row], 0).input_ids[0].tolist() == ids


def test_the_side_is_that_of_the_tokenizer_whatever_its_file_says(minilm_tokenizer) -> None:
    tokenizer = copy.deepcopy(minilm_tokenizer)
    tokenizer.backend_tokenizer.enable_truncation(99, direction="left")
    tokenizer.truncation_side = "right"
    assert encode(pairs(), tokenizer, 32).digest == encode(pairs(), minilm_tokenizer, 32).digest


def test_the_tokenizer_s_own_limit_is_kept(minilm_tokenizer) -> None:
    tokenizer = copy.deepcopy(minilm_tokenizer)
    tokenizer.model_max_length = 100
    assert encode(pairs(), tokenizer).max_length == 100
    for wrong in (0, -1, 3, "512", True, float("nan")):
        tokenizer.model_max_length = wrong
        with pytest.raises(InputError, match="model_max_length must be at least 8 tokens"):
            encode(pairs(), tokenizer)


def test_words_that_the_tokenizer_does_not_know_are_counted_and_named(minilm_tokenizer) -> None:
    texts = [("a plane", "a plane \U0001fae0 \U0001fae0")] * 10 + [("a plane", "a \U0001fae1")] * 2
    split = TextSplit(texts, np.zeros(12, np.float32))
    note = unknown_notes(split, minilm_tokenizer.backend_tokenizer, minilm_tokenizer.unk_token_id, 32)
    assert note == [
        "32% of the training words are unknown to the tokenizer, such as '\U0001fae0', '\U0001fae1': "
        "is it the right one?"
    ]
    assert not any("unknown" in note for note in encode(pairs(), minilm_tokenizer).notes)


def test_a_tokenizer_that_fails_is_an_error_of_one_line() -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    broken = Tokenizer(models.WordPiece({"a": 0}, unk_token="[UNK]"))
    broken.pre_tokenizer = pre_tokenizers.Whitespace()
    with pytest.raises(InputError, match="tokenizer must encode every text, but"):
        encode_split(pairs().splits["train"], broken, 16)
