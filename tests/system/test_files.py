"""A write leaves the old file or the new one, never half of one, whatever goes wrong on the way."""

import hashlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocompress.system.errors import StorageError
from autocompress.system.files import (
    read_json,
    read_sealed,
    replacing,
    scratch,
    sha256,
    sweep,
    write_bytes,
    write_json,
    write_sealed,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


SEALED = {"name": "größte", "values": [1, 2.5, None], "inner": {"true": True}}


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Writing more fails, as on a full disk (root may write anywhere, but not more than its limit)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@given(JSON)
def test_json_is_read_back(tmp_path_factory: pytest.TempPathFactory, value: object):
    path = tmp_path_factory.mktemp("json") / "new" / "value.json"
    write_json(path, value)
    assert read_json(path) == value
    assert list(path.parent.iterdir()) == [path]


@given(st.dictionaries(st.text(max_size=5).filter(lambda name: name != "sha256"), JSON, max_size=4))
def test_a_sealed_object_is_read_back(tmp_path_factory: pytest.TempPathFactory, value: dict[str, object]):
    path = tmp_path_factory.mktemp("json") / "value.json"
    write_sealed(path, value)
    assert read_sealed(path) == value


@given(st.data())
def test_a_flipped_bit_in_a_sealed_object_is_told_or_means_the_same(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
):
    path = tmp_path_factory.mktemp("json") / "value.json"
    write_sealed(path, SEALED)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    with suppress(ValueError):
        assert read_sealed(path) == SEALED


@pytest.mark.parametrize("content", ["", "{", "[1]", "3", "null", "{}", '{"a": 1}', '{"a": 1, "sha256": 2}'])
def test_what_was_not_sealed_is_refused(tmp_path: Path, content: str):
    (tmp_path / "value.json").write_text(content)
    with pytest.raises(ValueError):
        read_sealed(tmp_path / "value.json")


def test_a_full_disk_leaves_the_old_content(tmp_path: Path):
    path = tmp_path / "kept.bin"
    write_bytes(path, b"old")
    with largest_file(1000), pytest.raises(StorageError, match=r"kept\.bin must be writable, but .*free some space"):
        write_bytes(path, b"x" * 100_000)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, OSError])
def test_an_error_of_the_writer_leaves_the_old_content(tmp_path: Path, error: type[BaseException]):
    path = tmp_path / "kept.bin"
    write_bytes(path, b"old")
    expected = StorageError if error is OSError else error
    with pytest.raises(expected), replacing(path) as temporary:
        temporary.write_bytes(b"half")
        raise error("stop")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_nan_leaves_the_old_content(tmp_path: Path):
    path = tmp_path / "kept.json"
    write_json(path, [1])
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(path, float("nan"))
    assert read_json(path) == [1] and list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="must be writable, but"):
        write_bytes(tmp_path / "file" / "below.bin", b"")


def test_others_may_read_what_was_written(tmp_path: Path):
    write_bytes(tmp_path / "shown.bin", b"")
    assert (tmp_path / "shown.bin").stat().st_mode & 0o777 == 0o644


def test_a_kill_at_any_moment_leaves_a_whole_file(tmp_path: Path):
    """A process writes file after file of one repeated byte; after kill -9 what is there is all of one kind."""
    path = tmp_path / "whole.bin"
    code = (
        "import sys; from pathlib import Path; from autocompress.system.files import write_bytes\n"
        "for i in range(10**6): write_bytes(Path(sys.argv[1]), bytes([i % 256]) * 200_000)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(path)])
    deadline = time.monotonic() + 60
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    for _ in range(50):
        content = path.read_bytes()
        assert len(content) == 200_000 and len(set(content)) == 1
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    content = path.read_bytes()
    assert len(content) == 200_000 and len(set(content)) == 1


def test_what_a_killed_writer_left_is_swept_away(tmp_path: Path):
    code = (
        "import os, sys; from pathlib import Path; from autocompress.system.files import replacing\n"
        "with replacing(Path(sys.argv[1])) as path: path.write_bytes(b'half'); os.kill(os.getpid(), 9)"
    )
    inner = tmp_path / "inner"
    write_bytes(inner / "kept.tmp", b"")
    write_bytes(inner / ".kept", b"")
    subprocess.run([sys.executable, "-c", code, str(inner / "whole.bin")], check=False)
    assert len(list(inner.iterdir())) == 3
    sweep(tmp_path)
    assert sorted(path.name for path in inner.iterdir()) == [".kept", "kept.tmp"]


def test_a_scratch_folder_goes_at_the_end_or_after_its_owner_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = (
        "import os, time; from autocompress.system.files import scratch\n"
        "with scratch() as folder: (folder / 'data').write_bytes(b'left'); print(folder, flush=True); time.sleep(60)"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    other = Path(process.stdout.readline().strip())
    with scratch() as own:
        assert other.parent == own.parent == tmp_path and (other / "data").is_file()
        with scratch() as inner:
            assert own.is_dir() and inner.is_dir()
    assert list(tmp_path.iterdir()) == [other]
    process.kill()
    process.wait()
    process.stdout.close()
    assert (other / "data").is_file()
    with scratch() as own:
        assert list(tmp_path.iterdir()) == [own]
    assert not list(tmp_path.iterdir())


def test_a_scratch_folder_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(StorageError, match=r"nowhere must be writable, but .*TMPDIR"), scratch():
        pass


def test_the_digest_is_that_of_hashlib(tmp_path: Path):
    content = bytes(range(256)) * 5000
    write_bytes(tmp_path / "a", content)
    assert sha256(tmp_path / "a") == hashlib.sha256(content).hexdigest()
