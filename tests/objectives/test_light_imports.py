"""Names of objectives, constraints and samplers are known without loading torch, Ray or Optuna."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "ray", "optuna", "transformers")


@pytest.mark.parametrize(
    "line",
    [
        "from objectives import OBJECTIVES, CONSTRAINTS",
        "from autocompress.trials.samplers import SAMPLERS",
        "from autocompress.trials.pareto import non_dominated",
        "from autocompress.report.picks import PICKS",
    ],
)
def test_names_are_light(line: str):
    code = f"import sys\n{line}\nprint(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []
