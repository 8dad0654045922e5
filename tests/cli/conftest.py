import json
from collections.abc import Callable
from pathlib import Path

import pytest

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
    """A folder with data files and checkpoints that are each wrong in one way."""
    good = [(f"text number {i} is {'good' if i % 2 else 'bad'}", i % 2) for i in range(60)]

    def write(name: str, rows: list[tuple[str, object]], header: str = "text,label") -> None:
        (tmp_path / name).write_text("\n".join([header, *(f"{text},{label}" for text, label in rows)]) + "\n")

    write("good.csv", good)
    write("one_class.csv", [(text, 1) for text, _ in good])
    write("no_rows.csv", [])
    write("nan.csv", [*good[:30], ("x", "nan"), *((text, 0.5) for text, _ in good)])
    write("other_columns.csv", good, header="alpha,omega")
    write("few.csv", good[:3])
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "latin.csv").write_bytes("text,label\ncaf\xe9,1\n".encode("latin-1"))
    (tmp_path / "notes.docx").write_bytes(b"PK")
    (tmp_path / "broken.jsonl").write_text('{"text": "a", "label": 1}\n{"text": \n')
    for name, config in (
        ("gpt2", {"model_type": "gpt2"}),
        ("own_code", {"model_type": "bert", "auto_map": {"AutoModel": "evil.Model"}}),
        ("no_type", {"hello": 1}),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps(config))
    (tmp_path / "no_config").mkdir()
    return tmp_path
