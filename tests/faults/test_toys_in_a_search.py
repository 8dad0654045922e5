"""Whole searches with a dimension, a student type, a family and a kind of task that are each one file of the tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from short_search import BUDGET_S, PROGRAM

TESTS = Path(__file__).parent.parent
sys.path.extend(str(TESTS / room) for room in ("networks", "tasks"))
pytestmark = pytest.mark.faults


def search(folder: Path, extensions: list[str], *arguments: str) -> list[dict[str, object]]:
    """The results of all trials of a short search in a process of its own, to which the files are named."""
    named = os.pathsep.join(str(TESTS / name) for name in extensions)
    command = [*PROGRAM, "search", *arguments, f"--studies-dir={folder}", "--study=toys", f"--time-budget={BUDGET_S}s"]
    done = subprocess.run(
        command, env={**os.environ, "AUTOCOMPRESS_EXTENSIONS": named}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("toys/trials/*/result.json"))]
    assert found
    assert all(one["figures"] is not None for one in found), [one["reason"] for one in found]
    return found


def test_a_student_type_a_family_and_a_kind_of_task(tmp_path: Path, tiny_checkpoint: str) -> None:
    from toy_family import toy_checkpoint
    from toy_kind import write_grades

    toy_checkpoint(tmp_path / "checkpoint", tiny_checkpoint)
    write_grades(tmp_path / "grades.csv")
    files = ["students/toy_student.py", "networks/toy_family.py", "tasks/toy_kind.py"]
    asked = [str(tmp_path / "checkpoint"), f"--train={tmp_path / 'grades.csv'}", "--task=ordinal"]
    found = search(tmp_path / "studies", files, *asked)
    assert {"bag", "transformer"} <= {one["configuration"]["student"] for one in found}
    summary = json.loads((tmp_path / "studies" / "toys" / "summary.json").read_text())
    assert summary["state"] == "finished" and summary["front"]
    assert summary["metric"] == found[0]["figures"]["validation"]["metric"] == "quadratic_kappa"


def test_a_dimension(tmp_path: Path, tiny_checkpoint: str, tiny_data: dict[str, str]) -> None:
    data = [f"--{name}={path}" for name, path in tiny_data.items()]
    asked = [tiny_checkpoint, *data, "--space=architecture"]
    found = search(tmp_path / "studies", ["students/toy_dimension.py"], *asked)
    assert any("spectrum" in layer for one in found for layer in one["configuration"]["layers"])
