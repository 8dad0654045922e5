"""Names of data sets, by the real ``datasets`` library on local folders: nothing is fetched."""

from pathlib import Path

import datasets
import pytest

from autocompress.domain.problem import DataSource
from autocompress.system.errors import InputError
from autocompress.tasks.loading import load_dataset, load_split

NAMES = ["zebra", "ape", "mouse"]


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def make_folder(folder: Path, labels: dict[str, list[int]]) -> str:
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["unused", *NAMES])}
    )
    folder.mkdir()
    for split, values in labels.items():
        texts = [f"{split} text {row}" for row in range(len(values))]
        table = datasets.Dataset.from_dict({"text": texts, "label": values}, features=features)
        table.to_parquet(folder / f"{split}.parquet")
    return str(folder)


def test_declared_classes_keep_their_order_and_names(tmp_path: Path) -> None:
    name = make_folder(tmp_path / "d", {"train": [1, 2, 3] * 20, "validation": [3, 1, 2], "test": [2, 2, 3]})
    loaded = load_dataset(DataSource(train=name))
    assert loaded.task.label_names == tuple(NAMES)
    assert loaded.splits["train"].labels.tolist() == [0, 1, 2] * 20
    assert loaded.splits["validation"].labels.tolist() == [2, 0, 1]
    assert loaded.splits["test"].labels.tolist() == [1, 1, 2]
    assert load_split(name, loaded.task)[0].texts == loaded.splits["test"].texts


def test_secret_test_labels_are_not_used(tmp_path: Path) -> None:
    name = make_folder(tmp_path / "d", {"train": [1, 2, 3] * 20, "validation": [3, 1, 2], "test": [-1, -1]})
    loaded = load_dataset(DataSource(train=name))
    assert len(loaded.splits["test"]) == 12
    assert any("has no labels" in note for note in loaded.notes)


def test_secret_validation_labels_are_not_used_either(tmp_path: Path) -> None:
    name = make_folder(tmp_path / "d", {"train": [1, 2, 3] * 20, "validation": [-1, -1, -1], "test": [1, 2, 3]})
    loaded = load_dataset(DataSource(train=name))
    assert (len(loaded.splits["validation"]), len(loaded.splits["test"])) == (12, 3)


def test_rows_without_a_label_are_left_out(tmp_path: Path) -> None:
    name = make_folder(tmp_path / "d", {"train": [1, -1, 2, 3] * 20, "validation": [3, -1, 2], "test": [2, 2, 3]})
    loaded = load_dataset(DataSource(train=name))
    assert loaded.task.label_names == tuple(NAMES)
    assert len(loaded.splits["train"]) == 60
    assert loaded.splits["validation"].labels.tolist() == [2, 1]
    assert [note.endswith("20 rows without a label (-1) left out") for note in loaded.notes].count(True) == 1


def test_names_in_a_parquet_file_are_those_of_the_data_set(tmp_path: Path) -> None:
    name = make_folder(tmp_path / "d", {"train": [1, 2, 3] * 20})
    assert load_dataset(DataSource(train=f"{name}/train.parquet")).task.label_names == tuple(NAMES)


@pytest.mark.parametrize("name", ["no-such-data-set", "nobody/nothing:part"])
def test_what_cannot_be_had_is_neither_a_file_nor_a_data_set(name: str) -> None:
    with pytest.raises(InputError, match=f"'{name}' is neither a file nor an available data set") as caught:
        load_dataset(DataSource(train=name))
    assert "\n" not in str(caught.value)


def test_a_train_split_is_needed(tmp_path: Path) -> None:
    name = make_folder(tmp_path / "d", {"test": [1, 2]})
    with pytest.raises(InputError, match="must have a train split, but has test"):
        load_dataset(DataSource(train=name))
