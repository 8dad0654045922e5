"""Files of labelled text as people bring them: right but unusual, or wrong in one way each."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

COUNT = 60
TEXTS = [f"text number {row} is {'good' if row % 2 else 'bad'}" for row in range(COUNT)]
NAMES = ["bad", "good"]
CLASS_LABEL = {"text": {"_type": "Value"}, "label": {"_type": "ClassLabel", "names": ["zebra", "ape"]}}


def table(labels: Sequence[Any], separator: str = ",", header: str = "text,label", ends: str = "\n") -> str:
    """A delimited table of all texts with ``labels`` in turn."""
    lines = [f"{text}{separator}{labels[row % len(labels)]}" for row, text in enumerate(TEXTS)]
    return ends.join([header.replace(",", separator), *lines, ""])


def objects(labels: Sequence[Any]) -> list[dict[str, Any]]:
    return [{"text": text, "label": labels[row % len(labels)]} for row, text in enumerate(TEXTS)]


def json_lines(labels: Sequence[Any]) -> str:
    return "\n".join(map(json.dumps, objects(labels)))


NUMBERED = {
    "zeros.csv": ["007", "7"],
    "versions.csv": ["1.1", "1.10", "1.2"],
    "long_ids.csv": ["1234567890123456788", "1234567890123456789"],
    "exponents.csv": ["1e5", "100000"],
    "signs.csv": ["+1", "-1"],
    "whole_floats.csv": ["0.0", "1.0"],
    "stars.csv": ["1", "2", "3", "4", "5"],
    "by_four.csv": list(range(0, 101, 4)),
    "indices.csv": list(range(20)),
    "fractions.csv": [row / 7 for row in range(COUNT)],
    "case.csv": ["Good", "good", "bad"],
    "forms.csv": ["caf\u00e9", "cafe\u0301"],
    "invisible.csv": ["good", "good\u200b"],
    "nan_name.csv": ["nan", "known"],
    "missing_number.csv": ["0", "1", "1", "NA"],
    "list_text.csv": ["\"['a', 'b']\"", "['a']"],
    "vectors.csv": ["[0 1]", "[1 0]"],
    "joined.csv": ['"2,14"', "2", "14"],
    "decimal_comma.csv": ['"3,5"', '"4,0"', "4"],
    "huge_numbers.csv": ["1e300", "0.5"],
    "single.csv": [*["a", "b"] * 29, "a", "rare"],
}


def write_files(folder: Path) -> None:
    """Write every file into ``folder``."""
    texts = {name: table(labels) for name, labels in NUMBERED.items()}
    texts |= {
        "semicolons.csv": table(NAMES, ";"),
        "tabs.csv": table(NAMES, "\t"),
        "bars.csv": table(NAMES, "|"),
        "commas.tsv": table(NAMES),
        "excel.csv": "sep=;\n" + table(NAMES, ";"),
        "carriage.csv": table(NAMES, ends="\r"),
        "windows.csv": table(NAMES, ends="\r\n"),
        "blank_end.csv": table(NAMES) + ",\n,\n",
        "trailing.csv": table(["bad,", "good,"]),
        "index.csv": ",phrase,label\n" + "".join(f"{row},{text},{row % 2}\n" for row, text in enumerate(TEXTS)),
        "spaced_header.csv": table(NAMES, header="text, label"),
        "header_again.csv": table(NAMES) + table(NAMES).replace("number", "line"),
        "no_header.csv": table(NAMES).split("\n", 1)[1],
        "header_only.csv": "text,label\n",
        "no_delimiter.csv": table(NAMES, "^"),
        "list.json": json.dumps(objects([0, 1]), indent=1),
        "lines.json": json_lines([0, 1]),
        "columns.json": json.dumps({"text": TEXTS, "label": [row % 2 for row in range(COUNT)]}),
        "wrapped.json": json.dumps({"data": objects(NAMES)}),
        "list_in.jsonl": json.dumps(objects(NAMES)),
        "no_objects.json": "[1, 2, 3]",
        "cut_off.json": json.dumps(objects(NAMES))[:-5],
        "deep.json": "[" * 100_000,
        "surrogate.jsonl": json_lines(["bad\ud800", "good"]),
        "surrogate_column.jsonl": json_lines(NAMES).replace('"text"', '"te\\ud800xt"'),
        "nul.csv": table(NAMES).replace("number 5 ", "number\0 5 "),
        "labels.jsonl": json_lines([["a"], ["a", "b"]]),
        "object_labels.jsonl": json_lines([{"a": 1}]),
        "big_integers.jsonl": json_lines([2**70, 2**70 + 1]),
        "mixed_types.jsonl": json_lines([1, "1", 1.0, 2]),
        "booleans.jsonl": json_lines([True, False]),
        "missing_label.jsonl": json_lines([0, 1, None]),
        "web_page.csv": "<!DOCTYPE html>\n<html></html>",
        "pointer.parquet": "version https://git-lfs.github.com/spec/v1\n",
        "fields.txt": table(NAMES),
        "spelled_otherwise.csv": table(["Positive", "negative"]),
        "as_floats.csv": table(["0.0", "1.0"]).replace("number", "line"),
        "one_sided.csv": table(["a"]).replace("number", "line"),
    }
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode("utf-8"))
    for name, content in {
        "utf16be.csv": b"\xfe\xff" + table(NAMES).encode("utf-16-be"),
        "utf32.csv": table(NAMES).encode("utf-32"),
        "unmarked16.csv": table(NAMES).encode("utf-16-le"),
        "russian.csv": table(["плохо", "хорошо"]).encode("cp1251"),
        "korean.csv": table(["나쁘다", "좋다"]).encode("cp949"),
        "cut16.csv": b"\xff\xfe" + table(NAMES).encode("utf-16-le") + b"a",
        "packed.csv.gz": gzip.compress(table(NAMES).encode()),
        "packed.jsonl.gz": gzip.compress(json_lines(NAMES).encode()),
        "cut_off.csv.gz": gzip.compress(table(NAMES).encode())[:-9],
        "packed.csv": gzip.compress(table(NAMES).encode()),
        "sheet.xlsx": b"PK\x03\x04",
        "sheet.csv": b"PK\x03\x04",
    }.items():
        (folder / name).write_bytes(content)
    _write_parquet(folder)


def _write_parquet(folder: Path) -> None:
    numbers = [row % 2 for row in range(COUNT)]
    metadata = {"huggingface": json.dumps({"info": {"features": CLASS_LABEL}})}
    days = [date(2026, 1, 1 + number) for number in numbers]
    for name, labels in {
        "unsigned": pyarrow.array([2**64 - 1 - number for number in numbers], pyarrow.uint64()),
        "decimal": pyarrow.array([Decimal("1.10") + number for number in numbers], pyarrow.decimal128(5, 2)),
        "category": pyarrow.array([NAMES[number] for number in numbers]).dictionary_encode(),
        "dates": pyarrow.array(days),
        "nested": pyarrow.array([[number] for number in numbers]),
        "hub": pyarrow.array([-1 if row == 7 else number for row, number in enumerate(numbers)]),
        "bytes_label": pyarrow.array([NAMES[number].encode() for number in numbers]),
    }.items():
        data = pyarrow.table({"text": TEXTS, "label": labels})
        pyarrow.parquet.write_table(
            data.replace_schema_metadata(metadata if name == "hub" else None), f"{folder}/{name}.parquet"
        )
    pyarrow.parquet.write_table(pyarrow.table({"text": days, "label": numbers}), folder / "dated_text.parquet")
