"""Fuzzed files: what the parsers accept they print back the same, what they refuse they refuse with our own error."""

import copy
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autocompress.domain.figures import Baseline, Figures, Latency, Quality
from autocompress.domain.problem import Constraints, DataSource, Problem
from autocompress.domain.shape import EncoderShape
from autocompress.report.manifest import Manifest
from autocompress.students.bilstm.configuration import BiLSTMConfiguration
from autocompress.students.cnn.configuration import CNNConfiguration
from autocompress.students.configuration import configuration_from_json, configuration_to_json
from autocompress.students.transformer.configuration import (
    ExitConfiguration,
    LayerConfiguration,
    TransformerConfiguration,
)
from autocompress.study.results import TrialResult
from autocompress.study.shipped import MODEL
from autocompress.system.errors import AutocompressError
from autocompress.system.files import read_json, read_sealed, write_sealed
from autocompress.tasks.task import Task

SHAPE = EncoderShape(2, 48, 4, 96, 33, 64, 2, 2, 48)
ENCODER = TransformerConfiguration(
    48, (LayerConfiguration(0, 4, 96), LayerConfiguration(1, 2, 32, 4, 32, 0.5)), 33, exit=ExitConfiguration((0,), 0.9)
)
QUALITY = Quality("accuracy", 0.9, (0.88, 0.92), 500, {"macro_f1": 0.89}, expected=0.895)
FIGURES = Figures(QUALITY, Latency(1.0, 0.9, 1.4, (0.95, 1.05), 400, 1.0), 1000, 10**8, QUALITY)
MANIFEST = Manifest(
    CNNConfiguration(8, 8, 1, 3, 33),
    {"kind": "classification", "label_names": ["a", "b"]},
    64,
    1,
    1,
    FIGURES,
    (Baseline("pytorch-fp32", FIGURES),),
    {"cpu": "a processor", "threads": 1},
    {"onnxruntime": "1.2"},
    "demo",
    3,
    {MODEL: "0" * 64},
)
PARSERS: dict[str, tuple[Any, Any, Any]] = {
    "encoder": (configuration_from_json, configuration_to_json, ENCODER),
    "bilstm": (configuration_from_json, configuration_to_json, BiLSTMConfiguration(8, 8, 1, 33)),
    "cnn": (configuration_from_json, configuration_to_json, CNNConfiguration(8, 8, 1, 3, 33)),
    "shape": (EncoderShape.from_json, EncoderShape.to_json, SHAPE),
    "result": (TrialResult.from_json, TrialResult.to_json, TrialResult(3, 1, ENCODER, FIGURES, seconds={"cut": 0.1})),
    "manifest": (Manifest.from_json, Manifest.to_json, MANIFEST),
    "task": (Task.from_json, Task.to_json, Task("classification", ("a", "b"), "label", ("no", "yes"))),
    "problem": (
        Problem.from_json,
        Problem.to_json,
        Problem("model", DataSource("a.csv", text_columns=("a", "b")), constraints=Constraints(20.0, max_drop=1.0)),
    ),
}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to all values inside a JSON value."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path for key in keys for path in ((*before, key), *places(value[key], (*before, key)))]


def harmed(data: st.DataObject, whole: Any) -> Any:
    """A copy of ``whole`` in which one value is another, gone, or joined by one more."""
    changed = copy.deepcopy(whole)
    *way, last = data.draw(st.sampled_from(places(whole)))
    holder = changed
    for key in way:
        holder = holder[key]
    match data.draw(st.sampled_from(["replace", "remove", "add"])):
        case "replace":
            holder[last] = data.draw(VALUES)
        case "remove":
            del holder[last]
        case _ if isinstance(holder, dict):
            holder[data.draw(st.text(max_size=5))] = data.draw(VALUES)
        case _:
            holder.append(data.draw(VALUES))
    return changed


def holds(printed: Any, read: Any) -> bool:
    """Whether what was printed has everything that was read (fields that have a default may be left out)."""
    if isinstance(read, dict):
        return isinstance(printed, dict) and all(k in printed and holds(printed[k], v) for k, v in read.items())
    if isinstance(read, list):
        return isinstance(printed, list) and len(printed) == len(read) and all(map(holds, printed, read))
    return (type(printed) is type(read) and printed == read) or (isinstance(printed, float) and printed == float(read))


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_what_is_accepted_prints_the_same_and_the_rest_is_refused_with_our_own_error(name: str, data: st.DataObject):
    parse, dump, value = PARSERS[name]
    whole = json.loads(json.dumps(dump(value)))
    assert parse(whole) == value
    changed = harmed(data, whole)
    try:
        found = parse(changed)
    except AutocompressError as error:
        assert "\n" not in str(error)
    else:
        printed = json.loads(json.dumps(dump(found), allow_nan=False))
        assert holds(printed, changed) and parse(printed) == found


@pytest.mark.parametrize("name", PARSERS)
@given(VALUES)
def test_what_is_something_else_is_refused_with_our_own_error(name: str, value: Any):
    with pytest.raises(AutocompressError):
        PARSERS[name][0](value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_file_with_any_byte_changed_is_refused(tmp_path: Path, data: st.DataObject):
    path = tmp_path / "manifest.json"
    write_sealed(path, MANIFEST.to_json())
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    with suppress(ValueError):
        assert read_sealed(path) == MANIFEST.to_json()


@pytest.mark.parametrize("content", [b"[" * 10**5, b"NaN", b'{"a": Infinity}', b"1" * 5000, b"\xff", b"{", b""])
def test_what_is_no_json_is_a_value_error(tmp_path: Path, content: bytes):
    path = tmp_path / "state.json"
    path.write_bytes(content)
    with pytest.raises(ValueError):
        read_json(path)
