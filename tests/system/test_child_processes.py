"""What the processes that are started see of the user's folder and variables."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from autocompress.system.child_processes import (
    ROOT,
    child_environment,
    harmful_variables,
    last_line,
    module_command,
    refuse_import_error,
)
from autocompress.system.errors import BrokenInstallationError

NOT_A_MODULE = "raise SystemExit('the file in the current folder was imported')"


def test_nothing_in_the_current_folder_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("random", "typing", "numpy", "onnx", "autocompress"):
        (tmp_path / f"{name}.py").write_text(NOT_A_MODULE)
    monkeypatch.setenv("PYTHONPATH", "")
    command = module_command("autocompress.measurement.worker", "--help")
    done = subprocess.run(
        command, cwd=tmp_path, env=child_environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "--spec" in done.stdout, done.stderr


def test_the_users_own_path_is_searched_but_not_by_accident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", "mine", ""]))
    entries = child_environment(tmp_path)["PYTHONPATH"].split(os.pathsep)
    assert entries[0] == str(tmp_path / "mine") and set(entries[1:]) <= {str(ROOT)}


@pytest.mark.parametrize("name", ["PYTHONWARNINGS", "PYTHONINSPECT", "PYTHONOPTIMIZE", "PYTHONVERBOSE"])
def test_settings_of_the_interpreter_stay_here(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(name, "1")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    environment = child_environment(tmp_path, OMP_NUM_THREADS="3")
    assert name not in environment and environment["PYTHONDONTWRITEBYTECODE"] == "1"
    assert environment["OMP_NUM_THREADS"] == "3"


@pytest.mark.parametrize(
    ("value", "harmful"),
    [
        ("1", False),
        ("1,1", False),
        ("", True),
        ("abc", True),
        ("0", True),
        ("-2", True),
        ("9" * 30, True),
        ("1;2", True),
    ],
)
def test_thread_counts_that_a_library_would_choke_on(value: str, harmful: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert ("OMP_NUM_THREADS" in harmful_variables()) == harmful


def test_an_import_error_is_told_from_others(tmp_path: Path):
    log = tmp_path / "log"
    assert last_line(log) == ""
    for code, fails in (("import no_such_package", True), ("1 / 0", False)):
        with log.open("wb") as stream:
            subprocess.run([sys.executable, "-c", code], stderr=stream, check=False)
        if fails:
            with pytest.raises(BrokenInstallationError, match="No module named 'no_such_package'"):
                refuse_import_error(last_line(log))
        else:
            refuse_import_error(last_line(log))
