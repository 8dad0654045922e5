"""Writes a folder so that it is whole or not there, whatever ends the process."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path

import psutil


@contextmanager
def replacing_folder(place: Path) -> Iterator[Path]:
    """Give an empty folder to fill; on success it is renamed to ``place`` and takes the place of what was there.

    On an error it is removed and ``place`` is as before. What processes that were killed left beside ``place`` is
    removed on success. OSError if the file system refuses.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}.{os.getpid()}."))
    try:
        new = work / "new"
        new.mkdir()
        yield new
        _put(new, place, work / "old")
        _sweep(place)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _put(new: Path, place: Path, old: Path) -> None:
    """Rename ``new`` to ``place``; what is there goes to ``old``, and comes back if the second rename fails."""
    if not place.exists():
        new.rename(place)
        return
    place.rename(old)
    try:
        new.rename(place)
    except BaseException:
        old.rename(place)
        raise


def _sweep(place: Path) -> None:
    """Remove the folders beside ``place`` whose processes are dead; a folder's name holds its process's id."""
    for path in place.parent.glob(f".{escape(place.name)}.*.*"):
        owner = path.name.removeprefix(f".{place.name}.").partition(".")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(path, ignore_errors=True)
