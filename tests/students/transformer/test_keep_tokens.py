"""Layers that drop tokens compute in torch and in ONNX what a plain reference does, whatever else is in the batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from artifact_references import (
    ACTIVATIONS,
    MAX_LENGTH,
    SHAPE,
    batch_of,
    configuration_of,
    graph_inputs,
    random_arrays,
    shape_with,
)

from autocompress.artifact.session import Session
from autocompress.domain.shape import EncoderShape
from autocompress.students import STUDENTS
from autocompress.students.attention_forms import ATTENTION_FORMS
from autocompress.students.configuration import (
    configuration_digest,
    configuration_from_json,
    configuration_to_json,
    describe,
)
from autocompress.students.costs import latency_prior, latency_terms
from autocompress.students.emit import emit
from autocompress.students.token_policies import TOKEN_POLICIES
from autocompress.students.token_policies.attention_received import kept, significance
from autocompress.students.transformer.configuration import ExitConfiguration, TransformerConfiguration
from autocompress.students.transformer.keep_tokens import KEEP_TOKENS, token_shares
from autocompress.system.errors import InputError

FIRST = shape_with(head_pooling="first", head_activation="tanh")
SHARES = [(0.5, 1.0, 1.0), (0.75, 0.5, 0.25), (1.0, 0.25, 0.5), (0.25, 0.25, 0.25), (0.3, 1.0, 0.9)]
shares_of_layers = pytest.mark.parametrize("shares", SHARES)
shapes = pytest.mark.parametrize("shape", [SHAPE, FIRST], ids=["mean", "first"])


def keeping(shares: tuple[float, ...], bits: int = 32) -> TransformerConfiguration:
    uniform = configuration_of("transformer", bits)
    pairs = zip(uniform.layers, shares, strict=True)
    extras = ((layer, (("keep_tokens", share),) if share < 1 else ()) for layer, share in pairs)
    return replace(uniform, layers=tuple(replace(layer, extra=extra) for layer, extra in extras))


def linear(arrays: Any, name: str, x: Any) -> Any:
    return x @ arrays[f"{name}.weight"].T.astype(float) + arrays[f"{name}.bias"]


def norm(arrays: Any, name: str, x: Any) -> Any:
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + SHAPE.layer_norm_epsilon)
    return x * arrays[f"{name}.weight"] + arrays[f"{name}.bias"]


def reference_layer(arrays: Any, layer: Any, share: float, x: Any) -> Any:
    """Goyal et al. 2020, figure 3: attention, extract layer, feed-forward network; x is one text [T, H]."""
    name, size = f"layers.{layer.index}", SHAPE.head_size
    query, key, value = (linear(arrays, f"{name}.attention.{part}", x) for part in ("query", "key", "value"))
    received, mixed = np.zeros(len(x)), []
    for head in range(layer.num_attention_heads):
        part = slice(head * size, (head + 1) * size)
        scores = np.exp(query[:, part] @ key[:, part].T / np.sqrt(size))
        weights = scores / scores.sum(-1, keepdims=True)
        mixed.append(weights @ value[:, part])
        for row in weights:
            received += row
    x = norm(
        arrays, f"{name}.attention.norm", x + linear(arrays, f"{name}.attention.output", np.concatenate(mixed, -1))
    )
    wanted = int(np.ceil(np.float32(len(x)) * np.float32(share)))
    others = sorted(range(1, len(x)), key=lambda place: -received[place])[: wanted - 1]
    x = x[[0, *sorted(others)]]
    inner = ACTIVATIONS[SHAPE.hidden_activation](linear(arrays, f"{name}.feed_forward.up", x))
    return norm(arrays, f"{name}.feed_forward.norm", x + linear(arrays, f"{name}.feed_forward.down", inner))


def reference_logits(
    arrays: Any, configuration: Any, batch: Any, shape: EncoderShape, pair: bool = False, end: int = -1
) -> Any:
    """Logits of the head after the kept layer at ``end``, text by text."""
    rows = []
    for ids, mask, types in zip(batch["input_ids"], batch["attention_mask"], batch["token_type_ids"], strict=True):
        count = int(mask.sum())
        x = arrays["embeddings.word"][ids[:count]].astype(float) + arrays["embeddings.position"][:count]
        x = norm(arrays, "embeddings.norm", x + arrays["embeddings.token_type"][types[:count] * pair])
        layers = configuration.layers[: len(configuration.layers) + 1 + end if end < 0 else end + 1]
        for layer in layers:
            x = reference_layer(arrays, layer, dict(layer.extra).get("keep_tokens", 1.0), x)
        last = layers[-1].index
        pooled = x[0] if shape.pooling_after(last) == "first" else x.mean(0)
        hidden = ACTIVATIONS[shape.activation_after(last)](linear(arrays, f"heads.{last}.dense", pooled))
        rows.append(linear(arrays, f"heads.{last}.out", hidden))
    return np.stack(rows)


def by_torch(arrays: Any, configuration: Any, batch: Any, shape: EncoderShape = SHAPE, pair: bool = False) -> Any:
    network = STUDENTS["transformer"].network(shape, arrays)
    names = ("input_ids", "attention_mask", *(("token_type_ids",) if pair else ()))
    with torch.inference_mode():
        return network.logits(*(torch.from_numpy(batch[n]) for n in names), configuration=configuration).numpy()


def by_onnx(arrays: Any, configuration: Any, batch: Any, shape: EncoderShape = SHAPE, pair: bool = False) -> Any:
    return Session(emit(arrays, configuration, shape, graph_inputs(pair)).SerializeToString()).run(batch)


BOTH = pytest.mark.parametrize("run", [by_torch, by_onnx])


@BOTH
@shapes
@shares_of_layers
@pytest.mark.parametrize("lengths", [(17, 3, 9), (1,), (2,), (3,), (24,), (3, 1, 2), (20, 20)])
def test_it_computes_what_the_reference_does(run: Any, shape: EncoderShape, shares: Any, lengths: Any) -> None:
    configuration, batch = keeping(shares), batch_of(lengths)
    arrays = random_arrays(configuration, shape)
    expected = reference_logits(arrays, configuration, batch, shape)
    np.testing.assert_allclose(run(arrays, configuration, batch, shape), expected, atol=1e-4)


@BOTH
@shares_of_layers
def test_pairs_of_texts(run: Any, shares: Any) -> None:
    configuration, batch = keeping(shares), batch_of((17, 6, 9))
    arrays = random_arrays(configuration)
    expected = reference_logits(arrays, configuration, batch, SHAPE, pair=True)
    np.testing.assert_allclose(run(arrays, configuration, batch, pair=True), expected, atol=1e-4)


@BOTH
@shares_of_layers
def test_a_text_has_its_result_beside_any_other_and_any_padding(run: Any, shares: Any) -> None:
    configuration = keeping(shares)
    arrays, batch = random_arrays(configuration), batch_of((5, 11, 1, 17, 2, 8), seed=3)
    together = run(arrays, configuration, batch)
    for rows in ([0], [1], [2], [3], [4], [5], [2, 0], [4, 5, 1], [5, 4, 3, 2, 1, 0]):
        longest = int(batch["attention_mask"][rows].sum(1).max())
        for columns in {longest, 17}:
            some = {name: array[rows, :columns] for name, array in batch.items()}
            np.testing.assert_allclose(run(arrays, configuration, some), together[rows], atol=2e-5)


@shapes
@pytest.mark.parametrize("lengths", [(17, 0, 9), (0,), (1, 0)])
def test_rows_without_tokens_are_finite_and_alike(shape: EncoderShape, lengths: Any) -> None:
    configuration = keeping((0.5, 0.5, 0.5))
    arrays, batch = random_arrays(configuration, shape), batch_of((*lengths, MAX_LENGTH))
    logits = by_onnx(arrays, configuration, batch, shape)
    assert np.isfinite(logits).all()
    np.testing.assert_allclose(logits, by_torch(arrays, configuration, batch, shape), atol=1e-4)


@BOTH
def test_no_texts_and_texts_of_no_length(run: Any) -> None:
    configuration = keeping((0.5, 1.0, 0.5))
    arrays, batch = random_arrays(configuration), batch_of((5, 3))
    assert run(arrays, configuration, {n: array[:0] for n, array in batch.items()}).shape == (0, SHAPE.num_outputs)
    assert np.isfinite(run(arrays, configuration, {n: array[:, :0] for n, array in batch.items()})).all()


@pytest.mark.parametrize("bits", [8, 4, 2])
def test_other_precisions_run(bits: int) -> None:
    configuration = keeping((0.5, 1.0, 0.5), bits)
    arrays = random_arrays(configuration)
    exact = by_onnx(arrays, keeping((0.5, 1.0, 0.5)), batch_of())
    rounded = by_onnx(arrays, configuration, batch_of())
    assert np.isfinite(rounded).all() and (bits < 8 or np.abs(rounded - exact).max() < 0.5)


@pytest.mark.parametrize("bits", [32, 2])
@pytest.mark.parametrize(("threshold", "end"), [(0.001, 0), (0.999999, -1)])
def test_exits_between_layers_that_drop_tokens(bits: int, threshold: float, end: int) -> None:
    for shares in SHARES:
        plain = keeping(shares, bits)
        configuration = replace(plain, exit=ExitConfiguration((0, 1), threshold))
        arrays, batch = random_arrays(plain), batch_of()
        logits = by_onnx(arrays, configuration, batch)
        if bits == 32:
            expected = reference_logits(arrays, plain, batch, SHAPE, end=end)
        else:
            expected = by_onnx(arrays, replace(plain, layers=plain.layers[: 1 if end == 0 else 3]), batch)
        np.testing.assert_allclose(logits, expected, atol=1e-4)


def test_only_layers_that_drop_tokens_have_their_attention_written_out() -> None:
    arrays = random_arrays(keeping((1.0, 1.0, 1.0)))
    nodes = {}
    for shares in ((1.0, 1.0, 1.0), (1.0, 1.0, 0.5), (1.0, 0.5, 1.0)):
        nodes[shares] = emit(arrays, keeping(shares), SHAPE, graph_inputs()).graph.node
    kinds = {shares: [node.op_type for node in found] for shares, found in nodes.items()}
    assert [kinds[shares].count("MultiHeadAttention") for shares in kinds] == [3, 2, 2]
    assert [kinds[shares].count("TopK") for shares in kinds] == [0, 1, 1]
    plain, dropping = nodes.values().__iter__().__next__(), nodes[1.0, 1.0, 0.5]
    places = [i for i, node in enumerate(plain) if node.op_type == "MultiHeadAttention"]
    below = places[1] + 1
    assert [n.SerializeToString() for n in plain[:below]] == [n.SerializeToString() for n in dropping[:below]]


def test_the_last_layer_of_a_head_on_the_first_token_is_as_before() -> None:
    arrays = random_arrays(keeping((1.0, 1.0, 1.0)), FIRST)
    files = [emit(arrays, keeping((1.0, 1.0, last)), FIRST, graph_inputs()) for last in (1.0, 0.5)]
    assert files[0].SerializeToString() == files[1].SerializeToString()


def test_the_neutral_value_changes_no_digest_and_no_description() -> None:
    plain = configuration_of("transformer")
    written = configuration_to_json(plain)
    named = configuration_from_json({**written, "layers": [{**one, "keep_tokens": 1.0} for one in written["layers"]]})
    assert named == plain and configuration_digest(named) == configuration_digest(plain)
    assert describe(keeping((0.75, 1.0, 0.5), 8)) == describe(plain).replace(" w8", " t0.38 w8")


def test_equal_scores_keep_the_earlier_token_and_the_first_one_always_stays() -> None:
    layer = keeping((0.5, 1.0, 1.0)).layers[0]
    probabilities = torch.zeros(1, 1, 6, 6)
    probabilities[..., 3] = 0.4
    probabilities[..., 1] = probabilities[..., 4] = 0.3
    places, left = kept(probabilities, torch.tensor([[True] * 5 + [False]]), layer)
    assert places.tolist() == [[0, 3, 1]] and left.tolist() == [[True, True, True]]


def test_gradients_reach_the_layers_below() -> None:
    configuration = keeping((0.5, 0.5, 0.5))
    network = STUDENTS["transformer"].network(SHAPE, random_arrays(configuration))
    batch = {name: torch.from_numpy(array) for name, array in batch_of().items()}
    network.logits(**batch, configuration=configuration, fake_quantize=True).square().sum().backward()
    assert all(
        torch.count_nonzero(network.weights[f"layers.0.{part}.weight"].grad)
        for part in ("attention.query", "attention.output", "feed_forward.up")
    )


def test_mixed_precision_does_not_round_the_scores() -> None:
    probabilities = torch.rand(2, 3, 7, 7).softmax(-1)
    mask = torch.arange(7) < torch.tensor([[7], [4]])
    expected = significance(probabilities, mask)
    np.testing.assert_allclose(expected[1], probabilities[1, :, :4].sum((0, 1)), rtol=1e-6)
    configuration = keeping((0.5, 0.5, 0.5))
    network = STUDENTS["transformer"].network(SHAPE, random_arrays(configuration))
    batch = {name: torch.from_numpy(array) for name, array in batch_of().items()}
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(significance(probabilities, mask), expected, rtol=0, atol=0)
        logits = network.logits(**batch, configuration=configuration, fake_quantize=True)
    assert logits.dtype is torch.float32 and torch.isfinite(logits).all()
    logits.square().sum().backward()


def test_attention_without_probabilities_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ATTENTION_FORMS, "full", replace(ATTENTION_FORMS["full"], probabilities=None))
    monkeypatch.setitem(ATTENTION_FORMS, "full", replace(ATTENTION_FORMS["full"], emitted_probabilities=None))
    configuration = keeping((1.0, 0.5, 1.0))
    arrays = random_arrays(configuration)
    for run in (by_torch, by_onnx):
        with pytest.raises(InputError, match="layer 1 has a form without"):
            run(arrays, configuration, batch_of())


def test_cost_terms_count_the_tokens_that_reach_each_part() -> None:
    whole, some = keeping((1.0, 1.0, 1.0), 8), keeping((1.0, 0.5, 0.5), 8)
    assert list(token_shares(some)) == [(1.0, 1.0), (1.0, 0.5), (0.5, 0.25)]
    names = [*latency_prior_names()]
    before, after = (dict(zip(names, latency_terms(one, SHAPE, None), strict=True)) for one in (whole, some))
    attention, products = 48 * 56, 72 * 56
    expected = (3 * attention + (attention + 2 * products)) / 1e6
    expected += (3 * attention + 0.5 * (attention + 2 * products)) / 1e6
    expected += (0.5 * 3 * attention + 0.25 * (attention + 2 * products)) / 1e6
    assert after["int8_products"] == pytest.approx(expected)
    assert after["heads"] == pytest.approx(2.5 * 0.3) and after["neurons"] == pytest.approx(1.75 * 0.072)
    assert after["layer_channels"] == pytest.approx(1.75 * 0.056) and after["layers"] == 3
    assert (before["eliminations"], after["eliminations"]) == (0, 2)


def latency_prior_names() -> list[str]:
    kind = STUDENTS["transformer"]
    names = [*kind.latency_prior, *kind.added_terms()]
    assert len(names) == len(latency_prior("transformer"))
    return names


def test_the_teacher_serves_as_long_as_half_of_the_tokens_are_left() -> None:
    for shares, near in (((1.0, 1.0, 1.0), True), ((0.75, 0.75, 1.0), True), ((0.5, 0.75, 1.0), False)):
        assert KEEP_TOKENS.is_near_teacher(keeping(shares), SHAPE) is near
        assert KEEP_TOKENS.keeps_teacher_layers(keeping(shares), SHAPE) is (min(shares) == 1)


def test_policies_are_registered_by_name() -> None:
    layer = keeping((0.5, 1.0, 1.0)).layers[0]
    assert [name for name, policy in TOKEN_POLICIES.items() if policy.applies(layer)] == ["attention_received"]
