"""Write one measured model as a folder that serves without autocompress, whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from glob import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any

import onnx
import psutil
from tokenizers import Tokenizer

from autocompress.artifact.runtime import least_onnxruntime
from autocompress.hardware.fingerprint import fingerprint_digest, hardware_fingerprint
from autocompress.report.manifest import MANIFEST, MODEL, TOKENIZER, Manifest, file_digests, write_manifest
from autocompress.report.serving import model_card
from autocompress.report.summary import FrontPoint, StudySummary
from autocompress.system.errors import InputError, StorageError, StudyError
from autocompress.system.files import read_json, replacing, sha256, write_bytes
from autocompress.tasks.task import Task
from autocompress.tasks.tokenizing import truncation_side

README = "README.md"
OPTIONAL = ("tokenizer_config.json", "special_tokens_map.json")
PACKAGES = ("onnxruntime", "numpy", "tokenizers", "torch", "transformers", "autocompress")


@dataclass(frozen=True)
class ExportSource:
    """What an export is made from.

    ``model`` is the ONNX file and ``model_digest`` the SHA-256 it had when it was measured; ``checkpoint`` is the
    teacher's folder, whose tokenizer is the model's; texts are cut at ``max_length`` tokens.
    ``fingerprint`` is the digest of the hardware fingerprint at the measurement; empty is taken for this machine's.
    """

    point: FrontPoint
    model: Path
    model_digest: str
    checkpoint: Path
    task: Task
    max_length: int
    fingerprint: str = ""


def write_export(source: ExportSource, summary: StudySummary, directory: Path, *, force: bool = False) -> Path:
    """Write the folder ``directory`` under another name, then rename it; on any error nothing of it stays.

    With ``force`` an earlier export is replaced with all that lies in its folder. InputError if something else is
    there, StudyError if the study's files are not those that were measured, StorageError if writing fails.
    """
    place = directory.resolve()
    _check_place(directory, place, force)
    _check_source(source)
    work: Path | None = None
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}.{os.getpid()}."))
        new = work / "new"
        new.mkdir()
        _build(source, summary, new)
        _put(new, place, work / "old")
        _sweep(place)
    except (OSError, StorageError) as error:
        reason = error if isinstance(error, OSError) else error.__cause__ or error
        raise StorageError(
            f"{directory} must be writable, but {getattr(reason, 'strerror', None) or reason}; "
            "free some space or choose another folder"
        ) from error
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)
    return directory


def _sweep(place: Path) -> None:
    """Remove what exports to the same place left behind whose processes were killed."""
    for path in place.parent.glob(f".{escape(place.name)}.*.*"):
        owner = path.name.removeprefix(f".{place.name}.").partition(".")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(path, ignore_errors=True)


def _check_place(directory: Path, place: Path, force: bool) -> None:
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
    """Whether the folder holds a manifest of any version; other programs have files of that name too."""
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
    """The tokenizer as ``tasks.tokenizing`` uses it, with its limit in the file."""
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
    """The side on which texts are cut: as tokenizer_config.json says, or else the tokenizer's own file."""
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
    )


def _fingerprint(source: ExportSource, threads: int) -> dict[str, Any]:
    """This machine's where the model was measured on it as it is; else only the digest is known."""
    here = hardware_fingerprint(threads)
    if source.fingerprint in ("", fingerprint_digest(here)):
        return here
    return {"digest": source.fingerprint, "threads": threads}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


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
