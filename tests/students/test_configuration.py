"""Laws of configurations: JSON there and back, digests, and what is refused."""

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocompress.domain.shape import EncoderShape
from autocompress.students import STUDENTS
from autocompress.students.bilstm.configuration import BiLSTMConfiguration
from autocompress.students.cnn.configuration import CNNConfiguration
from autocompress.students.configuration import (
    WEIGHT_BITS,
    Configuration,
    configuration_digest,
    configuration_from_json,
    configuration_to_json,
    describe,
)
from autocompress.students.transformer.configuration import (
    ExitConfiguration,
    LayerConfiguration,
    TransformerConfiguration,
)
from autocompress.system.errors import InputError

BITS = st.sampled_from(WEIGHT_BITS)
SPARSITY = st.sampled_from([0.0, 0.3, 0.5, 0.9])
COUNT = st.integers(1, 4096)


@st.composite
def transformers(draw: st.DrawFn) -> TransformerConfiguration:
    indices = sorted(draw(st.sets(st.integers(0, 23), min_size=1, max_size=6)))
    layers = tuple(
        LayerConfiguration(i, draw(COUNT), draw(COUNT), draw(BITS), draw(BITS), draw(SPARSITY)) for i in indices
    )
    exits = sorted(draw(st.sets(st.sampled_from(indices[:-1])))) if len(indices) > 1 else []
    exit_ = ExitConfiguration(tuple(exits), draw(st.floats(0.01, 0.99))) if exits else None
    return TransformerConfiguration(draw(COUNT), layers, draw(COUNT), draw(BITS), exit_)


BILSTMS = st.builds(BiLSTMConfiguration, COUNT, COUNT, COUNT, COUNT, BITS, BITS, SPARSITY)
CNNS = st.builds(CNNConfiguration, COUNT, COUNT, COUNT, st.sampled_from([1, 3, 5, 7]), COUNT, BITS, BITS, SPARSITY)
CONFIGURATIONS: st.SearchStrategy[Configuration] = st.one_of(transformers(), BILSTMS, CNNS)
SHAPE = EncoderShape(6, 384, 12, 1536, 30522, 512, 2, 2, 384)


@given(CONFIGURATIONS)
def test_json_gives_the_equal_value_back(configuration: Configuration):
    text = json.dumps(configuration_to_json(configuration), allow_nan=False)
    again = configuration_from_json(json.loads(text))
    assert again == configuration and hash(again) == hash(configuration)
    assert configuration_digest(again) == configuration_digest(configuration)


@given(CONFIGURATIONS, CONFIGURATIONS)
def test_digests_are_equal_where_configurations_are(first: Configuration, second: Configuration):
    assert (configuration_digest(first) == configuration_digest(second)) == (first == second)


@given(CONFIGURATIONS)
def test_a_description_is_one_short_line(configuration: Configuration):
    text = describe(configuration)
    assert text == " ".join(text.split()) and len(text) <= 80


@given(CONFIGURATIONS, st.data())
def test_missing_and_unknown_fields_are_refused_in_one_line(configuration: Configuration, data: st.DataObject):
    whole = configuration_to_json(configuration)
    optional = {"exit", "sparsity", "weight_bits", "embedding_bits"}
    name = data.draw(st.sampled_from(sorted(set(whole) - optional)))
    for broken in ({k: v for k, v in whole.items() if k != name}, {**whole, "colour": "red"}):
        with pytest.raises(InputError) as caught:
            configuration_from_json(broken)
        assert "\n" not in str(caught.value)


def test_a_whole_number_of_sparsity_is_the_same_configuration():
    whole, fraction = (BiLSTMConfiguration(8, 8, 1, 100, sparsity=zero) for zero in (0, 0.0))
    assert whole == fraction and configuration_digest(whole) == configuration_digest(fraction)


def test_a_digest_is_the_same_in_another_process():
    configuration = TransformerConfiguration.uniform(SHAPE, 8)
    imports = "from autocompress.students.{}configuration import *".format
    code = f"{imports('transformer.')};{imports('')};print(configuration_digest({configuration!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == configuration_digest(configuration)


def test_the_digest_of_version_1_does_not_move():
    """Studies on disk are found again by it: a change here needs a new version of the JSON form."""
    assert configuration_digest(CNNConfiguration(128, 64, 2, 3, 8000)) == "25b207000b413e30"
    assert configuration_digest(TransformerConfiguration.uniform(SHAPE, 8)) == "8ad1ebc9de689c58"


LAYER = LayerConfiguration(0, 4, 512)


def _with_exit_after_the_last() -> TransformerConfiguration:
    return TransformerConfiguration(8, (LAYER, replace(LAYER, index=1)), 10, exit=ExitConfiguration((1,), 0.9))


REFUSED: list[tuple[str, Any]] = [
    ("num_attention_heads must be a whole number of at least 1", lambda: LayerConfiguration(0, 0, 512)),
    ("layer index must be a whole number of at least 0", lambda: LayerConfiguration(-1, 4, 512)),
    ("intermediate_size must be a whole number", lambda: LayerConfiguration(0, 4, 51.5)),  # type: ignore[arg-type]
    ("attention_bits must be one of", lambda: LayerConfiguration(0, 4, 512, 3)),
    ("feed_forward_bits must be one of", lambda: LayerConfiguration(0, 4, 512, 8, 16)),
    ("0 <= sparsity <= 0.9 must hold", lambda: replace(LAYER, sparsity=0.95)),
    ("layers must be increasing and at least one", lambda: TransformerConfiguration(8, (), 10)),
    ("layers must be increasing", lambda: TransformerConfiguration(8, (LAYER, LAYER), 10)),
    ("exit layers must be increasing and at least one", lambda: ExitConfiguration((), 0.9)),
    ("0 < exit threshold < 1", lambda: ExitConfiguration((0,), 1.0)),
    ("exits must stand after kept layers but the last", _with_exit_after_the_last),
    ("kernel_size must be a whole number", lambda: CNNConfiguration(8, 8, 1, 3.0, 100)),  # type: ignore[arg-type]
    ("kernel_size must be odd and positive", lambda: CNNConfiguration(8, 8, 1, 2, 100)),
    ("weight_bits must be one of", lambda: BiLSTMConfiguration(8, 8, 1, 100, 7)),
    ("weight_bits must be one of", lambda: BiLSTMConfiguration(8, 8, 1, 100, 8.0)),  # type: ignore[arg-type]
    ("num_layers must be a whole number of at least 1", lambda: BiLSTMConfiguration(8, 8, True, 100)),
    ("configuration version must be 1, but got 2", lambda: configuration_from_json({"version": 2})),
    ("student must be one of transformer, bilstm, cnn", lambda: configuration_from_json({"version": 1})),
    ("configuration version must be 1, but got None", lambda: configuration_from_json([])),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("message", "make"), REFUSED, ids=[message for message, _ in REFUSED])
def test_what_cannot_be_is_refused(message: str, make: Any):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize(
    ("configuration", "text"),
    [
        (TransformerConfiguration.uniform(SHAPE, 8), "L6 H384 A12 F1536 w8 e8 v30522"),
        (
            TransformerConfiguration(
                256,
                (LayerConfiguration(0, 4, 512, 8, 4, 0.5), LayerConfiguration(3, 6, 768)),
                8000,
                4,
                ExitConfiguration((0,), 0.9),
            ),
            "L2 H256 A4-6 F512-768 w4-8 s0.5 e4 v8000 exit>0.90",
        ),
        (BiLSTMConfiguration(128, 96, 1, 8000), "bilstm L1 H96 E128 w8 e8 v8000"),
        (CNNConfiguration(128, 64, 2, 5, 8000, 4, 2, 0.3), "cnn L2 H64 K5 E128 w4 s0.3 e2 v8000"),
    ],
)
def test_descriptions(configuration: Configuration, text: str):
    assert describe(configuration) == text


def test_a_shape_is_the_same_after_json():
    assert EncoderShape.from_json(json.loads(json.dumps(SHAPE.to_json()))) == SHAPE
    assert SHAPE.head_size == 32


def test_whole_layers_are_those_that_nothing_was_cut_from():
    shape = EncoderShape(3, 48, 4, 96, 33, 64, 2, 2, 48)
    uniform, whole = TransformerConfiguration.uniform, STUDENTS["transformer"].keeps_teacher_layers
    exit_ = ExitConfiguration((0,), 0.9)
    assert whole(uniform(shape, layers=(0, 1), vocabulary_size=20, exit=exit_), shape)
    for changed in ({"sparsity": 0.5}, {"hidden_size": 32}, {"num_attention_heads": 2}, {"intermediate_size": 64}):
        assert not whole(uniform(shape, **changed), shape)
    assert not whole(uniform(shape, 4), shape)
    assert whole(uniform(shape, 32), shape)


def test_the_teacher_itself_is_cut_where_at_least_a_third_of_each_width_of_its_lowest_layers_is_left():
    shape = EncoderShape(3, 48, 4, 96, 33, 64, 2, 2, 48)
    uniform, near = TransformerConfiguration.uniform, STUDENTS["transformer"].is_near_teacher
    assert near(uniform(shape), shape, False) and near(uniform(shape, 2, sparsity=0.9, vocabulary_size=9), shape, False)
    assert near(uniform(shape, num_attention_heads=2, intermediate_size=32), shape, False)
    assert not near(uniform(shape, intermediate_size=31), shape, True)
    assert not near(uniform(shape, num_attention_heads=1), shape, True)
    assert not near(uniform(shape, hidden_size=32), shape, True)
    for early in (uniform(shape, layers=(0, 1)), uniform(shape, exit=ExitConfiguration((0,), 0.9))):
        assert near(early, shape, True) and not near(early, shape, False)
    assert not near(uniform(shape, layers=(0, 2)), shape, True)
    assert not STUDENTS["cnn"].is_near_teacher(CNNConfiguration(48, 8, 1, 1, 33), shape, True)


@pytest.mark.parametrize("data", [{"extra": []}, {"extra": [["colour", 1]]}, {"colour": 1}])
def test_values_of_unknown_dimensions_are_refused(data: dict[str, Any]):
    whole = configuration_to_json(CNNConfiguration(48, 8, 1, 1, 33))
    with pytest.raises(InputError, match=next(iter(data))):
        configuration_from_json(whole | data)
