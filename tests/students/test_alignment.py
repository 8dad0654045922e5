"""The student that aligns two texts: its encoders, its two texts, and how the texts are told apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from artifact_references import SHAPE, batch_of, configuration_of, graph_inputs, last_logits, random_arrays

from autocompress.artifact.session import Session
from autocompress.students import STUDENTS
from autocompress.students.alignment.configuration import AlignmentConfiguration
from autocompress.students.alignment.encoders import ENCODERS
from autocompress.students.alignment.network import ElasticAlignment, alignment_bias
from autocompress.students.emit import emit
from autocompress.students.pooled.word_vectors import WORD_STATES, principal_word_vectors
from autocompress.system.errors import InputError
from search_spaces import SEARCH_SPACES

SEPARATOR = 7
KIND = STUDENTS["alignment"]
encoders = pytest.mark.parametrize("encoder", ENCODERS)


def separated_pairs() -> dict[str, np.ndarray]:
    """Pairs such as ``5 a 7 7 b 7``, whose second text begins after the first separator, and an empty first text."""
    rows = [[5, 11, 12, 13, SEPARATOR, SEPARATOR, 14, 15, SEPARATOR], [5, SEPARATOR, SEPARATOR, 16, SEPARATOR]]
    ids, mask, types = (np.zeros((2, 9), np.int64) for _ in range(3))
    for row, tokens in enumerate(rows):
        ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, 1
        types[row, tokens.index(SEPARATOR) + 1 : len(tokens)] = 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}


@encoders
def test_torch_and_onnx_equal_the_plain_reference(encoder: str) -> None:
    configuration = configuration_of("alignment", 32, encoder=encoder)
    arrays, batch = random_arrays(configuration), batch_of()
    expected = last_logits(arrays, configuration, batch)
    found = Session(emit(arrays, configuration, SHAPE, graph_inputs(True)).SerializeToString()).run(batch)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    tensors = {name: torch.from_numpy(array) for name, array in batch.items()}
    with torch.inference_mode():
        np.testing.assert_allclose(ElasticAlignment(SHAPE, arrays).logits(**tensors), expected, rtol=1e-4, atol=1e-4)


@encoders
def test_separators_tell_the_texts_apart_as_token_types_do(encoder: str) -> None:
    configuration = configuration_of("alignment", 32, encoder=encoder)
    arrays, batch = random_arrays(configuration), separated_pairs()
    by_types = Session(emit(arrays, configuration, SHAPE, graph_inputs(True)).SerializeToString())
    inputs = replace(graph_inputs(True), separator_id=SEPARATOR)
    by_separator = Session(emit(arrays, configuration, SHAPE, inputs).SerializeToString())
    assert by_separator.input_names == ("input_ids", "attention_mask")
    np.testing.assert_allclose(by_separator.run(batch), by_types.run(batch), rtol=1e-5, atol=1e-5)


def test_the_bias_lets_a_token_see_the_other_text_alone() -> None:
    mask, types = torch.tensor([[True, True, True, False]]), torch.tensor([[0, 0, 1, 0]])
    shares = alignment_bias(mask, types)[0].softmax(-1)
    expected = torch.tensor([[0, 0, 1, 0], [0, 0, 1, 0], [0.5, 0.5, 0, 0]])
    torch.testing.assert_close(shares[:3], expected)


def test_a_text_without_partner_attends_to_itself() -> None:
    shares = alignment_bias(torch.tensor([[True, True, False]]), torch.zeros(1, 3, dtype=torch.int64))[0].softmax(-1)
    torch.testing.assert_close(shares[:2], torch.tensor([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0]]))


def test_the_order_of_the_texts_matters() -> None:
    configuration = configuration_of("alignment", 32, encoder="none")
    network, batch = ElasticAlignment(SHAPE, random_arrays(configuration)), batch_of((9,))
    ids, types = torch.from_numpy(batch["input_ids"]), torch.from_numpy(batch["token_type_ids"])
    mask = torch.ones_like(ids)
    with torch.inference_mode():
        assert (network.logits(ids, mask, types) - network.logits(ids, mask, 1 - types)).abs().max() > 0.01


def test_it_is_in_the_spaces_of_pairs_alone() -> None:
    joint = SEARCH_SPACES["joint"]
    assert "alignment" not in joint(SHAPE).students
    assert "alignment" in joint(SHAPE, pair=True).students
    assert any(design.student == "alignment" for design in joint(SHAPE, pair=True).initial_designs())
    assert "alignment" not in SEARCH_SPACES["precision"](SHAPE, pair=True).students


def test_a_space_may_be_limited_to_the_students_a_study_began_with() -> None:
    space = SEARCH_SPACES["joint"](SHAPE, pair=True, students=("transformer", "cnn"))
    assert space.students == ("transformer", "cnn")
    assert {design.student for design in space.initial_designs()} == {"transformer", "cnn"}


@pytest.mark.parametrize(
    ("values", "message"),
    [({"encoder": "gru"}, "encoder must be one of none, cnn, bilstm"), ({"hidden_size": 63}, "must be even")],
)
def test_a_configuration_is_checked(values: dict[str, object], message: str) -> None:
    sizes = {"embedding_size": 40, "hidden_size": 32, "num_layers": 1, "encoder": "cnn", "vocabulary_size": 100}
    with pytest.raises(InputError, match=message):
        AlignmentConfiguration(**(sizes | values))  # type: ignore[arg-type]


def test_it_starts_from_principal_components_of_the_word_vectors() -> None:
    generator = np.random.default_rng(0)
    words = (generator.normal(size=(50, 3)) @ generator.normal(size=(3, 8)) + 5).astype(np.float32)
    vectors = principal_word_vectors({"embeddings.word": words}, 3)
    centred = words - words.mean(0)
    distances = np.linalg.norm(centred[:, None] - centred[None], axis=-1)
    kept = np.linalg.norm(vectors[:, None] - vectors[None], axis=-1)
    assert np.allclose(kept / kept.max(), distances / distances.max(), atol=1e-5), "three directions hold everything"
    assert vectors.std() == pytest.approx(1.0, abs=1e-5)
    assert (np.diff(vectors.std(0)) <= 0).all() and vectors.dtype == np.float32
    with pytest.raises(InputError, match="at most the teacher's 8 channels, but got 9"):
        principal_word_vectors({"embeddings.word": words}, 9)


def test_word_vectors_and_states_take_turns() -> None:
    rng = np.random.default_rng(0)
    words, states = (rng.normal(size=(50, 6)).astype(np.float32) for _ in range(2))
    vectors = principal_word_vectors({"embeddings.word": words, WORD_STATES: states}, 5)
    np.testing.assert_array_equal(vectors[:, ::2], principal_word_vectors({"embeddings.word": words}, 3))
    np.testing.assert_allclose(
        vectors[:, 1::2] / vectors[0, 1], states_part(states) / states_part(states)[0, 0], rtol=1e-5
    )


def states_part(states: np.ndarray) -> np.ndarray:
    return principal_word_vectors({"embeddings.word": states}, 3)[:, :2]
