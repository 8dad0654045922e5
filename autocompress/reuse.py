"""Prepared weights of a sibling study are taken over when they were made from the same model, data and settings."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

from autocompress.events import Event, Listener
from autocompress.files import read_sealed, write_sealed
from autocompress.prepared import TEACHER, TRANSFER, Prepared
from autocompress.problem import Problem

KEYS = "keys.json"
FORMAT = 8


def content_key(prepared: Prepared, source: str, problem: Problem) -> str:
    """SHA-256 of everything that decides a source's weights: checkpoint, data, seed, budget; for students the space."""
    deciding = {
        "format": FORMAT,
        "source": source,
        "model": read_sealed(prepared.study_folder / "data" / "model.json")["digest"],
        "data": prepared.data.digest,
        "seed": problem.seed,
        "time_budget_s": problem.time_budget_s,
        "space": None if source in (TEACHER, TRANSFER) else problem.space,
    }
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()


def remember(prepared: Prepared, source: str, problem: Problem) -> None:
    """Write down the key of a source that was just prepared."""
    keys = _keys(prepared.folder)
    write_sealed(prepared.folder / KEYS, {**keys, source: content_key(prepared, source, problem)})


def reuse(prepared: Prepared, source: str, problem: Problem, listener: Listener) -> bool:
    """Take a source over from a sibling study with the same key; False if there is none."""
    key = content_key(prepared, source, problem)
    for other in sorted(prepared.study_folder.parent.glob(f"*/prepared/{KEYS}")):
        if other.parent == prepared.folder or _keys(other.parent).get(source) != key:
            continue
        for name in prepared.files(source):
            if not (other.parent / name).exists():
                break
        else:
            for name in prepared.files(source):
                _link(other.parent / name, prepared.folder / name)
            remember(prepared, source, problem)
            study = other.parent.parent.name
            listener(Event("note", f"{source}: the weights prepared for study {study} are used again (same content)"))
            return True
    return False


def _keys(folder: Path) -> dict[str, str]:
    path = folder / KEYS
    keys: dict[str, str] = read_sealed(path) if path.is_file() else {}
    return keys


def _link(source: Path, target: Path) -> None:
    """A hard link costs no space; where the file system has none, a copy."""
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        for file in source.iterdir():
            _link(file, target / file.name)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
