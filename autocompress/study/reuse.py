"""Takes over the prepared weights of a sibling study made from the same model, data and settings."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from autocompress.distillation.training_state import TrainingState
from autocompress.domain.problem import Problem
from autocompress.study.prepared import Prepared
from autocompress.study.prepared_files import TEACHER, TRANSFER, files_of
from autocompress.system.events import Event, Listener
from autocompress.system.files import read_sealed, sha256, write_sealed

KEYS = "keys.json"
FORMAT = 10


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
        "accept_teacher": problem.accept_teacher,
    }
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()


def training_state(prepared: Prepared, source: str, problem: Problem) -> TrainingState:
    """Where the training of a source keeps its state until it is done."""
    return TrainingState(prepared.folder / f"{source}.training", content_key(prepared, source, problem))


def remember(prepared: Prepared, source: str, problem: Problem) -> None:
    """Write down the key and the files' digests of a source that was just prepared."""
    entry = {"key": content_key(prepared, source, problem), "files": _digests(prepared, source)}
    write_sealed(prepared.folder / KEYS, {**_keys(prepared.folder), source: entry})


def is_remembered(prepared: Prepared, source: str, problem: Problem) -> bool:
    """Whether a source, if it was prepared at all, was prepared from the data and checkpoint that are there now."""
    try:
        entry = _keys(prepared.folder).get(source)
    except ValueError:
        return True
    return entry is None or entry["key"] == content_key(prepared, source, problem)


def damaged(prepared: Prepared) -> dict[str, list[str]]:
    """Per prepared source the files that are gone or not what they were when it was remembered; sources in order."""
    found = {}
    for source, entry in _keys(prepared.folder).items():
        now = _digests(prepared, source)
        changed = [name for name, digest in entry["files"].items() if now.get(name) != digest]
        if changed:
            found[source] = changed
    return found


def reuse(prepared: Prepared, source: str, problem: Problem, listener: Listener) -> bool:
    """Take a source over from a sibling study with the same key; False if there is none that is intact."""
    key = content_key(prepared, source, problem)
    for path in sorted(prepared.study_folder.parent.glob(f"*/prepared/{KEYS}")):
        other = Prepared(path.parent.parent)
        if other.folder == prepared.folder or not _offers(other, source, key):
            continue
        for name in files_of(source):
            _link(other.folder / name, prepared.folder / name)
        remember(prepared, source, problem)
        study = other.study_folder.name
        listener(Event("note", f"{source}: the weights prepared for study {study} are used again (same content)"))
        return True
    return False


def _offers(other: Prepared, source: str, key: str) -> bool:
    """Whether a study has a source with this key, whole."""
    try:
        return _keys(other.folder).get(source, {}).get("key") == key and source not in damaged(other)
    except ValueError:
        return False


def _digests(prepared: Prepared, source: str) -> dict[str, str]:
    """SHA-256 of each file of a source, by its path in the folder of what is prepared."""
    paths = [prepared.folder / name for name in files_of(source)]
    files = [file for path in paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    return {file.relative_to(prepared.folder).as_posix(): sha256(file) for file in files if file.is_file()}


def _keys(folder: Path) -> dict[str, Any]:
    """What ``remember`` wrote, in the order in which it was prepared; ValueError if that is damaged."""
    path = folder / KEYS
    return read_sealed(path) if path.is_file() else {}


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
