"""Files that are named in the environment are imported once, and a bad one is named."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from autocompress.system.errors import InputError
from autocompress.system.extensions import VARIABLE, load_extensions, module_name


@pytest.fixture
def extension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "an_extension.py"
    path.write_text("import os\nos.environ['LOADED'] = os.environ.get('LOADED', '') + 'x'\n", encoding="utf-8")
    monkeypatch.setenv(VARIABLE, os.pathsep.join(["", str(path)]))
    monkeypatch.setenv("LOADED", "")
    yield path
    sys.modules.pop(module_name(path), None)


def test_a_file_is_imported_once(extension: Path) -> None:
    load_extensions()
    load_extensions()
    assert os.environ["LOADED"] == "x"


def test_a_file_with_the_name_of_a_module_is_imported(extension: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    same = extension.rename(extension.with_name("json.py"))
    monkeypatch.setenv(VARIABLE, str(same))
    load_extensions()
    assert os.environ["LOADED"] == "x"
    del sys.modules[module_name(same)]


def test_nothing_is_loaded_where_nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    before = set(sys.modules)
    load_extensions()
    assert set(sys.modules) == before


@pytest.mark.parametrize(
    ("content", "reason"), [("1 / 0", "ZeroDivisionError"), ("import no_such_module", "no_such_module"), (None, "")]
)
def test_a_bad_file_is_named(extension: Path, content: str | None, reason: str) -> None:
    extension.unlink() if content is None else extension.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=f"an_extension.py.*{reason}"):
        load_extensions()
    assert module_name(extension) not in sys.modules
