"""Checkpoints that are wrong, damaged, or say of themselves what is not done: one line each, or a note at the start."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from damaged_checkpoints import (
    Change,
    both,
    cast,
    cut_off,
    filled,
    head,
    moved_into,
    names,
    only,
    pickled,
    settings,
    sharded,
    text,
    token_types,
    under,
    vocabulary,
    weights,
    with_code,
    without,
)

from autocompress.cli.main import run

Failing = Callable[..., tuple[int, str]]
QUERY = "bert.encoder.layer.0.attention.self.query.weight"
WORDS = "bert.embeddings.word_embeddings.weight"
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"

WRONG: list[tuple[str, Change, str]] = [
    ("another family", settings(model_type="gpt2"), "one of the families bert, distilbert, roberta, electra"),
    ("own code", settings(auto_map={"AutoModel": "evil.Model"}), "own code"),
    ("no model_type", settings(model_type=...), "names no model_type"),
    ("an empty folder", only("nothing.txt"), "holds config.json"),
    ("config.json is no JSON", text("config.json", "{"), "config.json must be readable JSON"),
    ("config.json is a list", text("config.json", "[]"), "must hold a JSON object, but holds a list"),
    ("saved from DataParallel", under("module."), "lacks 37, such as bert."),
    ("saved from DataParallel: advice", under("module."), "model.module.save_pretrained"),
    ("saved from torch.compile", under("_orig_mod."), "torch.compile"),
    ("saved from a model around it", under("backbone."), "model.backbone.save_pretrained"),
    ("an adapter's names", under("base_model.model."), "merge_and_unload"),
    ("a weight is missing", weights(lambda s: s.pop(QUERY) is None or None), f"lacks 1, such as {QUERY}"),
    ("a weight of another shape", weights(lambda s: s | {QUERY: s[QUERY][:24]}), f"{QUERY} of"),
    ("all weights of something else", weights(lambda s: {"conv.weight": torch.ones(2, 2)}), "no word embeddings"),
    ("cut off weights", cut_off("model.safetensors"), "damaged or cut off"),
    ("a cut off header", cut_off("model.safetensors", 0.01), "damaged or cut off"),
    ("an empty file of weights", text("model.safetensors"), "damaged or cut off"),
    ("a shard is missing", sharded(keep=False), "lacks 1 of 2, such as 'model-00002-of-00002.safetensors'"),
    (
        "an index without files",
        both(without("model.safetensors"), text("model.safetensors.index.json", "{}")),
        "must hold a weight_map",
    ),
    ("NaN in a weight", filled(QUERY, float("nan")), f"{QUERY} of"),
    ("infinity in a weight", filled("classifier.weight", float("inf")), "1 that are NaN or infinite"),
    ("too large for float32", both(cast(torch.float64), filled(QUERY, 1e300)), "must be finite in float32"),
    ("an empty weight", weights(lambda s: s | {WORDS: s[WORDS][:0]}), "must not be empty"),
    ("no weights", without("model.safetensors"), "holds its weights in model.safetensors or pytorch_model.bin"),
    ("a pointer of Git LFS", text("model.safetensors", LFS), "git lfs pull"),
    ("a tokenizer's pointer of Git LFS", text("tokenizer.json", LFS), "git lfs pull"),
    ("ONNX", both(without("model.safetensors"), text("model.onnx")), "in ONNX form"),
    ("ONNX in a folder", both(without("model.safetensors"), text("onnx/model.onnx")), "in ONNX form"),
    ("GGUF", only("model.Q4_K_M.gguf"), "in GGUF form"),
    ("TensorFlow", both(without("model.safetensors"), text("tf_model.h5")), "a TensorFlow checkpoint"),
    ("Flax", both(without("model.safetensors"), text("flax_model.msgpack")), "a Flax checkpoint"),
    ("a state dict", only("best.pt"), "a state dict of PyTorch"),
    ("an adapter", only("adapter_config.json", "{}"), "is an adapter (PEFT)"),
    ("an adapter beside a model", text("adapter_config.json", "{}"), "is an adapter (PEFT)"),
    ("bitsandbytes", settings(quantization_config={"quant_method": "bitsandbytes"}), "is quantized (bitsandbytes)"),
    ("GPTQ", settings(quantization_config={"quant_method": "gptq", "bits": 4}), "is quantized (gptq)"),
    ("8-bit numbers", weights(lambda s: s | {QUERY: s[QUERY].to(torch.int8)}), "if it is quantized"),
    ("a pickle with code", with_code, "or asks for code to be run"),
    ("a training state", pickled(lambda state: {"state_dict": state, "epoch": 3}), "holds 'state_dict', which is none"),
    ("no tokenizer", without("tokenizer.json", "tokenizer_config.json"), "holds its tokenizer in tokenizer.json"),
    ("a tokenizer's settings only", without("tokenizer.json"), "holds its tokenizer in tokenizer.json"),
    ("a tokenizer without words", vocabulary(lambda v: dict(list(v.items())[:5])), "must know words"),
    ("a damaged tokenizer", text("tokenizer.json", "{}"), "can be loaded"),
    ("tokens beyond the table", vocabulary(lambda v: v | {"<url>": len(v)}), "resize_token_embeddings(34)"),
    ("token types beyond the table", token_types, "token type"),
    ("a limit of two tokens", settings("tokenizer_config.json", model_max_length=2), "model_max_length"),
    ("an activation", settings(hidden_act="silu"), "one of gelu, relu, gelu_new, but got 'silu'"),
    ("relative positions", settings(position_embedding_type="relative_key"), "must be absolute"),
    ("a decoder", settings(is_decoder=True), "must be an encoder"),
    ("several labels at once", settings(problem_type="multi_label_classification"), "not supported yet"),
    ("pruned heads", settings(pruned_heads={"0": [1]}), "pruned_heads"),
    ("hidden size of others", settings(hidden_size=64), "says hidden_size 64 where"),
    ("intermediate size of others", settings(intermediate_size=64), "says intermediate_size 64 where"),
    ("vocabulary of others", settings(vocab_size=30522), "says vocab_size 30522 where"),
    ("positions of others", settings(max_position_embeddings=512), "says max_position_embeddings 512 where"),
    ("more layers than weights", settings(num_hidden_layers=12), "says num_hidden_layers 12 where the weights have 2"),
    ("an absurd size", settings(hidden_size=10**9), "hidden_size in config.json must be a whole number"),
    ("an absurd number of layers", settings(num_hidden_layers=10**7), "num_hidden_layers"),
    ("an absurd number of labels", settings(num_labels=10**9, id2label=...), "num_labels in config.json"),
    ("no heads", settings(num_attention_heads=0), "num_attention_heads in config.json must be a whole number"),
    ("heads that do not divide", settings(num_attention_heads=5), "must divide the hidden size"),
    ("an epsilon below zero", settings(layer_norm_eps=-1.0), "layer_norm_eps"),
    ("a list of labels", settings(id2label=["negative", "positive"]), "id2label in config.json"),
    ("labels under words", settings(id2label={"negative": 0, "positive": 1}), "id2label in config.json"),
    ("a model in a subfolder", moved_into("0_Transformer", "modules.json"), "/0_Transformer"),
    ("the folder of a training", moved_into("checkpoint-500", "trainer_state.json"), "/checkpoint-500"),
    ("outputs that are named wrongly", names("positive", "negative"), "if they mean negative, positive"),
    ("a head of zeros", head(torch.zeros_like), "must do better than always answering"),
    (
        "an unnamed head of zeros",
        both(head(torch.zeros_like), names("LABEL_0", "LABEL_1")),
        "in the best order of its outputs",
    ),
]


@pytest.fixture
def changed(trained_checkpoint: str, tmp_path: Path) -> Callable[[Change], str]:
    """A copy of the trained checkpoint with a change."""

    def changed_copy(change: Change) -> str:
        folder = tmp_path / "model"
        shutil.copytree(trained_checkpoint, folder)
        change(folder)
        return str(folder)

    return changed_copy


@pytest.fixture
def arguments(tiny_data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The data's options, in an empty current folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return [part for name, path in tiny_data.items() for part in (f"--{name}", path)] + ["--dry-run"]


@pytest.mark.parametrize(("change", "message"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_wrong_checkpoints(
    change: Change, message: str, failing: Failing, changed: Callable[[Change], str], arguments: list[str]
) -> None:
    code, line = failing("search", changed(change), *arguments)
    assert code == 2 and message in line
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("no/such-model", "no/such-model"),
        ("such/a/long/path", "such/a/long/path"),
        (" ", "model must be"),
        ("x" * 5000, "File name too long"),
        ("a\0b", "must be a checkpoint folder or the name of one"),
        ("{model}/config.json", "config.json is a file; give the folder"),
        ("{model}/model.safetensors", "model.safetensors is a file; give the folder"),
    ],
)
def test_references(model: str, message: str, failing: Failing, trained_checkpoint: str, arguments: list[str]) -> None:
    code, line = failing("search", model.replace("{model}", trained_checkpoint), *arguments)
    assert code == 2 and message in line


TOLD: list[tuple[str, Change, list[str], str]] = [
    ("as it was trained", lambda folder: None, [], "these classes (by name) and is the teacher as it is: right on"),
    ("other case and spaces", names(" Negative", "POSITIVE "), [], "(by name)"),
    ("another order", both(head(lambda w: w.flip(0)), names("positive", "negative")), [], "(by name)"),
    ("no names, in order", names("LABEL_0", "LABEL_1"), [], "LABEL_0 is 'negative', LABEL_1 is 'positive'"),
    ("no names, swapped", both(head(lambda w: w.flip(0)), names("LABEL_0", "LABEL_1")), [], "LABEL_1 is 'negative'"),
    ("numbers for names", both(head(lambda w: w.flip(0)), names("0", "1")), [], "1 is 'negative', 0 is 'positive'"),
    ("a name is missing", settings(id2label={"0": "negative"}, label2id=...), [], "do not tell which class is which"),
    ("one name twice", names("negative", "negative"), [], "do not tell which class is which"),
    ("other names", names("cat", "dog"), [], "the trained head is for other classes (cat, dog): it is dropped"),
    ("other names that fit", names("bad", "good"), [], "if bad is negative, good is positive"),
    ("some names", names("negative", "good"), [], "for other classes (negative, good): it is dropped"),
    (
        "more outputs",
        both(head(lambda w: torch.cat([w, w[:1]])), names("a", "b", "c")),
        [],
        "head has 3 outputs where the data need 2: a head is fitted",
    ),
    ("no head", weights(lambda s: s.pop("classifier.weight") is None or None), [], "classifier.weight is missing"),
    (
        "a pooler is missing",
        weights(lambda s: s.pop("bert.pooler.dense.weight") is None or None),
        [],
        "bert.pooler.dense.weight is missing",
    ),
    ("the head of another kind", settings(architectures=["BertForMultipleChoice"]), [], "BertForMultipleChoice"),
    ("named wrongly, as asked", names("positive", "negative"), ["--accept-teacher"], "used as you ask, although"),
    ("zeros, as asked", head(torch.zeros_like), ["--accept-teacher"], "used as you ask, although"),
    ("float16", cast(torch.float16), [], "is the teacher as it is"),
    ("bfloat16", cast(torch.bfloat16), [], "is the teacher as it is"),
    ("float64", cast(torch.float64), [], "is the teacher as it is"),
    ("weights in shards", sharded(), [], "is the teacher as it is"),
    ("pytorch_model.bin", pickled(), [], "is the teacher as it is"),
    ("cut on the left", settings("tokenizer_config.json", truncation_side="left"), [], "cut on the left"),
    ("padded on the left", settings("tokenizer_config.json", padding_side="left"), [], "padding on the left"),
    ("a shorter limit", settings("tokenizer_config.json", model_max_length=12), [], "at most 12 tokens each"),
    ("mean pooling", text("1_Pooling/config.json", '{"pooling_mode_mean_tokens": true}'), [], "mean pooling"),
    ("a head of SetFit", text("model_head.pkl"), [], "model_head.pkl (SetFit)"),
    ("a sigmoid", settings(sentence_transformers={"activation_fn": "torch.nn.Sigmoid"}), [], "puts Sigmoid after"),
    ("fewer layers", settings(num_hidden_layers=1), [], "asks for 1 of the 2 layers"),
    ("within a training", text("optimizer.pt"), [], "in the course of a training"),
    (
        "a tokenizer of others",
        vocabulary(lambda v: {w: i for i, w in enumerate([*list(v)[:5], "x"])}),
        [],
        "of the training words are unknown to the tokenizer, such as",
    ),
    (
        "a small tokenizer",
        vocabulary(lambda v: {w: i for i, w in enumerate([*list(v)[:5], "x"])}),
        [],
        "knows 6 tokens and the table of embeddings has 33 rows",
    ),
]


@pytest.mark.parametrize(("change", "more", "note"), [row[1:] for row in TOLD], ids=[row[0] for row in TOLD])
def test_what_is_taken_and_told(
    change: Change,
    more: list[str],
    note: str,
    changed: Callable[[Change], str],
    arguments: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    extra = ["--accept-teacher"] if note.startswith(("knows", "of the training words")) else more
    assert run(["search", changed(change), *arguments, *extra]) == 0
    assert note in capsys.readouterr().out


def test_a_checkpoint_in_a_hub_s_cache_is_held_to_the_same(
    failing: Failing,
    trained_checkpoint: str,
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    place = tmp_path / "hub" / "models--someone--small"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("a" * 40)
    folder = place / "snapshots" / ("a" * 40)
    shutil.copytree(trained_checkpoint, folder)
    assert run(["search", "someone/small", *arguments]) == 0
    assert "is the teacher as it is" in capsys.readouterr().out
    without("tokenizer.json")(folder)
    code, line = failing("search", "someone/small", *arguments)
    assert code == 2 and "holds its tokenizer in" in line and json.loads((folder / "config.json").read_text())
