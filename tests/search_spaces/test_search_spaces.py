"""What each space varies, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest

from autocompress.domain.shape import EncoderShape
from autocompress.students import dimensions_of
from autocompress.students.bilstm.configuration import BiLSTMConfiguration
from autocompress.students.choice import scaled, scaled_sizes
from autocompress.students.cnn.configuration import CNNConfiguration
from autocompress.students.transformer.configuration import ExitConfiguration, TransformerConfiguration
from autocompress.system.errors import InputError
from search_spaces import SEARCH_SPACES


@pytest.mark.parametrize(
    ("total", "fraction", "multiple", "expected"),
    [(384, 1 / 3, 32, 128), (384, 2 / 3, 32, 256), (1536, 1 / 12, 32, 128), (768, 1 / 3, 32, 256), (32, 1 / 3, 32, 32),
     (37, 1 / 12, 32, 32), (20, 1 / 2, 32, 20), (12, 1 / 6, 1, 2), (2, 1 / 6, 1, 1), (100, 1, 32, 100)],
)  # fmt: skip
def test_scaled(total, fraction, multiple, expected):
    assert scaled(total, fraction, multiple) == expected


def test_scaled_sizes_are_distinct_and_increasing():
    assert scaled_sizes(384, (1 / 3, 1 / 2, 2 / 3, 1)) == (128, 192, 256, 384)
    assert scaled_sizes(37, (1 / 12, 1 / 2, 1)) == (32, 37)


def test_joint_parameters_of_minilm(minilm):
    parameters = SEARCH_SPACES["joint"](minilm).parameters(TransformerConfiguration.uniform(minilm, 8))
    assert parameters["student"] == "transformer"
    assert parameters["hidden_size"] == 384
    assert parameters["vocabulary_size"] == 30522
    assert parameters["exit"] == "off"
    assert "exit_threshold" not in parameters and "layer_0" not in parameters and parameters["layer_5"] is True
    assert parameters["convolutions"] == 0
    assert len([name for name in parameters if name.startswith("layer_3_")]) == sum(
        dimension.parameter.startswith("layer_{index}_") for dimension in dimensions_of("transformer")
    )


def test_joint_has_about_two_dozen_anchors_of_all_students(minilm):
    initial_designs = SEARCH_SPACES["joint"](minilm).initial_designs()
    assert 24 <= len(initial_designs) <= 28
    assert [a.student for a in initial_designs].count("bilstm") == 3
    assert [a.student for a in initial_designs].count("cnn") == 3
    assert {anchor.student for anchor in initial_designs[:6]} == {"transformer", "bilstm", "cnn"}
    proven = initial_designs[5]
    assert [layer.index for layer in proven.layers] == [0, 1, 3, 5]
    assert (proven.hidden_size, proven.layers[0].num_attention_heads, proven.layers[0].intermediate_size) == (
        256,
        4,
        512,
    )


@pytest.mark.parametrize(
    ("name", "varies"),
    [
        ("architecture", {"hidden_size", "layers", "vocabulary_size"}),
        ("precision", {"layers", "embedding_bits"}),
        ("sparsity", {"layers"}),
        ("exits", {"exit"}),
    ],
)
def test_a_space_fixes_the_rest_at_the_teacher(minilm, name, varies):
    teacher = TransformerConfiguration.uniform(minilm, 8)
    rng = np.random.default_rng(0)
    space = SEARCH_SPACES[name](minilm)
    changed = set()
    for _ in range(50):
        sample = space.sample(rng)
        fields = ("hidden_size", "layers", "vocabulary_size", "embedding_bits", "exit")
        changed |= {field for field in fields if getattr(sample, field) != getattr(teacher, field)}
    assert changed == varies


def test_student_space_holds_the_teacher_and_small_students(minilm):
    space = SEARCH_SPACES["student"](minilm)
    assert space.students == ("transformer", "bilstm", "cnn")
    rng = np.random.default_rng(0)
    assert space.sample(rng, "transformer") == TransformerConfiguration.uniform(minilm, 8)
    assert isinstance(space.sample(rng, "bilstm"), BiLSTMConfiguration)
    assert isinstance(space.sample(rng, "cnn"), CNNConfiguration)


def test_outside_the_space(minilm):
    space = SEARCH_SPACES["joint"](minilm)
    teacher = TransformerConfiguration.uniform(minilm, 8)
    deeper = EncoderShape(8, 384, 12, 1536, 30522, 512, 2, 2, 384)
    outside = [
        replace(teacher, hidden_size=100),
        replace(teacher, vocabulary_size=5),
        replace(teacher, layers=teacher.layers[1:]),
        replace(teacher, exit=ExitConfiguration((0,), 0.3)),
        replace(teacher, exit=ExitConfiguration((0,), 0.901)),
        TransformerConfiguration.uniform(deeper, 8),
        TransformerConfiguration.uniform(minilm, 8, sparsity=0.33),
        BiLSTMConfiguration(128, 48, 1, 8000),
    ]
    for configuration in outside:
        with pytest.raises(InputError):
            space.parameters(configuration)
        assert configuration not in space
    with pytest.raises(InputError, match="student must be one of transformer"):
        SEARCH_SPACES["precision"](minilm).sample(np.random.default_rng(0), "cnn")
    with pytest.raises(InputError, match="must be one of"):
        SEARCH_SPACES["precision"](minilm).parameters(BiLSTMConfiguration(128, 32, 1, 8000))


def test_exits_need_a_task_that_allows_them_and_layers(minilm):
    with pytest.raises(InputError, match=r"early exits .* but got another task"):
        SEARCH_SPACES["exits"](minilm, exits=False)
    for layers, outputs in ((1, 2), (2, 1)):
        with pytest.raises(InputError, match=f"at least 2 layers, 3 in a regression, but got {layers}"):
            SEARCH_SPACES["exits"](replace(minilm, num_hidden_layers=layers, num_outputs=outputs))
    assert "exit" not in SEARCH_SPACES["joint"](minilm, exits=False).parameters(
        TransformerConfiguration.uniform(minilm, 8)
    )


def test_without_a_chosen_exit_layer_the_exit_stands_after_the_first(minilm):
    class Never:
        def suggest_categorical(self, name, choices):
            if name == "exit":
                return "confidence"
            return False if name.startswith("exit_layer") else choices[0]

        def suggest_float(self, name, low, high, *, step=None):
            return low

    configuration = SEARCH_SPACES["exits"](minilm).suggest(Never())
    assert configuration.exit == ExitConfiguration((0,), 0.5)
