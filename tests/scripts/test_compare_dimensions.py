"""The counts of scripts/compare_dimensions.py are those that one makes by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from finished_study import FOLDER

from autocompress.domain.shape import EncoderShape
from autocompress.students import DIMENSIONS
from autocompress.students.configuration import configuration_from_json
from autocompress.students.transformer.configuration import TransformerConfiguration
from search_spaces import SEARCH_SPACES

TINY = EncoderShape(2, 48, 4, 96, 33, 64, 2, 2, 48)
OF_WHOLE = {
    "transformer.hidden_size": (3, 6),
    "embedding_size": (3, 3),
    "bilstm.hidden_size": (0, 0),
    "cnn.hidden_size": (3, 3),
    "vocabulary_size": (0, 9),
    "embedding_bits": (3, 9),
    "sparsity": (2, 3),
    "transformer.sharing": (0, 6),
    "layers": (4, 6),
    "layers.num_attention_heads": (3, 6),
    "layers.intermediate_size": (4, 6),
    "layers.attention_bits": (3, 6),
    "layers.feed_forward_bits": (2, 6),
    "layers.rank": (0, 6),
    "exits": (1, 6),
}
"""Used, of how many: by eye from the descriptions of the front of ``whole``."""


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "scripts")
    import compare_dimensions

    return compare_dimensions


def test_usage_of_a_kept_front(script: ModuleType):
    front = json.loads((FOLDER / "show.json").read_text(encoding="utf-8"))["front"]
    found = script.usage([configuration_from_json(point["configuration"]) for point in front], TINY)
    assert list(found) == list(DIMENSIONS)
    assert {name: found[name] for name in OF_WHOLE} == OF_WHOLE
    rows = script.usage_table({"one": found, "two": found}).splitlines()
    assert "| exits | 1 of 6 | 1 of 6 | 2 of 12 |" in rows
    assert "| layers.rank | 0 of 6 | 0 of 6 | never |" in rows and "| bilstm.hidden_size | - | - | never |" in rows


def test_values_without_a_field_count_in_any_layer(script: ModuleType):
    whole = TransformerConfiguration.uniform(TINY)
    ranked = replace(whole, layers=(whole.layers[0], replace(whole.layers[1], extra=(("rank", 0.5),))))
    found = script.usage([whole, ranked, replace(whole, extra=(("sharing", 2),))], TINY)
    used = {name: count.used for name, count in found.items() if count.used}
    assert used == {"layers.rank": 1, "transformer.sharing": 1}


def test_students_of_another_teacher_are_refused(script: ModuleType):
    with pytest.raises(ValueError, match=r"hidden_size must be one of \[.*, 96\] .* has 48; name its teacher's checkp"):
        script.usage([TransformerConfiguration.uniform(TINY)], replace(TINY, hidden_size=96))


@pytest.mark.parametrize("name", DIMENSIONS)
def test_a_space_without_a_dimension_never_uses_it(script: ModuleType, name: str):
    before = {one: dimension.options for one, dimension in DIMENSIONS.items()}
    with script.held_neutral([name]):
        space = SEARCH_SPACES["joint"](TINY, pair="alignment" in name)
    assert {one: dimension.options for one, dimension in DIMENSIONS.items()} == before
    designs = space.initial_designs()
    assert designs[0] == TransformerConfiguration.uniform(TINY)
    rng = np.random.default_rng(0)
    drawn = [space.sample(rng, student) for student in space.students for _ in range(10)]
    assert script.usage([*designs, *drawn], TINY)[name].used == 0
