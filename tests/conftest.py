"""A tiny checkpoint and labelled text that it can learn, for tests of whole runs."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from full_disk import SmallDisk
from hypothesis import settings

os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when huggingface_hub is imported

from short_search import BUDGET_S, time_for_trials

import autocompress

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

GOOD = ["fine", "great", "lovely", "bright", "happy", "superb"]
BAD = ["poor", "awful", "dull", "broken", "sad", "dreadful"]
FILLER = [
    "the",
    "film",
    "was",
    "and",
    "i",
    "think",
    "it",
    "a",
    "very",
    "day",
    "with",
    "story",
    "about",
    "some",
    "people",
    "here",
]


def sentences(count: int, seed: int) -> list[tuple[str, str]]:
    """Short texts whose label is the kind of their one telling word."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        kind = number % 2
        words = list(rng.choice(FILLER, rng.integers(4, 12)))
        words.insert(int(rng.integers(len(words))), str(rng.choice((BAD, GOOD)[kind])))
        rows.append((" ".join([*words, f"{number}"]), ("negative", "positive")[kind]))
    return rows


def write_csv(path: Path, rows: list[tuple[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("text", "label"))
        writer.writerows(rows)
    return path


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Files of 400, 120 and 120 rows."""
    folder = tmp_path_factory.mktemp("data")
    sizes = {"train": 400, "validation": 120, "test": 120}
    return {
        name: str(write_csv(folder / f"{name}.csv", sentences(count, seed)))
        for seed, (name, count) in enumerate(sizes.items())
    }


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A random BERT of two narrow layers with a word-level vocabulary, saved as a checkpoint folder."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("checkpoint")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *FILLER, *GOOD, *BAD]
    vocabulary = {word: index for index, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [("[CLS]", 2), ("[SEP]", 3)]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", ends)
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, mask_token="[MASK]", model_max_length=64, **special)
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=96,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def tiny_mpnet(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A random MPNet, wider than the tiny BERT, whose tokenizer has pieces of words and numbers in another order."""
    import torch
    from transformers import MPNetConfig, MPNetModel, MPNetTokenizer

    folder = tmp_path_factory.mktemp("mpnet")
    pieces = ["love", "##ly", *(f"{begin}{digit}" for begin in ("", "##") for digit in range(10))]
    words = [word for word in reversed([*FILLER, *GOOD, *BAD]) if word != "lovely"]
    vocabulary = ["<s>", "<pad>", "</s>", "<unk>", "[UNK]", *words, *pieces, "<mask>"]
    tokenizer = MPNetTokenizer(vocab={word: place for place, word in enumerate(vocabulary)}, model_max_length=64)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = MPNetConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=66,
    )
    MPNetModel(config).save_pretrained(folder)
    return str(folder)


def trained(checkpoint: str, folder: Path, count: int = 1600) -> str:
    """Give a checkpoint a head for negative and positive, train it until it knows them, and save it to the folder."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    torch.manual_seed(0)
    names = {"id2label": {0: "negative", 1: "positive"}, "label2id": {"negative": 0, "positive": 1}}
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint, **names).train()
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
    rows = sentences(count, 7)
    for begin in range(0, len(rows), 32):
        texts, labels = zip(*rows[begin : begin + 32], strict=True)
        inputs = tokenizer(list(texts), padding=True, return_tensors="pt")
        wanted = torch.tensor([names["label2id"][label] for label in labels])
        loss = torch.nn.functional.cross_entropy(model(**inputs).logits, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def trained_checkpoint(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: str) -> str:
    """The tiny checkpoint with a trained head."""
    return trained(tiny_checkpoint, tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="session")
def trained_mpnet(tmp_path_factory: pytest.TempPathFactory, tiny_mpnet: str) -> str:
    """The tiny MPNet with a trained head."""
    return trained(tiny_mpnet, tmp_path_factory.mktemp("trained-mpnet"), 4800)


@pytest.fixture(scope="module")
def short_searches() -> Iterator[None]:
    """Searches in this process have the time shares of short ones."""
    with time_for_trials():
        yield


@pytest.fixture(scope="session")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the study ``tiny``."""
    return tmp_path_factory.mktemp("studies")


@pytest.fixture(scope="session")
def study(studies: Path, tiny_checkpoint: str, tiny_data: dict[str, str]) -> autocompress.Study:
    """A finished search of eight trials; tests that change one take a copy."""
    with time_for_trials():
        return autocompress.search(
            tiny_checkpoint,
            **tiny_data,
            max_latency_ms=50.0,
            time_budget_s=BUDGET_S,
            trials=8,
            study="tiny",
            studies_dir=studies,
        )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Room for a study of the tiny checkpoint."""
    disk = SmallDisk(tmp_path / "disk", "300m")
    yield disk
    disk.close()
