"""What transformers reports of a loading decides: a missing head is said, a missing encoder weight is an error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import CONFIGS, random_model
from transformers import AutoTokenizer

from autocompress.networks.checkpoint import head_names, open_checkpoint
from autocompress.networks.checkpoint_config import check_config, check_raw
from autocompress.networks.checkpoint_files import stored_tensors
from autocompress.networks.families import FAMILIES
from autocompress.networks.families.family import AFTER_PADDING
from autocompress.networks.loading import load_in_class_order, load_model, output_layer
from autocompress.system.errors import InputError

NAMES = ("a", "b", "c")
VARIANTS = (*CONFIGS, "toy")
pytestmark = pytest.mark.usefixtures("toy")
Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path, tiny_checkpoint: str) -> Save:
    """Save a random model of a family with the tiny tokenizer, its state dict changed."""

    def saved(name: str, edit: Callable[[dict[str, Any]], dict[str, Any]] = dict, base: bool = False) -> Path:
        model = random_model(CONFIGS[name]())
        tokenizer = AutoTokenizer.from_pretrained(tiny_checkpoint)
        if FAMILIES[model.config.model_type].first_position == AFTER_PADDING:
            tokenizer.pad_token = "[UNK]"
        (model.base_model if base else model).save_pretrained(tmp_path)
        tokenizer.save_pretrained(tmp_path)
        path = tmp_path / "model.safetensors"
        save_file(edit(load_file(path)), path, {"format": "pt"})
        return tmp_path

    return saved


@pytest.mark.parametrize("name", VARIANTS)
def test_a_whole_checkpoint_is_loaded_as_it_is(name: str, save: Save) -> None:
    loaded = load_model(open_checkpoint(str(save(name))), 3, NAMES)
    expected = random_model(CONFIGS[name]()).state_dict()
    assert loaded.without_head is None
    assert all(torch.equal(value, expected[key]) for key, value in loaded.model.state_dict().items())


@pytest.mark.parametrize("name", VARIANTS)
def test_an_encoder_alone_lacks_only_a_head(name: str, save: Save) -> None:
    loaded = load_model(open_checkpoint(str(save(name, base=True))), 2, NAMES[:2])
    assert loaded.without_head is not None and "no trained head" in loaded.without_head
    assert output_layer(loaded.model).out_features == 2


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("part", [0, 1])
def test_a_head_in_part_is_no_head(name: str, part: int, save: Save) -> None:
    gone = FAMILIES[CONFIGS[name]().model_type].head[part]
    folder = save(name, lambda state: {key: value for key, value in state.items() if not key.startswith(gone)})
    loaded = load_model(open_checkpoint(str(folder)), 3, NAMES)
    assert loaded.without_head is not None and gone in loaded.without_head


@pytest.mark.parametrize("name", VARIANTS)
def test_every_encoder_weight_is_asked_for(name: str, save: Save) -> None:
    family = FAMILIES[CONFIGS[name]().model_type]
    folder = save(name)
    path = folder / "model.safetensors"
    state = load_file(path)
    checkpoint = open_checkpoint(str(folder))
    for gone in [key for key in state if not key.startswith(family.head)][::5]:
        save_file({key: value for key, value in state.items() if key != gone}, path, {"format": "pt"})
        with pytest.raises(InputError, match=f"lacks 1, such as {gone}"):
            load_model(checkpoint, 3, NAMES)


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize(
    ("prefix", "cause"),
    [("module.", "DataParallel"), ("_orig_mod.", "torch.compile"), ("encoder.inner.", "model.encoder.inner.save_")],
)
def test_weights_of_a_wrapped_model_are_not_taken_for_none(name: str, prefix: str, cause: str, save: Save) -> None:
    folder = save(name, lambda state: {prefix + key: value for key, value in state.items()})
    with pytest.raises(InputError, match=cause):
        load_model(open_checkpoint(str(folder)), 3, NAMES)


def test_the_old_names_of_norms_are_known(save: Save) -> None:
    def old(state: dict[str, Any]) -> dict[str, Any]:
        names = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
        return {
            next((key.replace(new, was) for new, was in names.items() if key.endswith(new)), key): value
            for key, value in state.items()
        }

    loaded = load_model(open_checkpoint(str(save("bert", old))), 3, NAMES)
    expected = random_model(CONFIGS["bert"]()).state_dict()
    assert loaded.without_head is None
    assert all(torch.equal(value, expected[key]) for key, value in loaded.model.state_dict().items())


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_are_float32_from_the_moment_of_loading(name: str, dtype: torch.dtype, save: Save) -> None:
    folder = save(name, lambda state: {key: value.to(dtype) for key, value in state.items()})
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"dtype": str(dtype).removeprefix("torch.")}))
    model, trained = load_in_class_order(open_checkpoint(str(folder)), 3, ("LABEL_0", "LABEL_1", "LABEL_2"))
    assert trained and {value.dtype for value in model.parameters()} == {torch.float32}
    model.save_pretrained(folder / "again")
    assert json.loads((folder / "again" / "config.json").read_text())["dtype"] == "float32"


def test_positions_of_roberta_count_from_the_tokenizer_s_padding(save: Save, tiny_checkpoint: str) -> None:
    folder = save("roberta")
    AutoTokenizer.from_pretrained(tiny_checkpoint).save_pretrained(folder)
    with pytest.raises(InputError, match=r"has 0 and 1; take both from one checkpoint"):
        open_checkpoint(str(folder))
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pad_token_id": None}))
    with pytest.raises(InputError, match=r"pad_token_id in config\.json must be a token's number"):
        open_checkpoint(str(folder))


@pytest.mark.parametrize("name", VARIANTS)
def test_sizes_are_held_against_the_weights_before_a_model_is_built(name: str, save: Save) -> None:
    folder = save(name)
    tensors = stored_tensors(folder, "it")
    config = CONFIGS[name]()
    assert check_config(config, tensors, "it") == ()
    for size in ("num_hidden_layers", "hidden_size", "intermediate_size", "vocab_size", "max_position_embeddings"):
        key = FAMILIES[config.model_type].sizes[size]
        before = getattr(config, key)
        setattr(config, key, 12 * before)
        with pytest.raises(InputError, match=r"config\.json must say the sizes of the weights"):
            check_config(config, tensors, "it")
        setattr(config, key, before)


def test_names_of_outputs_that_are_not_there_are_none() -> None:
    config = CONFIGS["bert"]()
    config.id2label = {0: "x", 2: 5}
    assert head_names(config, 4) == ["x", None, "5", None]


def test_a_configuration_without_its_family_is_told_so() -> None:
    with pytest.raises(InputError, match="names no model_type"):
        check_raw({}, "it")
