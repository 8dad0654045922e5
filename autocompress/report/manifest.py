"""Reads and writes an artefact: a folder with model.onnx, its tokenizer and manifest.json."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from autocompress.domain.figures import Baseline, Figures
from autocompress.students.configuration import StoredConfiguration, configuration_to_json
from autocompress.study.shipped import MODEL
from autocompress.system.errors import InputError
from autocompress.system.files import read_sealed, sha256, write_sealed
from autocompress.system.serialization import Stored, fields_of

VERSION = 1
MANIFEST, TOKENIZER = "manifest.json", "tokenizer.json"


@dataclass(frozen=True)
class Manifest(Stored):
    """Describes an artefact: what it is, what was measured of it and where, and which trial it comes from.

    ``task`` is the JSON form of the task (kind, columns, labels); ``max_length`` counts tokens; ``fingerprint``
    describes the hardware and ``versions`` the libraries; ``files`` maps names in the folder to their SHA-256.
    ``least_onnxruntime`` is the oldest version that serves the model, such as ``1.23``; empty in older exports.
    ``checkpoints`` names those of a study with two: ``student``, from which models start, and ``teacher``.
    InputError if a number is below 1, or ``files`` lacks the model or leads out of the folder.
    """

    configuration: StoredConfiguration
    task: dict[str, Any]
    max_length: int
    batch_size: int
    threads: int
    figures: Figures
    baselines: tuple[Baseline, ...]
    fingerprint: dict[str, Any]
    versions: dict[str, str]
    study: str
    trial: int
    files: dict[str, str]
    least_onnxruntime: str = ""
    checkpoints: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("max_length", "batch_size", "threads"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise InputError(f"{name} in a manifest must be a whole number of at least 1, but got {value!r}")
        if MODEL not in self.files:
            raise InputError(f"a manifest must name the digest of {MODEL}, but names {sorted(self.files)}")
        for name in self.files:
            _inside(name)

    def to_json(self) -> dict[str, Any]:
        """Return the versioned JSON form, from which ``from_json`` makes an equal value; no ``checkpoints`` without."""
        fields = {
            "version": VERSION,
            **super().to_json(),
            "configuration": configuration_to_json(self.configuration),
        }
        if not self.checkpoints:
            del fields["checkpoints"]
        return fields

    @classmethod
    def from_json(cls, data: Any) -> Manifest:
        """Make a manifest of its JSON form; InputError if it is of another version or not a manifest."""
        try:
            return super().from_json(fields_of(data, "manifest", VERSION))
        except InputError as error:
            raise InputError(f"{error}; export the model again") from error


@dataclass(frozen=True)
class Artifact:
    """Names a folder whose files are those of its manifest, as ``load_artifact`` has checked."""

    folder: Path
    manifest: Manifest

    @property
    def model(self) -> Path:
        """The ONNX file."""
        return self.folder / MODEL

    @property
    def tokenizer(self) -> Path:
        """The tokenizer, one JSON file of the tokenizers library."""
        return self.folder / TOKENIZER


def file_digests(folder: Path, names: tuple[str, ...] = (MODEL, TOKENIZER)) -> dict[str, str]:
    """Compute the SHA-256 (hex) of files in ``folder``, by name; InputError if one is missing."""
    return {name: _digest(folder, name) for name in names}


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write manifest.json atomically, after all other files of the folder; StorageError if that fails."""
    write_sealed(folder / MANIFEST, manifest.to_json())


def load_artifact(folder: Path) -> Artifact:
    """Open the artefact in ``folder``; InputError if a file is missing or has not the digest in the manifest."""
    path = folder / MANIFEST
    if not path.is_file():
        raise InputError(f"an exported model is a folder with {MANIFEST}, but {folder} has none; name such a folder")
    try:
        data = read_sealed(path)
    except ValueError as error:
        raise InputError(f"{path} must be as an export wrote it, but {error}; export the model again") from error
    except OSError as error:
        raise InputError(f"{path} must be readable, but {error.strerror or error}") from error
    manifest = Manifest.from_json(data)
    for name, digest in manifest.files.items():
        found = _digest(folder, name)
        if found != digest:
            raise InputError(
                f"{folder / name} must have the SHA-256 that its manifest names, {str(digest)[:12]}..., "
                f"but has {found[:12]}...; export the model again"
            )
    return Artifact(folder, manifest)


def _digest(folder: Path, name: str) -> str:
    path = folder / _inside(name)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"the files of a model must lie in its folder, but {path} leads out of it")
    if not path.is_file():
        raise InputError(f"{folder} must hold {name}, but does not; export the model again")
    try:
        return sha256(path)
    except OSError as error:
        raise InputError(f"{path} must be readable, but {error.strerror or error}") from error


def _inside(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\\" in name:
        raise InputError(f"the files of a model must lie in its folder, but the manifest names {name!r}")
    return name
