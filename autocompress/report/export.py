"""Exports a measured model as a folder that serves without autocompress."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any

import onnx
from tokenizers import Tokenizer

from autocompress.artifact.runtime import least_onnxruntime
from autocompress.hardware.fingerprint import fingerprint_digest, hardware_fingerprint
from autocompress.report.manifest import MANIFEST, TOKENIZER, Manifest, file_digests, write_manifest
from autocompress.report.serving import model_card
from autocompress.report.summary import FrontPoint, StudySummary, checkpoints_of
from autocompress.study.shipped import MODEL
from autocompress.system.errors import InputError, StorageError, StudyError
from autocompress.system.files import read_json, replacing, sha256, write_bytes
from autocompress.system.folders import replacing_folder
from autocompress.tasks.task import Task
from autocompress.tasks.tokenizing import truncation_side

README = "README.md"
OPTIONAL = ("tokenizer_config.json", "special_tokens_map.json")
PACKAGES = ("onnxruntime", "numpy", "tokenizers", "torch", "transformers", "autocompress")


@dataclass(frozen=True)
class ExportSource:
    """Names the files and facts that an export is made from.

    ``model`` is the ONNX file and ``model_digest`` the SHA-256 it had when it was measured. ``checkpoint`` is the
    teacher's folder, whose tokenizer the model uses; texts are truncated at ``max_length`` tokens. ``fingerprint`` is
    the digest of the hardware fingerprint at the measurement; an empty one stands for this machine's.
    """

    point: FrontPoint
    model: Path
    model_digest: str
    checkpoint: Path
    task: Task
    max_length: int
    fingerprint: str = ""


def write_export(source: ExportSource, summary: StudySummary, directory: Path, *, force: bool = False) -> Path:
    """Export a model to ``directory`` and return it; after an error the folder is as it was before.

    With ``force`` an earlier export is replaced, with all that lies in its folder. InputError if something else is
    there, StudyError if the study's files are not those that were measured, StorageError if writing fails.
    """
    place = directory.resolve()
    _check_place(directory, place, force)
    _check_source(source)
    try:
        with replacing_folder(place) as folder:
            _build(source, summary, folder)
    except (OSError, StorageError) as error:
        reason = error if isinstance(error, OSError) else error.__cause__ or error
        raise StorageError(
            f"{directory} must be writable, but {getattr(reason, 'strerror', None) or reason}; "
            "free some space or choose another folder"
        ) from error
    return directory


def _check_place(directory: Path, place: Path, force: bool) -> None:
    """Raise InputError unless ``place``, called ``directory`` by the user, is free or an export to be replaced."""
    if place.exists() and not place.is_dir():
        raise InputError(f"an export needs a folder, but {directory} is a file; choose another name")
    if not place.is_dir() or not any(place.iterdir()):
        return
    if not force:
        raise InputError(f"an export needs a new or empty folder, but {directory} is not empty; choose another")
    if not _is_export(place):
        raise InputError(
            f"only an earlier export can be replaced, but {directory} is not empty and its {MANIFEST} is missing or "
            "of something else; choose another folder"
        )


def _is_export(place: Path) -> bool:
    """Tell whether the folder holds a manifest of any version; other programs have files of that name too."""
    try:
        files = read_json(place / MANIFEST)["files"]
    except (OSError, ValueError, TypeError, KeyError):
        return False
    return isinstance(files, dict) and MODEL in files


def _check_source(source: ExportSource) -> None:
    for path in (source.model, source.checkpoint / TOKENIZER):
        if not path.is_file():
            raise StudyError(f"the study must hold {path}, but does not; export another trial or run the study again")


def _build(source: ExportSource, summary: StudySummary, folder: Path) -> None:
    """Write model, tokenizer, README and, last, the manifest."""
    with replacing(folder / MODEL) as temporary:
        shutil.copyfile(source.model, temporary)
    found = sha256(folder / MODEL)
    if found != source.model_digest:
        raise StudyError(
            f"{source.model} must be the file that was measured, with SHA-256 {source.model_digest[:12]}..., but has "
            f"{found[:12]}...; export another trial or run the study again"
        )
    tokenizer = _serving_tokenizer(source.checkpoint / TOKENIZER, source.max_length)
    write_bytes(folder / TOKENIZER, tokenizer.to_str(pretty=True).encode())
    optional = [name for name in OPTIONAL if (source.checkpoint / name).is_file()]
    for name in optional:
        write_bytes(folder / name, (source.checkpoint / name).read_bytes())
    least = least_onnxruntime(onnx.load(folder / MODEL))
    manifest = _manifest(source, summary, file_digests(folder, (MODEL, TOKENIZER, *optional)), least)
    write_bytes(folder / README, model_card(folder, manifest).encode())
    write_manifest(folder, manifest)


def _serving_tokenizer(path: Path, max_length: int) -> Tokenizer:
    """Read the tokenizer and set it to truncate as ``tasks.tokenizing`` does, without padding."""
    try:
        tokenizer: Tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_length, direction=_side(path.with_name(OPTIONAL[0]), tokenizer))
    except OSError:
        raise
    except Exception as error:
        raise StudyError(
            f"{path} must be a tokenizer of the tokenizers library, but {' '.join(str(error).split())}"
        ) from error
    return tokenizer


def _side(config: Path, tokenizer: Tokenizer) -> str:
    """Return the truncation side that tokenizer_config.json names, or else the tokenizer's own."""
    try:
        said = read_json(config)["truncation_side"]
    except (OSError, ValueError, TypeError, KeyError):
        said = truncation_side(tokenizer)
    return "left" if said == "left" else "right"


def _manifest(source: ExportSource, summary: StudySummary, files: dict[str, str], least: str) -> Manifest:
    target = summary.problem.target
    return Manifest(
        configuration=source.point.configuration,
        task=source.task.to_json(),
        max_length=source.max_length,
        batch_size=target.batch_size,
        threads=target.threads,
        figures=source.point.figures,
        baselines=tuple(summary.baselines),
        fingerprint=_fingerprint(source, target.threads),
        versions={"python": python_version(), **{name: _version(name) for name in PACKAGES}},
        study=summary.study,
        trial=source.point.trial,
        files=files,
        least_onnxruntime=least,
        checkpoints=checkpoints_of(summary.problem),
    )


def _fingerprint(source: ExportSource, threads: int) -> dict[str, Any]:
    """Return this machine's fingerprint if the model was measured under it; else only its digest is known."""
    here = hardware_fingerprint(threads)
    if source.fingerprint in ("", fingerprint_digest(here)):
        return here
    return {"digest": source.fingerprint, "threads": threads}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
