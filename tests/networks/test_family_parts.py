"""With any part of the toy family's record taken away or wrong, an error names that part."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

import pytest
import toy_family
from family_checks import CHECKS
from tiny_models import CONFIGS, random_model
from toy_family import TOY, tiny_config, toy_checkpoint

from autocompress.networks.checkpoint import open_checkpoint
from autocompress.networks.families import FAMILIES
from autocompress.networks.families.family import AFTER_PADDING, OPTIONAL, Family
from autocompress.networks.families.import_encoder import import_encoder
from autocompress.networks.loading import load_model
from autocompress.system.errors import InputError
from autocompress.system.extensions import VARIABLE, load_extensions

PARTS = [part.name for part in fields(Family) if part.default is part.default_factory is MISSING]
ENTRIES = [(part, entry) for part in ("sizes", "embeddings", "layer") for entry in getattr(TOY, part)]
SWAPPED = {"attention.query": "carry", "attention.value": "ask"}
WRONG: list[tuple[str, Any]] = [
    ("sizes", {**TOY.sizes, "hidden_size": "width"}),
    ("sizes", {**TOY.sizes, "num_attention_heads": "kinds"}),
    ("sizes", {**TOY.sizes, "num_hidden_layers": "kinds"}),
    ("sizes", {**TOY.sizes, "intermediate_size": "wide"}),
    ("sizes", {**TOY.sizes, "vocab_size": "wide"}),
    ("sizes", {**TOY.sizes, "max_position_embeddings": "wide"}),
    ("sizes", {**TOY.sizes, "type_vocab_size": "thin"}),
    ("activation", "act"),
    ("layer_norm_epsilon", "eps"),
    ("layer_norm_epsilon", 0.5),
    ("base_model_prefix", "stem"),
    ("embeddings", {**TOY.embeddings, "embeddings.word": "tokens"}),
    ("embeddings", {**TOY.embeddings, "embeddings.word": "places", "embeddings.position": "words"}),
    ("embeddings", {**TOY.embeddings, "embeddings.projection": "bridge"}),
    ("layers", "rows"),
    ("layer", {**TOY.layer, "attention.norm": "calm"}),
    ("layer", {**TOY.layer, **SWAPPED}),
    ("head", ("weigh", "vote")),
    ("head", ("decide", "weigh")),
    ("head_activation", "relu"),
    ("first_position", 0),
    ("first_position", 3),
    ("first_position", AFTER_PADDING),
    ("optimizer_model_type", "no-such-type"),
    ("relative_bias", "bias"),
    ("required", {"heads": 5}),
    ("required", {"buckets": 32}),
]


@pytest.fixture
def as_toy(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a record into ``FAMILIES`` as the toy family for one test."""
    return lambda family: monkeypatch.setitem(FAMILIES, "toy", family)


def check(family: Family) -> None:
    """What the conformance suite checks."""
    model = random_model(tiny_config())
    for one in CHECKS.values():
        one(model)


def test_the_whole_record_passes(as_toy: Any) -> None:
    as_toy(TOY)
    check(TOY)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_left_out_is_named(part: str) -> None:
    others = {name: getattr(TOY, name) for name in PARTS if name != part}
    with pytest.raises(TypeError, match=f"missing 1 required keyword-only argument: '{part}'"):
        Family(**others)


@pytest.mark.parametrize("part", PARTS)
def test_an_empty_part_is_named(part: str) -> None:
    empty: dict[str, Any] = {part: {} if isinstance(getattr(TOY, part), dict) else None}
    with pytest.raises(ValueError, match=f"^{part} of a family must be given"):
        replace(TOY, **empty)


@pytest.mark.parametrize(("part", "entry"), ENTRIES)
def test_an_entry_that_is_left_out_is_named(part: str, entry: str) -> None:
    changed: dict[str, Any] = {part: {name: value for name, value in getattr(TOY, part).items() if name != entry}}
    with pytest.raises(ValueError, match=rf"^{part} of a family must have the entries .*lacks {entry}$"):
        replace(TOY, **changed)
    changed[part]["other"] = changed[part][entry] = "x"
    with pytest.raises(ValueError, match=f"^{part} of a family .*has other$"):
        replace(TOY, **changed)


@pytest.mark.parametrize(("size", "module"), OPTIONAL.items())
def test_what_a_family_lacks_it_lacks_in_both_parts(size: str, module: str, as_toy: Any) -> None:
    with pytest.raises(ValueError, match=rf"sizes\['{size}'\] and embeddings\['{module}'\]"):
        replace(TOY, sizes={**TOY.sizes, size: None})
    as_toy(replace(TOY, sizes={**TOY.sizes, size: None}, embeddings={**TOY.embeddings, module: None}))
    with pytest.raises(InputError, match="embeddings, layer, head and relative_bias must account for all weights"):
        check(TOY)


def test_a_bias_by_relative_position_that_no_part_names_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, "mpnet", replace(FAMILIES["mpnet"], relative_bias=None))
    with pytest.raises(InputError, match=r"relative_bias must account .* mpnet\.encoder\.relative_attention_bias"):
        import_encoder(random_model(CONFIGS["mpnet"]()))


def test_the_head_has_two_layers_and_positions_begin_somewhere() -> None:
    one: Any = ("decide",)
    with pytest.raises(ValueError, match="head of a family must name two linear layers, but names 1"):
        replace(TOY, head=one)
    with pytest.raises(ValueError, match="first_position of a family must be a row or AFTER_PADDING, but is -1"):
        replace(TOY, first_position=-1)


def test_every_part_is_tried_with_a_wrong_value() -> None:
    assert {part for part, _ in WRONG} == {part.name for part in fields(Family)}


@pytest.mark.parametrize(("part", "value"), WRONG)
def test_a_wrong_part_is_named(part: str, value: Any, as_toy: Any) -> None:
    wrong: dict[str, Any] = {part: value}
    as_toy(replace(TOY, **wrong))
    with pytest.raises((InputError, AssertionError), match=rf"(^|\W){part}\b"):
        check(TOY)


def test_its_checkpoint_opens_and_lacks_only_a_head(as_toy: Any, tmp_path: Path, tiny_checkpoint: str) -> None:
    as_toy(TOY)
    checkpoint = open_checkpoint(str(toy_checkpoint(tmp_path, tiny_checkpoint)))
    assert checkpoint.max_positions == 64
    assert "no trained head" in str(load_model(checkpoint, 2, ("no", "yes")).without_head)


def test_an_extension_adds_it_to_the_families() -> None:
    code = "from autocompress.networks.families import FAMILIES; print(*FAMILIES)"
    environment = {**os.environ, VARIABLE: str(toy_family.__file__)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == [*FAMILIES, "toy"]


def test_an_extension_without_a_part_is_told_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "family_in_part.py"
    path.write_text("from autocompress.networks.families.family import Family\nFamily(sizes={})\n")
    monkeypatch.setenv(VARIABLE, str(path))
    with pytest.raises(InputError, match=r"family_in_part\.py is not .*'head_activation'"):
        load_extensions()
