"""Trials of a study that fail with a reason: their file cannot serve, is damaged, or memory runs out."""

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import autocompress
from autocompress.evaluation import trial
from autocompress.evaluation.compile import serialise
from autocompress.evaluation.cut import cut_weights
from autocompress.evaluation.trial import TrialEvaluator
from autocompress.students.configuration import configuration_from_json, configuration_to_json
from autocompress.study.prepared import Prepared
from autocompress.study.results import TrialResult
from autocompress.system.files import read_sealed
from autocompress.trials.jobs import BUILD, MEASURE, TrialRequest, run_job

pytestmark = pytest.mark.usefixtures("short_searches")


@pytest.mark.parametrize(
    ("harm", "reason"),
    [("cut short", "ONNX Runtime must load"), ("no ONNX", "ONNX Runtime must load"), ("NaN", "must be finite")],
)
def test_a_file_that_cannot_serve_fails_its_trial(
    study: autocompress.Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str, reason: str
):
    harms = {
        "cut short": lambda content: content[:-2000],
        "no ONNX": lambda content: b"{}",
        "NaN": lambda content: content,
    }
    monkeypatch.setattr(trial, "serialise", lambda *parts: harms[harm](serialise(*parts)))
    evaluator, request = trial_0_again(study, tmp_path)
    if harm == "NaN":
        arrays, shape = cut_weights(evaluator.prepared, configuration_from_json(request.configuration))
        broken = {name: np.full_like(array, np.nan) for name, array in arrays.items()}
        monkeypatch.setattr(trial, "cut_weights", lambda *_: (broken, shape))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        result = run_job(evaluator, BUILD, request)
    assert result is not None and result.figures is None and reason in str(result.reason)


def test_a_file_that_is_damaged_before_it_is_measured_fails_its_trial(study: autocompress.Study, tmp_path: Path):
    evaluator, request = trial_0_again(study, tmp_path)
    assert run_job(evaluator, BUILD, request) is None
    (tmp_path / "model.onnx").write_bytes((tmp_path / "model.onnx").read_bytes()[:-2000])
    result = run_job(evaluator, MEASURE, request)
    assert result is not None and result.figures is None and "ONNX Runtime must load" in str(result.reason)


STARVED = """
import resource, sys
from pathlib import Path
import psutil
from autocompress.domain import problem
from autocompress.students.configuration import configuration_to_json
from autocompress.trials.jobs import BUILD, TrialRequest, run_job
from autocompress.study.store import StudyStore
from autocompress.study.prepared import Prepared
from autocompress.evaluation.trial import TrialEvaluator

problem.SHORTEST_BUDGET_S = 0.0
store = StudyStore.read(Path(sys.argv[1]).parent, Path(sys.argv[1]).name)
known = store.result(0)
request = TrialRequest(99, 0, configuration_to_json(known.configuration), known.digest, sys.argv[2], 0)
evaluator = TrialEvaluator(Prepared(store.folder), store.problem.target)
resource.setrlimit(resource.RLIMIT_AS, 2 * (psutil.Process().memory_info().vms,))
print(run_job(evaluator, BUILD, request).reason)
"""


def test_a_trial_that_runs_out_of_memory_fails_with_the_reason(study: autocompress.Study, tmp_path: Path):
    command = [sys.executable, "-c", STARVED, str(study.folder), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "MemoryError" in done.stdout, done.stderr
    kept = TrialResult.from_json(read_sealed(tmp_path / "result.json"))
    assert kept.figures is None and "MemoryError" in str(kept.reason)


def trial_0_again(study: autocompress.Study, folder: Path) -> tuple[TrialEvaluator, TrialRequest]:
    """The study's own evaluator, and its first trial as another number in another folder."""
    known = study.store.result(0)
    assert known is not None
    configuration = configuration_to_json(known.configuration)
    evaluator = TrialEvaluator(Prepared(study.folder), study.store.problem.target)
    return evaluator, TrialRequest(99, 0, configuration, known.digest, str(folder), 0)
