"""Measured figures and results keep their value through JSON; a result file that was changed is refused."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocompress.domain.figures import Baseline, Figures, Latency, Quality
from autocompress.students.bilstm.configuration import BiLSTMConfiguration
from autocompress.students.cnn.configuration import CNNConfiguration
from autocompress.study.results import TrialResult
from autocompress.system.errors import StudyError

NUMBER = st.floats(allow_nan=False, allow_infinity=False)
PAIR = st.tuples(NUMBER, NUMBER)
COUNT = st.integers(0, 10**12)
WORDS = st.text(max_size=8)
QUALITIES = st.builds(Quality, WORDS, NUMBER, PAIR, COUNT, st.dictionaries(WORDS, NUMBER, max_size=3))
LATENCIES = st.builds(Latency, NUMBER, NUMBER, NUMBER, PAIR, COUNT, NUMBER, st.booleans())
FIGURES = st.builds(Figures, QUALITIES, LATENCIES, COUNT, COUNT, st.none() | QUALITIES)
CONFIGURATION = BiLSTMConfiguration(128, 96, 1, 8000)
RESULTS = st.builds(
    TrialResult,
    trial=COUNT,
    attempt=COUNT,
    configuration=st.sampled_from([CONFIGURATION, CNNConfiguration(64, 64, 1, 3, 4000)]),
    figures=st.none() | FIGURES,
    reason=st.none() | WORDS,
    artifact_digest=WORDS,
    fingerprint=WORDS,
    seconds=st.dictionaries(WORDS, NUMBER, max_size=3),
    stage=st.sampled_from(["search", "refine", "verify"]),
)


def through_json(value: Any) -> Any:
    return json.loads(json.dumps(value, allow_nan=False))


@given(FIGURES)
def test_figures_are_the_same_after_json(figures: Figures):
    assert Figures.from_json(through_json(figures.to_json())) == figures
    baseline = Baseline("onnxruntime-int8", figures)
    assert Baseline.from_json(through_json(baseline.to_json())) == baseline


@given(RESULTS)
def test_a_result_is_the_same_after_json(result: TrialResult):
    assert TrialResult.from_json(through_json(result.to_json())) == result


def test_the_statistic_is_the_one_named():
    latency = Latency(1.0, 0.9, 1.5, (0.98, 1.02), 500, 0.99)
    assert [latency.statistic(name) for name in ("mean", "p50", "p95")] == [1.0, 0.9, 1.5]


BROKEN: list[tuple[str, dict[str, Any]]] = [
    ("result version must be 1", {"version": 2}),
    ("has digest", {"digest": "0" * 16}),
    (
        "has digest",
        {
            "configuration": {
                **{"version": 1, "student": "bilstm"},
                "embedding_size": 64,
                "hidden_size": 96,
                "num_layers": 1,
                "vocabulary_size": 8000,
            }
        },
    ),
    ("not a trial's result", {"figures": {}}),
    ("not a trial's result", {"figures": {"validation": []}}),
]


@pytest.mark.parametrize(("message", "fields"), BROKEN, ids=[str(list(f)) + m[:4] for m, f in BROKEN])
def test_a_changed_result_is_refused(message: str, fields: dict[str, Any]):
    result = TrialResult(3, 0, CONFIGURATION, None, reason="out of memory")
    with pytest.raises(StudyError, match=message):
        TrialResult.from_json({**result.to_json(), **fields})


@pytest.mark.parametrize("name", ["version", "digest", "trial", "attempt", "configuration", "figures"])
def test_a_result_without_what_it_must_have_is_refused(name: str):
    whole = TrialResult(3, 0, CONFIGURATION, None).to_json()
    with pytest.raises(StudyError):
        TrialResult.from_json({key: value for key, value in whole.items() if key != name})


def test_nan_never_reaches_a_file():
    figures = Figures(Quality("accuracy", math.nan, (0, 0), 1), Latency(1, 1, 1, (1, 1), 1, 1), 1, 1)
    with pytest.raises(ValueError, match="not JSON compliant"):
        through_json(figures.to_json())
