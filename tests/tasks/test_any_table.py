"""Whatever a file holds, loading it ends in labelled text that can be encoded, or in an error of one line."""

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from autocompress.domain.problem import DataSource
from autocompress.system.errors import InputError
from autocompress.tasks.dataset import TextDataset
from autocompress.tasks.declared import DeclaredTask
from autocompress.tasks.kinds import TASK_KINDS
from autocompress.tasks.loading import load_dataset
from autocompress.tasks.tables import READERS

FEW = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=12)
WRITTEN = st.sampled_from(
    [
        *("1", "1.0", "007", "7", "1e5", "1e999999999", "9" * 400, "-0", "nan", "inf", "NA", "2,14", "3,5", "[1, 0]"),
        *("['a']", "{", "[", "a", "A", " a", "", "\0", "\ud800", "é", "e\u0301", "\u200b", "1.10", "1.1", "true", "٣"),
    ]
)
VALUES = (
    st.one_of(ANY_TEXT, WRITTEN, st.integers(), st.integers(0, 3), st.floats(), st.booleans(), st.none())
    | st.lists(st.integers(0, 3), max_size=2)
    | st.dictionaries(st.text(max_size=2), st.integers(), max_size=1)
)
HEADERS = st.sampled_from([("text", "label"), ("text", "score"), ("", "label"), ("a\0", "label"), ("label", "label")])
DECLARED = st.none() | st.builds(
    DeclaredTask,
    st.none() | st.integers(1, 4),
    st.sampled_from([None, "regression", "single_label_classification", "multi_label_classification", "odd"]),
    st.sampled_from([(), ("a", "b"), ("1", "2", "3")]),
)


def ends_well(path: Path, task: str | None = None, declared: DeclaredTask | None = None) -> bool:
    """Whether the file could be used; anything but a data set or an error of one line fails the test."""
    try:
        loaded = load_dataset(DataSource(str(path), task=task), declared=declared)
    except InputError as error:
        assert len(str(error).splitlines()) == 1
        assert str(error).encode()
        return False
    assert isinstance(loaded, TextDataset)
    for split in loaded.splits.values():
        assert all(text.encode() and "\0" not in text for row in split.texts for text in row)
        assert np.all(np.isfinite(split.labels.astype(np.float64)))
    assert json.dumps(loaded.task.to_json(), ensure_ascii=False).encode()
    assert all(note.encode() and len(note.splitlines()) == 1 for note in loaded.notes)
    return True


@st.composite
def tables(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> tuple[tuple[str, str], list[tuple[Any, Any]]]:
    """A header and rows of few labels that recur, with a few odd ones among them."""
    labels = draw(st.lists(values, min_size=1, max_size=4))
    rows = [(f"text {row}", labels[row % len(labels)]) for row in range(draw(st.sampled_from([3, 60])))]
    odd = draw(st.lists(st.tuples(values, values), max_size=3))
    return draw(HEADERS), [*odd, *rows]


@FEW
@given(st.binary(max_size=300), st.sampled_from(sorted(READERS)), st.booleans())
@example(b"\xff\xfe\x00", ".csv", False)
@example(b"[" * 100_000, ".json", False)
@example(b"1" * 5000, ".jsonl", False)
@example(b"\xef\xbb\xbf\xef\xbb\xbftext,label\n", ".csv", False)
def test_any_bytes(tmp_path: Path, content: bytes, suffix: str, headed: bool) -> None:
    path = tmp_path / f"t{suffix}"
    content = b"text,label\n" + content if headed else content
    path.write_bytes(gzip.compress(content) if suffix.endswith(".gz") and len(content) % 2 else content)
    ends_well(path)


@FEW
@given(tables(ANY_TEXT | WRITTEN), st.sampled_from([",", ";", "\t", "|"]), st.sampled_from(["\n", "\r\n", "\r"]))
@example((("text", "label"), [(f"t{row}", "ab"[row % 2]) for row in range(60)]), ",", "\n")
def test_any_delimited_table(tmp_path: Path, table, delimiter: str, ends: str) -> None:
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=delimiter, lineterminator=ends).writerows([table[0], *table[1]])
    path = tmp_path / "t.csv"
    path.write_bytes(stream.getvalue().encode("utf-8", "surrogatepass"))
    ends_well(path)


@FEW
@given(
    tables(VALUES),
    st.sampled_from(["lines", "list", "columns"]),
    st.none() | st.sampled_from(sorted(TASK_KINDS)),
    DECLARED,
)
@example((("text", "label"), [(f"t{row}", row % 2) for row in range(60)]), "lines", None, None)
@example((("text", "label"), [(f"t{row}", "1e999999999"[: 1 + row % 11]) for row in range(60)]), "lines", None, None)
def test_any_json_table(tmp_path: Path, table, form: str, task: str | None, declared: DeclaredTask | None) -> None:
    header, rows = table
    objects = [dict(zip(header, row, strict=True)) for row in rows]
    match form:
        case "lines":
            text = "\n".join(map(json.dumps, objects))
        case "list":
            text = json.dumps(objects)
        case "columns":
            text = json.dumps({name: [row[place] for row in rows] for place, name in enumerate(header)})
    path = tmp_path / "t.json"
    path.write_text(text)
    ends_well(path, task, declared)


NUMBERS = st.lists(st.integers(0, 3) | st.none(), min_size=1, max_size=60)
TYPES = st.sampled_from(
    [
        *(pyarrow.int64(), pyarrow.uint64(), pyarrow.float32(), pyarrow.bool_(), pyarrow.string(), pyarrow.binary()),
        *(pyarrow.decimal128(25, 2), pyarrow.date32(), pyarrow.timestamp("ns"), pyarrow.duration("us")),
        *(pyarrow.dictionary(pyarrow.int8(), pyarrow.string()), pyarrow.list_(pyarrow.int32()), pyarrow.null()),
    ]
)


@FEW
@given(
    TYPES,
    TYPES,
    st.lists(st.integers(0, 3) | st.none(), min_size=1, max_size=60),
    st.none() | st.sampled_from(sorted(TASK_KINDS)),
)
@example(pyarrow.string(), pyarrow.uint64(), [0, 1] * 30, None)
def test_any_parquet_table(tmp_path: Path, text: Any, label: Any, values: list[int | None], task: str | None) -> None:
    def column(kind: Any, unique: bool) -> Any:
        numbers = [row if unique and value is not None else value for row, value in enumerate(values)]
        if kind == pyarrow.null():
            return pyarrow.nulls(len(numbers))
        if pyarrow.types.is_list(kind):
            return pyarrow.array([None if number is None else [number] for number in numbers], kind)
        if pyarrow.types.is_dictionary(kind) or kind in (pyarrow.string(), pyarrow.binary()):
            return pyarrow.array([None if number is None else f"n{number}" for number in numbers], kind)
        whole = pyarrow.array(numbers, pyarrow.int32() if kind == pyarrow.date32() else pyarrow.int64())
        return whole.cast(kind)

    path = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"text": column(text, True), "label": column(label, False)}), path)
    ends_well(path, task)


@pytest.mark.parametrize("cut", [3, 100, -1])
def test_a_parquet_file_that_is_cut_off(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"text": ["a"] * 30, "label": [0, 1] * 15}), path)
    path.write_bytes(path.read_bytes()[:cut])
    assert not ends_well(path)


def test_what_is_right_ends_in_a_data_set(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["text,label", *(f"text {row},{row % 2}" for row in range(60))]))
    assert ends_well(path)
