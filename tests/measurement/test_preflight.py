"""The trial run of what measures, before a search trains anything."""

from pathlib import Path

import pytest

from autocompress.domain.problem import Target
from autocompress.measurement import worker_process
from autocompress.measurement.preflight import check_runtimes
from autocompress.system.errors import BrokenInstallationError


def test_a_sound_machine_passes(monkeypatch: pytest.MonkeyPatch):
    ran = []
    true_worker = worker_process._run
    monkeypatch.setattr(worker_process, "_run", lambda *given: ran.append(true_worker(*given)) or ran[-1])
    check_runtimes(Target())
    assert ran == [0]


@pytest.mark.parametrize("package", ["onnxruntime", "numpy"])
def test_a_package_that_cannot_be_imported_is_named(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / f"{package}.py").write_text("import no_such_part\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(BrokenInstallationError, match="No module named 'no_such_part'"):
        check_runtimes(Target())
