"""A small file system for tests of what happens when it is full."""

import contextlib
import shutil
import subprocess
from pathlib import Path

import pytest


class SmallDisk:
    """A file system of its own, in memory, that can be filled to the last byte and freed again."""

    def __init__(self, folder: Path, size: str) -> None:
        self.folder, self._filler = folder, folder / "filler"
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        if shutil.which("mount") is None or subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("a disk that is full needs the right to mount one")

    def fill(self) -> None:
        """Leave no room."""
        with self._filler.open("ab", buffering=0) as stream:
            for size in (1 << 20, 1):
                with contextlib.suppress(OSError):
                    while stream.write(bytes(size)) == size:
                        pass

    def free(self) -> None:
        """Give the room back."""
        self._filler.unlink()

    def close(self) -> None:
        """Take the file system away."""
        subprocess.run(["umount", "-l", str(self.folder)], check=True)
