import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from data_files import write_files

from autocompress.cli.main import run


@pytest.fixture
def failing(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Run a command that must fail: its exit code and its one line on standard error."""

    def failing_command(*arguments: str) -> tuple[int, str]:
        code = run(list(arguments))
        captured = capsys.readouterr()
        lines = [line for line in captured.err.splitlines() if line.startswith("error:")]
        assert len(lines) == 1 and "Traceback" not in captured.err
        return code, lines[0]

    return failing_command


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with data files that are each wrong in one way."""
    good: list[tuple[str, Any]] = [(f"text number {i} is {'good' if i % 2 else 'bad'}", i % 2) for i in range(60)]

    def write(name: str, rows: list[tuple[str, object]], header: str = "text,label") -> None:
        (tmp_path / name).write_text("\n".join([header, *(f"{text},{label}" for text, label in rows)]) + "\n")

    write("good.csv", good)
    write("one_class.csv", [(text, 1) for text, _ in good])
    write("no_rows.csv", [])
    write("nan.csv", [*good[:30], ("x", "nan"), *((text, 0.5) for text, _ in good)])
    write("other_columns.csv", good, header="alpha,omega")
    write("few.csv", good[:3])
    write("inf.csv", [(text, "inf" if row == 3 else row + 0.5) for row, (text, _) in enumerate(good)])
    write("twice.csv", [(f"{text},again", label) for text, label in good], header="text,text,label")
    write(
        "ragged.csv", [(text, f"{label},more,{label}" if row == 5 else label) for row, (text, label) in enumerate(good)]
    )
    write("no_text.csv", [("", label) for _, label in good])
    write("some_empty.csv", [("" if row % 7 == 0 else text, label) for row, (text, label) in enumerate(good)])
    write("same_text.csv", [("the same text", label) for _, label in good])
    write("every_label.csv", [(text, f"label{row}") for row, (text, _) in enumerate(good)])
    write("other_labels.csv", [(text, "xy"[label]) for text, label in good])
    write("unknown_words.csv", [(f"\u4e00\u4e01{row}", label) for row, (_, label) in enumerate(good)])
    write("huge_text.csv", [("word " * 200_000 if row == 3 else text, label) for row, (text, label) in enumerate(good)])
    write("quotes and\nlines 'ü'.csv", [(f'"he said ""{text}"", and\nleft"', label) for text, label in good])
    content = (tmp_path / "good.csv").read_text()
    (tmp_path / "utf16.csv").write_text(content, encoding="utf-16")
    (tmp_path / "bom.csv").write_text(content, encoding="utf-8-sig")
    (tmp_path / "garbage.parquet").write_bytes(b"PAR1 nothing")
    for name, row_of in (
        ("null.jsonl", lambda row, text, label: {"text": None if row == 4 else text, "label": label}),
        ("nested.jsonl", lambda row, text, label: {"text": {"inside": text}, "label": label}),
        ("list.jsonl", lambda row, text, label: [text, label]),
    ):
        lines = [json.dumps(row_of(row, text, label)) for row, (text, label) in enumerate(good)]
        (tmp_path / name).write_text("\n".join(lines))
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "latin.csv").write_bytes("text,label\ncaf\xe9,1\n".encode("latin-1"))
    (tmp_path / "notes.docx").write_bytes(b"PK")
    (tmp_path / "broken.jsonl").write_text('{"text": "a", "label": 1}\n{"text": \n')
    write_files(tmp_path)
    return tmp_path
