import subprocess
import sys

import numpy as np
import pytest

from autocompress.domain.problem import DataSource
from autocompress.system.errors import InputError
from autocompress.tasks.dataset import TextDataset
from autocompress.tasks.declared import DeclaredTask
from autocompress.tasks.loading import load_dataset, load_split
from autocompress.tasks.task import Task


def rows(start: int, count: int, classes: int = 2) -> list[str]:
    return [f"text number {number},class{number % classes}" for number in range(start, start + count)]


def held(dataset: TextDataset) -> dict[str, int]:
    return {name: len(split) for name, split in dataset.splits.items()}


def test_three_files_are_taken_as_they_are(write) -> None:
    names = [write(f"{i}.csv", ["text,label", *rows(100 * i, 30)]) for i in range(3)]
    loaded = load_dataset(DataSource(*names))
    assert held(loaded) == {"train": 30, "validation": 30, "test": 30}
    assert loaded.task == Task("classification", ("text",), "label", ("class0", "class1"))
    assert loaded.splits["test"].texts[1] == ("text number 201",)
    assert loaded.splits["test"].labels.tolist() == [0, 1] * 15
    assert loaded.notes == ("text from text, labels from label: 2 classes: class0, class1",)


def test_missing_splits_are_made_of_the_training_rows_and_said(write) -> None:
    train, other = write("a.csv", ["text,label", *rows(0, 1000, 4)]), write("b.csv", ["text,label", *rows(5000, 40, 4)])
    for source, expected in [
        (DataSource(train), {"train": 600, "validation": 200, "test": 200}),
        (DataSource(train, validation=other), {"train": 800, "validation": 40, "test": 200}),
        (DataSource(train, test=other), {"train": 800, "validation": 200, "test": 40}),
    ]:
        loaded = load_dataset(source, seed=1)
        assert held(loaded) == expected
        for name, split in loaded.splits.items():
            assert len(set(np.bincount(split.labels))) == 1, name
        assert len({text for split in loaded.splits.values() for text in split.texts}) == sum(expected.values())
        assert sum("split off the training data" in note for note in loaded.notes) == sum(
            given is None for given in (source.validation, source.test)
        )


def test_the_seed_decides_the_split(write) -> None:
    name = write("a.csv", ["text,label", *rows(0, 300)])
    first, again, other = (load_dataset(DataSource(name), seed).splits["test"].texts for seed in (3, 3, 4))
    assert first == again != other


def test_repeated_texts_leave_the_training_rows(write) -> None:
    train = write("a.csv", ["text,label", *rows(0, 40), *rows(0, 3)])
    validation, test = write("b.csv", ["text,label", *rows(0, 5)]), write("c.csv", ["text,label", *rows(3, 5)])
    loaded = load_dataset(DataSource(train, validation, test))
    assert held(loaded) == {"train": 43 - 8 - 3, "validation": 5, "test": 5}
    assert "11 rows dropped from train: the same text stands in validation or test" in loaded.notes


def test_no_split_made_here_shares_a_text(write) -> None:
    loaded = load_dataset(DataSource(write("a.csv", ["text,label", *rows(0, 100), *rows(0, 100), *rows(0, 100)])))
    texts = [set(split.texts) for split in loaded.splits.values()]
    assert not (texts[0] & texts[1] or texts[0] & texts[2] or texts[1] & texts[2])


def test_rows_without_text_are_dropped_and_said(write) -> None:
    name = write("a.csv", ["sentence1,sentence2,label", *[f"a{i},b{i},{i % 2}" for i in range(30)], "x,,0", "  ,y,1"])
    other = write("b.csv", ["sentence1,sentence2,label", "p,q,0", "r,s,1"])
    loaded = load_dataset(DataSource(name, other, other))
    assert held(loaded)["train"] == 30
    assert f"{name}: 2 rows without text dropped" in loaded.notes


def test_pairs_of_a_regression(write) -> None:
    lines = [f'{{"Sentence1": "a{i}", "Sentence2": "b{i}", "score": {i / 7}}}' for i in range(60)]
    loaded = load_dataset(DataSource(write("a.jsonl", lines)))
    assert loaded.task == Task("regression", ("Sentence1", "Sentence2"), "score", ())
    assert loaded.splits["train"].labels.dtype == np.float32
    number = int(loaded.splits["test"].texts[0][0][1:])
    assert loaded.splits["test"].texts[0] == (f"a{number}", f"b{number}")
    assert loaded.splits["test"].labels[0] == pytest.approx(number / 7)
    assert [note for note in loaded.notes if "class" in note] == [
        "the labels are numbers, taken as scores (a regression): some have fractions; if they are names of classes, "
        "say --task classification"
    ]


GOOD = ["text,label", *rows(0, 40)]
BAD = [
    ({"train": ["text,label", *rows(0, 19)]}, "at least 20 rows to train on, but has 19"),
    ({"train": ["text,label", *rows(0, 40, 1)]}, "at least two classes, but all are 'class0'"),
    ({"train": ["words,number,mark", "a,1,2"]}, "must have a label column, but its columns are 'words', 'number'"),
    ({"train": GOOD, "validation": ["body,label", *rows(50, 5)]}, r"validation\.csv must have the column 'text'"),
    ({"train": GOOD, "test": ["text,mark", *rows(50, 5)]}, r"test\.csv must have the column 'label'"),
    ({"train": GOOD, "test": ["text,label", "a,class0", "b,class9"]}, "data row 2 has 'class9'"),
    ({"train": GOOD, "test": ["text,label", "a,class0", "b,"]}, r"test\.csv must have a label, but data row 2"),
    ({"train": [*GOOD, "text,"]}, "data row 41 has none"),
    ({"train": GOOD, "validation": ["text,label", "a,class0"]}, "validation data must have at least 2 rows"),
    ({"train": [*GOOD, ",rare", "x,rare"], "test": ["text,label", "x,rare", "y,rare"]}, "'rare' has none left"),
    ({"train": ["text,score", *[f"t{i},{i}.5" for i in range(30)]], "test": ["text,score", "a,1", "b,1"]}, "differ"),
    ({"train": ["text,score", *[f"t{i},{i}.5" for i in range(30)]], "test": ["text,score", "a,1", "b,x"]}, "finite"),
    ({"train": ["text,label"]}, "it is empty"),
]


@pytest.mark.parametrize(("files", "message"), BAD)
def test_unusable_data_is_told_in_one_line(write, files, message: str) -> None:
    source = DataSource(**{name: write(f"{name}.csv", lines) for name, lines in files.items()})
    with pytest.raises(InputError, match=message) as caught:
        load_dataset(source)
    assert "\n" not in str(caught.value)


def test_texts_must_be_texts(write) -> None:
    name = write("a.jsonl", [f'{{"text": ["a"], "label": {i % 2}}}' for i in range(30)])
    with pytest.raises(InputError, match=r"column 'text' of .* must hold texts, but holds a list"):
        load_dataset(DataSource(name))


def test_the_checkpoint_decides_where_the_labels_leave_a_choice(write) -> None:
    source = DataSource(write("a.csv", ["text,label", *[f"text {i},{1 + i % 5}" for i in range(60)]]))
    loaded = load_dataset(source, declared=DeclaredTask(1, None, ()))
    assert loaded.task.kind == "regression" and any("(one output)" in note for note in loaded.notes)
    assert load_dataset(source).task.label_names == ("1", "2", "3", "4", "5")
    for data in (source, DataSource()):
        with pytest.raises(InputError, match="multi_label_classification"):
            load_dataset(data, declared=DeclaredTask(5, "multi_label_classification", ()))


def test_classes_that_a_split_lacks_are_told(write) -> None:
    lines = ["text,label", *rows(0, 60), "odd,rare"]
    notes = load_dataset(DataSource(write("a.csv", lines), test=write("b.csv", ["text,label", *rows(90, 4)]))).notes
    assert [note for note in notes if "of 3 classes" in note] == [
        "validation has no row of 1 of 3 classes (rare): too few rows bear them to hold some out, and training keeps "
        "one of each; its quality says nothing of them",
        "test has no row of 1 of 3 classes (rare): no row of that data bears them; its quality says nothing of them",
        "a single training row bears the label of 1 of 3 classes (rare): it is trained on, but hardly learnt from; "
        "give more rows or leave the class out",
    ]


def test_without_training_data_only_the_demo(demo) -> None:
    for beside in ({"validation": "a.csv"}, {"task": "regression"}):
        with pytest.raises(InputError, match=f"training data must be given too, but got only {next(iter(beside))}"):
            load_dataset(DataSource(**beside))
    assert load_dataset(DataSource(), seed=5).splits["test"].texts == demo.splits["test"].texts


def test_one_file_of_a_known_task(write) -> None:
    task = Task("classification", ("review",), "mark", ("no", "yes"))
    own, usual = ["mark,review", "yes,good", "no,bad", "yes,"], ["text,label", "good,yes", "bad,no"]
    for lines, notes in ((own, 1), (usual, 0)):
        split, said = load_split(write("a.csv", lines), task)
        assert (split.texts, split.labels.tolist()) == ([("good",), ("bad",)], [1, 0])
        assert len(said) == notes
    with pytest.raises(InputError, match="must have 1 text columns for this model, but 2 were found"):
        load_split(write("b.csv", ["text_a,text_b,label", "a,b,yes"]), task)
    with pytest.raises(InputError, match="data row 1 has 'maybe'"):
        load_split(write("c.csv", ["text,label", "good,maybe"]), task)


@pytest.mark.parametrize(
    ("folder", "kind", "labels", "pair"),
    [
        ("ag_news", "classification", ("Business", "Sci/Tech", "Sports", "World"), False),
        ("subj", "classification", ("objective", "subjective"), False),
        ("mrpc", "classification", ("0", "1"), True),
        ("stsb", "regression", (), True),
    ],
)
def test_public_sets(shared_data, folder: str, kind: str, labels, pair: bool) -> None:
    files = {path.stem: str(path) for path in (shared_data / folder).glob("*.csv")}
    loaded = load_dataset(DataSource(**files))
    assert (loaded.task.kind, loaded.task.label_names, loaded.task.pair) == (kind, labels, pair)
    train = set(loaded.splits["train"].texts)
    assert not train & {*loaded.splits["validation"].texts, *loaded.splits["test"].texts}
    assert all(len(split) > 300 for split in loaded.splits.values())


def test_reading_a_csv_needs_no_heavy_library(write) -> None:
    name = write("a.csv", GOOD)
    code = (
        "import sys; from autocompress.tasks.loading import load_dataset, DataSource; "
        f"load_dataset(DataSource({name!r})); "
        "sys.exit(any(m in sys.modules for m in ('torch', 'transformers', 'datasets', 'pandas', 'pyarrow')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
