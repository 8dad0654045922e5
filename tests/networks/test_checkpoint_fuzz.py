"""Whatever the JSON files of a checkpoint say, to open, load and check it ends well or in one line; memory is safe."""

from __future__ import annotations

import json
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autocompress.domain.problem import DataSource, Problem
from autocompress.preparation.inputs import load_inputs
from autocompress.system.errors import InputError

FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
ROOM = 4 * 2**30
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 1, 2, 3, 5, 7, 10**5, 10**6, 10**9, 2**31, 2**63, 2**70]),
    st.floats(),
    st.sampled_from(["", "left", "relu", "float16", "[UNK]", "<new>", "1", "\ud83d"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.sampled_from(["0", "1", "a", "content"]), st.sampled_from([None, 0, "x", []]), max_size=2),
)
EXTRA = {
    "config.json": (
        *("num_labels", "id2label", "label2id", "problem_type", "dtype", "pruned_heads", "is_decoder", "torch_dtype"),
        *("add_cross_attention", "position_embedding_type", "output_hidden_states", "return_dict", "embedding_size"),
        *("quantization_config", "auto_map", "attn_implementation", "tie_word_embeddings", "classifier_dropout"),
        *("output_attentions", "chunk_size_feed_forward", "sentence_transformers", "initializer_range", "use_bfloat16"),
    ),
    "tokenizer.json": (),
    "tokenizer_config.json": (
        *("truncation_side", "padding_side", "do_lower_case", "added_tokens_decoder", "tokenizer_class", "auto_map"),
        *("additional_special_tokens", "extra_special_tokens", "max_length", "stride", "split_special_tokens"),
        *("add_prefix_space", "strip_accents", "chat_template", "model_input_names", "vocab_file", "add_bos_token"),
    ),
    "special_tokens_map.json": ("pad_token", "unk_token", "cls_token", "mask_token", "additional_special_tokens"),
}


@pytest.fixture(scope="module")
def base(trained_checkpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz") / "model"
    shutil.copytree(trained_checkpoint, folder)
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    (folder / "special_tokens_map.json").write_text(json.dumps(names))
    return folder


@pytest.fixture(scope="module", autouse=True)
def little_memory() -> Iterator[None]:
    """What takes all memory fails at once here."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, limits)


def places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every key of nested JSON, but of a vocabulary only a few."""
    items = list(content.items() if isinstance(content, dict) else enumerate(content))
    for key, value in items if len(items) < 30 else items[:: len(items) // 3]:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def changed(content: Any, path: tuple[Any, ...], value: Any) -> None:
    """Set what is at ``path``, or remove it for ``...``."""
    for key in path[:-1]:
        content = content[key]
    if value is ...:
        del content[path[-1]]
    else:
        content[path[-1]] = value


@pytest.mark.parametrize("file", FILES)
@given(draw=st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_damaged_json(
    file: str, draw: st.DataObject, base: Path, tiny_data: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = json.loads((base / file).read_text())
    known = [*places(content), *((name,) for name in EXTRA[file] if name not in content)]
    path = draw.draw(st.sampled_from(known), label="place")
    there = path[0] in content
    value = draw.draw(st.one_of(VALUES, st.just(...)) if there else VALUES, label="value")
    changed(content, path, value)
    folder = base.with_name("damaged")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(base, folder)
    (folder / file).write_text(json.dumps(content))
    try:
        inputs = load_inputs(Problem(str(folder), DataSource(**tiny_data))).origin
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert np.isfinite(inputs.data.train.labels).all() and inputs.data.train.tokens.max() < 33


@given(damage=st.binary(max_size=200), file=st.sampled_from(FILES), share=st.floats(0, 1))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_damaged_bytes(damage: bytes, file: str, share: float, base: Path, tiny_data: dict[str, str]) -> None:
    folder = base.with_name("damaged")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(base, folder)
    content = (folder / file).read_bytes()
    place = int(share * len(content))
    (folder / file).write_bytes(content[:place] + damage + content[place + len(damage) :])
    try:
        load_inputs(Problem(str(folder), DataSource(**tiny_data)))
    except InputError as error:
        assert "\n" not in str(error)
