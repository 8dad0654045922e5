"""Reuses the prepared weights of a sibling study with the same model, data and settings, and detects damaged ones.

``keys.json`` holds, for each prepared source, the key of everything that decides its content and the files' digests.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from autocompress.distillation.training_state import TrainingState
from autocompress.domain.problem import Problem
from autocompress.study.prepared import LARGE_TEACHER, Prepared
from autocompress.study.prepared_files import TEACHER, TRANSFER, files_of
from autocompress.system.events import Event, Listener
from autocompress.system.files import read_sealed, sha256, write_sealed

KEYS = "keys.json"
TEACHER_FORMAT, DISTILLED_FORMAT = 12, 13
"""Raised when a teacher, or what is distilled from one, is prepared in another way than before."""


def content_key(prepared: Prepared, source: str, problem: Problem) -> str:
    """Return the SHA-256 of everything that decides a source's weights.

    That is the checkpoint, the data, the seed and the time budget, and for super-networks the search space. A large
    teacher decides what is distilled from it; it has no importance or compensation of its own, and the head of the
    student checkpoint beside it is always fitted anew.
    """
    deciding = {
        "format": TEACHER_FORMAT if source == TEACHER else DISTILLED_FORMAT,
        "source": source,
        "model": read_sealed(prepared.study_folder / "data" / "model.json")["digest"],
        "data": prepared.data.digest,
        "seed": problem.seed,
        "time_budget_s": problem.time_budget_s,
        "space": None if source in (TEACHER, TRANSFER) else problem.space,
        "accept_teacher": problem.accept_teacher,
    }
    if prepared.only_labels:
        deciding["only_labels"] = True
    elif not prepared.teaches_itself:
        deciding["teacher"] = "another" if source == TEACHER else content_key(prepared.labeller, TEACHER, problem)
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()


def training_state(prepared: Prepared, source: str, problem: Problem) -> TrainingState:
    """Return the saved state of a source's training, from which an interrupted training continues."""
    return TrainingState(prepared.folder / f"{source}.training", content_key(prepared, source, problem))


def remember(prepared: Prepared, source: str, problem: Problem) -> None:
    """Store the key and the files' digests of a source, once it is prepared."""
    entry = {"key": content_key(prepared, source, problem), "files": _digests(prepared, source)}
    write_sealed(prepared.folder / KEYS, {**_keys(prepared.folder), source: entry})


def is_remembered(prepared: Prepared, source: str, problem: Problem) -> bool:
    """Return whether a source's stored key is that of the present data and checkpoint; True without a readable one."""
    try:
        entry = _keys(prepared.folder).get(source)
    except ValueError:
        return True
    return entry is None or entry["key"] == content_key(prepared, source, problem)


def damaged(prepared: Prepared) -> dict[str, list[str]]:
    """Return by source, in the order of preparation, the files that are missing or do not have their stored digest.

    Sources without such files are left out. ValueError if the keys themselves are damaged.
    """
    found = {}
    for source, entry in _keys(prepared.folder).items():
        now = _digests(prepared, source)
        changed = [name for name, digest in entry["files"].items() if now.get(name) != digest]
        if changed:
            found[source] = changed
    return found


def reuse(prepared: Prepared, source: str, problem: Problem, listener: Listener) -> bool:
    """Link a source's files from a sibling study with the same key; return False if no intact one exists."""
    key = content_key(prepared, source, problem)
    studies = prepared.study_folder.parents[1 if prepared.only_labels else 0]
    places = (f"*/prepared/{KEYS}", f"*/{LARGE_TEACHER}/prepared/{KEYS}")
    for path in (path for place in places for path in sorted(studies.glob(place))):
        other = Prepared(path.parent.parent)
        if other.folder == prepared.folder or not _offers(other, source, key):
            continue
        for name in files_of(source):
            _link(other.folder / name, prepared.folder / name)
        remember(prepared, source, problem)
        study = other.study_folder.relative_to(studies)
        listener(Event("note", f"{source}: the weights prepared for study {study} are used again (same content)"))
        return True
    return False


def _offers(other: Prepared, source: str, key: str) -> bool:
    """Return whether a study has an intact source with this key."""
    try:
        return _keys(other.folder).get(source, {}).get("key") == key and source not in damaged(other)
    except ValueError:
        return False


def _digests(prepared: Prepared, source: str) -> dict[str, str]:
    """Return the SHA-256 of each file of a source, by its path in the prepared folder."""
    paths = [prepared.folder / name for name in files_of(source)]
    files = [file for path in paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    return {file.relative_to(prepared.folder).as_posix(): sha256(file) for file in files if file.is_file()}


def _keys(folder: Path) -> dict[str, Any]:
    """Read the entries that ``remember`` wrote, in the order of preparation; ValueError if the file is damaged."""
    path = folder / KEYS
    return read_sealed(path) if path.is_file() else {}


def _link(source: Path, target: Path) -> None:
    """Link a file or the files of a folder, which takes no space; copy them where the file system has no hard links."""
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
