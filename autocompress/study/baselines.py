"""Stores the figures of a study's baselines and the teacher's quality."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autocompress.domain.figures import Baseline
from autocompress.system.errors import StudyError
from autocompress.system.files import read_sealed, write_sealed

FOLDER, FILE = "baselines", "baselines.json"


def read_baselines(study_folder: Path) -> list[Baseline]:
    """Read the stored baselines, an empty list before they are measured. StudyError if the file is damaged."""
    return [Baseline.from_json(data) for data in _read(study_folder).get("baselines", ())]


def read_teacher_quality(study_folder: Path) -> float | None:
    """Read the float32 teacher's validation quality, None if it is not stored. StudyError if the file is damaged."""
    quality = _read(study_folder).get("teacher_quality")
    return None if quality is None else float(quality)


def write_baselines(study_folder: Path, baselines: list[Baseline], teacher_quality: float | None = None) -> None:
    """Store the baselines' figures and, if it is known, the float32 teacher's validation quality."""
    content = {"baselines": [baseline.to_json() for baseline in baselines], "teacher_quality": teacher_quality}
    write_sealed(study_folder / FOLDER / FILE, content)


def _read(study_folder: Path) -> dict[str, Any]:
    path = study_folder / FOLDER / FILE
    try:
        return read_sealed(path)
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise StudyError(f"{path} must be as it was written, but {error}; resume the study to measure again") from error
