import json
from pathlib import Path

import pandas
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autocompress.system.errors import InputError
from autocompress.tasks.tables import is_file, read_file

VALUES = {"text": ['say "hi", you', "two\nlines", "null", "007", "ünï"], "label": ["a", "NA", "b", "None", "a"]}


def columns(table) -> dict:
    return {name: table.read(name) for name in table.names}


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet", ".CSV"])
def test_what_pandas_writes_is_read(tmp_path: Path, suffix: str) -> None:
    path, frame = tmp_path / f"t{suffix}", pandas.DataFrame(VALUES)
    match suffix.lower():
        case ".csv":
            frame.to_csv(path, index=False)
        case ".tsv":
            frame.to_csv(path, index=False, sep="\t")
        case ".jsonl":
            frame.to_json(path, orient="records", lines=True)
        case ".parquet":
            frame.to_parquet(path)
    assert columns(read_file(str(path))) == VALUES


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    rows=st.lists(
        st.tuples(*[st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"))] * 2), min_size=1
    ),
    separator=st.sampled_from([",", "\t"]),
)
def test_any_text_survives_a_quoted_file(tmp_path: Path, rows, separator: str) -> None:
    path = tmp_path / ("t.csv" if separator == "," else "t.tsv")
    pandas.DataFrame(rows, columns=["one", "two"]).to_csv(path, index=False, sep=separator, quoting=1)
    assert columns(read_file(str(path))) == {"one": [a for a, _ in rows], "two": [b for _, b in rows]}


def test_lone_quotes_of_a_tsv_swallow_nothing(write) -> None:
    name = write("t.tsv", ["text\tlabel", '"open only\t1', "plain\t0", 'a 5" disk\t1', '"closed"\t0'])
    assert read_file(name).read("text") == ['"open only', "plain", 'a 5" disk', '"closed"']
    assert read_file(name).read("label") == ["1", "0", "1", "0"]


def test_byte_order_mark_blank_lines_and_missing_keys(tmp_path: Path, write) -> None:
    assert read_file(write("t.csv", ["text,label", "a,1", "", "b,0"], "utf-8-sig")).read("text") == ["a", "b"]
    lines = [json.dumps({"text": "a", "label": 1}), "", json.dumps({"text": "b"})]
    assert read_file(write("t.jsonl", lines)).read("label") == [1, None]


BAD = [
    ("t.csv", [], "it is empty"),
    ("t.csv", ["text,label"], "it is empty"),
    ("t.csv", ["text,label", "a,1", "b,c,0"], "data row 2 has 3"),
    ("t.csv", ["text,label", '"never closed,1', "b,0"], "data row 1 has 1; quote .* close every quote"),
    ("t.csv", ["text,text,label", "a,b,1"], "'text' is there twice"),
    ("t.jsonl", ['{"text": "a"}', "{broken"], "line 2"),
    ("t.jsonl", ["[1, 2]"], "line 1 is a list"),
    ("t.jsonl", [""], "it is empty"),
    ("t.parquet", ["no parquet"], "must be a Parquet file"),
    ("t.xlsx", ["x"], r"must end in \.csv, \.tsv, \.jsonl, \.ndjson, \.parquet"),
]


@pytest.mark.parametrize(("name", "lines", "message"), BAD)
def test_bad_tables_are_told_in_one_line(write, name: str, lines: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_file(write(name, lines))
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_latin1_is_told_with_the_way_out(write, suffix: str) -> None:
    with pytest.raises(InputError, match=r"must be UTF-8, but byte 0xe9 is not; .*iconv"):
        read_file(write(f"t{suffix}", ["text,label", "caf\u00e9,1"], "latin-1"))


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must exist"):
        read_file(str(tmp_path / "none.csv"))
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match=r"folder\.csv must be readable"):
        read_file(str(tmp_path / "folder.csv"))
    assert is_file("none.csv")
    assert not is_file("glue:mrpc")


def test_empty_parquet(tmp_path: Path) -> None:
    pandas.DataFrame({"text": [], "label": []}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match="it is empty"):
        read_file(str(tmp_path / "t.parquet"))
