"""The file form of weights."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocompress.networks.weights import head_indices, layer_indices, load_weights, save_weights
from autocompress.system.errors import StorageError, StudyError


def test_arrays_and_metadata_come_back(tmp_path: Path) -> None:
    arrays = {"a.b": np.arange(6, dtype=np.float32).reshape(2, 3), "order": np.array([3, 1], np.int32)}
    save_weights(tmp_path / "new" / "w.safetensors", arrays, {"kind": "cnn"})
    loaded, meta = load_weights(tmp_path / "new" / "w.safetensors")
    assert meta == {"kind": "cnn"}
    assert {name: array.dtype for name, array in loaded.items()} == {"a.b": np.float32, "order": np.int32}
    for name, array in arrays.items():
        np.testing.assert_array_equal(loaded[name], array)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["w.safetensors"]


def test_views_are_written_as_they_read(tmp_path: Path) -> None:
    whole = np.arange(12, dtype=np.float32).reshape(3, 4)
    save_weights(tmp_path / "w", {"t": whole.T, "p": whole[:2, 1:3]}, {})
    loaded, meta = load_weights(tmp_path / "w")
    np.testing.assert_array_equal(loaded["t"], whole.T)
    np.testing.assert_array_equal(loaded["p"], whole[:2, 1:3])
    assert meta == {}


@pytest.mark.parametrize("content", [b"", b"not weights at all", b"\xff" * 64])
def test_a_file_that_is_not_whole_is_told_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w").write_bytes(content)
    with pytest.raises(StudyError, match="must be a whole safetensors file") as caught:
        load_weights(tmp_path / "w")
    assert "\n" not in str(caught.value)


def test_a_cut_off_file_is_told(tmp_path: Path) -> None:
    save_weights(tmp_path / "w", {"a": np.zeros(100, np.float32)}, {})
    (tmp_path / "w").write_bytes((tmp_path / "w").read_bytes()[:-7])
    with pytest.raises(StudyError, match="remove it so that it is prepared again"):
        load_weights(tmp_path / "w")


@given(st.data())
def test_a_flipped_bit_anywhere_is_told(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "w"
        save_weights(path, {"a": np.arange(9, dtype=np.float32), "none": np.zeros((0, 2), np.float32)}, {"kind": "cnn"})
        content = bytearray(path.read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(content)
        with pytest.raises(StudyError, match="must be a whole safetensors file"):
            load_weights(path)


def test_an_absent_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="must be a whole safetensors file"):
        load_weights(tmp_path / "none")


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        save_weights(tmp_path / "file" / "w", {"a": np.zeros(1, np.float32)}, {})


def test_indices_are_read_from_names() -> None:
    names = ["layers.10.attention.query.weight", "layers.2.attention.norm.bias", "heads.2.out.bias", "embeddings.word"]
    assert layer_indices(names) == [2, 10]
    assert head_indices(names) == [2]
