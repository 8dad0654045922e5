from pathlib import Path

import pytest

from autocompress.system.folders import replacing_folder


def test_a_folder_is_replaced_whole(tmp_path: Path):
    place = tmp_path / "above" / "place"
    for name in ("first", "second"):
        with replacing_folder(place) as folder:
            (folder / name).touch()
            assert not (place / name).exists()
        assert [path.name for path in place.iterdir()] == [name]
    assert list(place.parent.iterdir()) == [place]


def test_after_an_error_all_is_as_before(tmp_path: Path):
    place = tmp_path / "place"
    place.mkdir()
    (place / "kept").touch()
    with pytest.raises(ZeroDivisionError), replacing_folder(place) as folder:
        (folder / "half").touch()
        raise ZeroDivisionError
    assert [path.name for path in place.iterdir()] == ["kept"] and list(tmp_path.iterdir()) == [place]


def test_what_was_there_comes_back_if_the_last_rename_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    place, rename = tmp_path / "place", Path.rename
    place.mkdir()
    (place / "kept").touch()

    def refusing(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise PermissionError
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refusing)
    with pytest.raises(PermissionError), replacing_folder(place):
        pass
    assert [path.name for path in place.iterdir()] == ["kept"] and list(tmp_path.iterdir()) == [place]
