"""Layers that convolve compute in torch and in ONNX what a plain reference does; kernels are average attention."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
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
from tiny_models import CONFIGS, random_batch, random_model

from autocompress.artifact.session import Session
from autocompress.domain.shape import EncoderShape
from autocompress.networks.families.import_encoder import import_encoder
from autocompress.students import STUDENTS, dimensions_of
from autocompress.students.attention_forms import ATTENTION_FORMS, attention_of
from autocompress.students.attention_forms.convolution import band, mixed
from autocompress.students.choice import RandomTrial
from autocompress.students.configuration import (
    configuration_digest,
    configuration_from_json,
    configuration_to_json,
    describe,
)
from autocompress.students.costs import latency_terms
from autocompress.students.cutting import cut
from autocompress.students.emit import emit
from autocompress.students.transformer.average_attention import attention_kernels
from autocompress.students.transformer.compensation import (
    LOW_RANK,
    RECONSTRUCTION,
    ROUNDING,
    Compensation,
    input_grams,
)
from autocompress.students.transformer.configuration import ExitConfiguration, TransformerConfiguration
from autocompress.students.transformer.convolution import CONVOLUTION
from autocompress.students.transformer.convolved_layers import WIDTH, with_convolutions, with_kernels
from autocompress.students.transformer.sharing import group_size
from autocompress.students.weight_settings import weight_settings
from autocompress.system.errors import InputError

KIND = STUDENTS["transformer"]
ASPECTS = frozenset({"architecture", "precision", "sparsity", "exits"})
FIRST = shape_with(head_pooling="first", head_activation="tanh")
PLACES = [(0,), (0, 1), (1,), (2,), (0, 1, 2)]
places_of_convolutions = pytest.mark.parametrize("places", PLACES)
shapes = pytest.mark.parametrize("shape", [SHAPE, FIRST], ids=["mean", "first"])


def convolving(places: tuple[int, ...], bits: int = 32, width: int = 5, **extra: Any) -> TransformerConfiguration:
    plain = configuration_of("transformer", bits)
    layers = (
        replace(layer, extra=tuple(sorted({**extra, **({"convolution": width} if place in places else {})}.items())))
        for place, layer in enumerate(plain.layers)
    )
    return replace(plain, layers=tuple(layers))


def arrays_for(configuration: TransformerConfiguration, shape: EncoderShape = SHAPE, width: int = 5) -> Any:
    """Random weights, with kernels and offsets for every layer."""
    rng = np.random.default_rng(4)
    arrays = random_arrays(configuration, shape)
    for layer in configuration.layers:
        kernel = rng.normal(0, 0.4, (layer.num_attention_heads, width))
        arrays[f"layers.{layer.index}.attention.kernel"] = kernel.astype(np.float32)
        offset = rng.normal(0, 0.3, layer.num_attention_heads * shape.head_size)
        arrays[f"layers.{layer.index}.attention.offset"] = offset.astype(np.float32)
    return arrays


def linear(arrays: Any, name: str, x: Any) -> Any:
    return x @ arrays[f"{name}.weight"].T.astype(float) + arrays[f"{name}.bias"]


def norm(arrays: Any, name: str, x: Any) -> Any:
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + SHAPE.layer_norm_epsilon)
    return x * arrays[f"{name}.weight"] + arrays[f"{name}.bias"]


def reference_context(arrays: Any, name: str, heads: int, x: Any) -> Any:
    """Token by token, head by head: the weighted sum of the values around a token, and the offset."""
    value, kernel, size = linear(arrays, f"{name}.attention.value", x), arrays[f"{name}.attention.kernel"], 16
    context = np.tile(arrays[f"{name}.attention.offset"].astype(float), (len(x), 1))
    for token in range(len(x)):
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            for place, weight in enumerate(kernel[head]):
                other = token + place - kernel.shape[1] // 2
                if 0 <= other < len(x):
                    context[token, part] += weight * value[other, part]
    return context


def reference_attention(arrays: Any, name: str, heads: int, x: Any) -> Any:
    query, key, value = (linear(arrays, f"{name}.attention.{part}", x) for part in ("query", "key", "value"))
    parts = []
    for head in range(heads):
        part = slice(head * SHAPE.head_size, (head + 1) * SHAPE.head_size)
        scores = np.exp(query[:, part] @ key[:, part].T / np.sqrt(SHAPE.head_size))
        parts.append(scores / scores.sum(-1, keepdims=True) @ value[:, part])
    return np.concatenate(parts, -1)


def reference_logits(
    arrays: Any, configuration: Any, batch: Any, shape: EncoderShape, pair: bool = False, end: int = 99
) -> Any:
    """Logits of the head after the last kept layer, or after that at ``end``, text by text."""
    rows = []
    for ids, mask, types in zip(batch["input_ids"], batch["attention_mask"], batch["token_type_ids"], strict=True):
        count = int(mask.sum())
        x = arrays["embeddings.word"][ids[:count]].astype(float) + arrays["embeddings.position"][:count]
        x = norm(arrays, "embeddings.norm", x + arrays["embeddings.token_type"][types[:count] * pair])
        layers = configuration.layers[: end + 1]
        for layer in layers:
            name, context = f"layers.{layer.index}", reference_attention
            context = reference_context if dict(layer.extra).get("convolution") else reference_attention
            y = linear(arrays, f"{name}.attention.output", context(arrays, name, layer.num_attention_heads, x))
            x = norm(arrays, f"{name}.attention.norm", x + y)
            inner = ACTIVATIONS[shape.hidden_activation](linear(arrays, f"{name}.feed_forward.up", x))
            x = norm(arrays, f"{name}.feed_forward.norm", x + linear(arrays, f"{name}.feed_forward.down", inner))
        last = layers[-1].index
        pooled = x[0] if shape.pooling_after(last) == "first" else x.mean(0)
        hidden = ACTIVATIONS[shape.activation_after(last)](linear(arrays, f"heads.{last}.dense", pooled))
        rows.append(linear(arrays, f"heads.{last}.out", hidden))
    return np.stack(rows)


def by_torch(arrays: Any, configuration: Any, batch: Any, shape: EncoderShape = SHAPE, pair: bool = False) -> Any:
    names = ("input_ids", "attention_mask", *(("token_type_ids",) if pair else ()))
    given = [torch.from_numpy(batch[name]) for name in names]
    with torch.inference_mode():
        return KIND.network(shape, arrays).logits(*given, configuration=configuration).numpy()


def by_onnx(arrays: Any, configuration: Any, batch: Any, shape: EncoderShape = SHAPE, pair: bool = False) -> Any:
    model = emit(cut(arrays, shape, configuration), configuration, shape, graph_inputs(pair))
    onnx.checker.check_model(model)
    return Session(model.SerializeToString()).run(batch)


BOTH = pytest.mark.parametrize("run", [by_torch, by_onnx])


@BOTH
@shapes
@places_of_convolutions
@pytest.mark.parametrize("lengths", [(17, 3, 9), (1,), (2, 5), (24,)])
def test_it_computes_what_the_reference_does(run: Any, shape: EncoderShape, places: Any, lengths: Any) -> None:
    configuration, batch = convolving(places), batch_of(lengths)
    arrays = arrays_for(configuration, shape)
    expected = reference_logits(arrays, configuration, batch, shape)
    np.testing.assert_allclose(run(arrays, configuration, batch, shape), expected, atol=1e-4)


@BOTH
@pytest.mark.parametrize("width", [1, 3, WIDTH])
def test_pairs_and_other_widths(run: Any, width: int) -> None:
    configuration, batch = convolving((0, 1), width=width), batch_of((17, 6, 9))
    arrays = arrays_for(configuration, width=width)
    expected = reference_logits(arrays, configuration, batch, SHAPE, pair=True)
    np.testing.assert_allclose(run(arrays, configuration, batch, pair=True), expected, atol=1e-4)


@BOTH
@places_of_convolutions
def test_a_text_has_its_result_beside_any_other_and_any_padding(run: Any, places: Any) -> None:
    configuration = convolving(places, width=WIDTH)
    arrays, batch = arrays_for(configuration, width=WIDTH), batch_of((5, 11, 1, 17, 2, 8), seed=3)
    together = run(arrays, configuration, batch)
    for rows in ([0], [3], [4], [2, 0], [5, 4, 3, 2, 1, 0]):
        longest = int(batch["attention_mask"][rows].sum(1).max())
        for columns in {longest, 17}:
            some = {name: array[rows, :columns] for name, array in batch.items()}
            np.testing.assert_allclose(run(arrays, configuration, some), together[rows], atol=2e-5)
    unlike = {**batch, "input_ids": np.where(batch["attention_mask"], batch["input_ids"], 7)}
    np.testing.assert_allclose(run(arrays, configuration, unlike), together, atol=1e-6)


@shapes
@pytest.mark.parametrize("lengths", [(17, 0, 9), (0,), (1, 0)])
def test_rows_without_tokens_are_finite_and_alike(shape: EncoderShape, lengths: Any) -> None:
    configuration = convolving((0, 1))
    arrays, batch = arrays_for(configuration, shape), batch_of((*lengths, MAX_LENGTH))
    logits = by_onnx(arrays, configuration, batch, shape)
    assert np.isfinite(logits).all()
    np.testing.assert_allclose(logits, by_torch(arrays, configuration, batch, shape), atol=1e-4)


@BOTH
def test_no_texts(run: Any) -> None:
    configuration = convolving((0, 1, 2))
    arrays, batch = arrays_for(configuration), batch_of((5, 3))
    assert run(arrays, configuration, {n: array[:0] for n, array in batch.items()}).shape == (0, SHAPE.num_outputs)


def test_a_band_holds_the_kernel_around_its_diagonal() -> None:
    kernel = torch.tensor([[1.0, 2.0, 3.0]])
    assert band(kernel, 4)[0].tolist() == [[2, 3, 0, 0], [1, 2, 3, 0], [0, 1, 2, 3], [0, 0, 1, 2]]
    wide = torch.randn(3, WIDTH)
    for length in (1, 2, 5, 30):
        value, mask = torch.randn(2, 3, length, 8), torch.ones(2, 1, 1, length, dtype=torch.bool)
        across = value.transpose(-1, -2)
        plain = torch.nn.functional.conv2d(across, wide[:, None, None], padding=(0, WIDTH // 2), groups=3)
        torch.testing.assert_close(mixed(value, mask, wide), plain.transpose(-1, -2), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("extra", [{}, {"rank": 0.25}], ids=["whole", "low rank"])
@pytest.mark.parametrize("bits", [8, 4, 2])
def test_fake_quantization_trains_with_what_the_file_computes(bits: int, extra: Any) -> None:
    configuration, batch = convolving((0, 1), bits, **extra), batch_of()
    arrays = arrays_for(configuration)
    given = [torch.from_numpy(batch[name]) for name in ("input_ids", "attention_mask")]
    network = KIND.network(SHAPE, arrays)
    with torch.inference_mode():
        rounded = network.logits(*given, configuration=configuration, fake_quantize=True).numpy()
        exact = network.logits(*given, configuration=configuration).numpy()
    shipped = by_onnx(arrays, configuration, batch)
    # Activations are rounded in the file alone, to 8 bits.
    assert np.abs(shipped - rounded).max() < 0.15 and (bits == 8 or np.abs(shipped - exact).max() > 0.15)


@pytest.mark.parametrize(("threshold", "end"), [(0.001, 0), (0.999999, 2)])
def test_exits_above_convolutions(threshold: float, end: int) -> None:
    for places in PLACES:
        configuration = replace(convolving(places), exit=ExitConfiguration((0, 1), threshold))
        arrays, batch = arrays_for(configuration), batch_of()
        expected = reference_logits(arrays, configuration, batch, SHAPE, end=end)
        np.testing.assert_allclose(by_onnx(arrays, configuration, batch), expected, atol=1e-4)


@places_of_convolutions
def test_query_and_key_of_a_convolution_are_neither_cut_nor_trained(places: Any) -> None:
    configuration = convolving(places, 8)
    whole = arrays_for(replace(configuration, layers=tuple(replace(la, extra=()) for la in configuration.layers)))
    small = cut(whole, SHAPE, configuration)
    network = KIND.network(SHAPE, whole)
    batch = {name: torch.from_numpy(array) for name, array in batch_of().items()}
    network.logits(**batch, configuration=configuration, fake_quantize=True).square().sum().backward()
    for place, layer in enumerate(configuration.layers):
        for part in ("query.weight", "key.bias", "kernel", "offset", "value.weight"):
            name = f"layers.{layer.index}.attention.{part}"
            expected = part == "value.weight" or (part in ("kernel", "offset")) == (place in places)
            gradient = network.weights[name].grad
            assert (name in small) is expected and (gradient is not None and bool(gradient.any())) is expected, name
    np.testing.assert_allclose(
        by_torch(small, configuration, batch_of()), by_torch(whole, configuration, batch_of()), atol=1e-6
    )
    twice = cut(small, SHAPE, configuration)
    assert twice.keys() == small.keys() and all(np.array_equal(twice[name], small[name]) for name in small)
    assert not any("kernel" in name or "offset" in name for name in weight_settings(configuration, small))


def test_a_narrower_kernel_is_the_middle_of_a_wider_one() -> None:
    narrow, batch = convolving((0, 1), width=3), batch_of()
    arrays = arrays_for(narrow, width=WIDTH)
    middle = {name: array[:, 3:6] if name.endswith("kernel") else array for name, array in arrays.items()}
    for run in (by_torch, by_onnx):
        np.testing.assert_allclose(run(arrays, narrow, batch), run(middle, narrow, batch), atol=1e-6)
    with pytest.raises(InputError, match="convolution must be at most the network's 9, but got 11"):
        cut(arrays, SHAPE, convolving((0,), width=11))


def test_kernels_follow_the_heads_that_are_kept() -> None:
    configuration = convolving((0,))
    arrays = arrays_for(configuration)
    thin = replace(configuration.layers[0], num_attention_heads=2)
    narrow = replace(configuration, layers=(thin, *configuration.layers[1:]))
    masked = dict(arrays)
    masked["layers.0.attention.output.weight"] = arrays["layers.0.attention.output.weight"].copy()
    masked["layers.0.attention.output.weight"][:, 32:] = 0
    for run in (by_torch, by_onnx):
        expected = run(masked, configuration, batch_of())
        np.testing.assert_allclose(run(arrays, narrow, batch_of()), expected, atol=1e-5)


def test_a_network_without_kernels_gets_the_mean_of_the_neighbours_or_is_refused() -> None:
    configuration = convolving((0, 1), width=WIDTH)
    plain = random_arrays(configuration)
    small = cut(plain, SHAPE, configuration)
    assert np.allclose(small["layers.1.attention.kernel"], 1 / 9) and not small["layers.0.attention.offset"].any()
    assert with_kernels(small, SHAPE)["layers.0.attention.kernel"] is small["layers.0.attention.kernel"]
    with pytest.raises(InputError, match=r"but has no layers\.0\.attention\.kernel"):
        by_torch(plain, configuration, batch_of())


@pytest.mark.parametrize("family", ["bert", "mpnet"])
def test_kernels_are_the_average_attention_by_distance(family: str) -> None:
    """The oracle is the attention that transformers returns, added up token by token."""
    model = random_model(CONFIGS[family]())
    model.set_attn_implementation("eager")
    shape, arrays = import_encoder(model)
    sums, values, counts = np.zeros((3, 4, WIDTH)), np.zeros((3, 4, 6)), 0
    texts, captured = [_Text(random_batch(60, lengths=(length,) * 3)) for length in (3, 12)], {}
    values_of = _value_modules(model, family)
    for index, module in enumerate(values_of):
        module.register_forward_hook(lambda _, __, out, index=index: captured.update({index: out.detach().numpy()}))
    for text in texts:
        types = {"token_type_ids": text.token_type_ids} if family == "bert" else {}
        with torch.no_grad():
            found = model(text.input_ids, text.attention_mask, **types, output_attentions=True).attentions
        for index, weights in enumerate(found):
            split = captured[index].reshape(*text.input_ids.shape, 4, 6)
            for row, head, query, key in np.ndindex(*weights.shape):
                if abs(key - query) <= WIDTH // 2:
                    sums[index, head, WIDTH // 2 + key - query] += float(weights[row, head, query, key])
                values[index, head] += float(weights[row, head, query, key]) * split[row, key, head]
        counts += text.input_ids.numel()
    kernels = attention_kernels(shape, arrays, texts)
    assert set(kernels) == {f"layers.{i}.attention.{part}" for i in range(3) for part in ("kernel", "offset")}
    for index in range(3):
        np.testing.assert_allclose(kernels[f"layers.{index}.attention.kernel"], sums[index] / counts, atol=1e-5)
    # With the offset the mean context of the lowest layer is the teacher's.
    x = [np.asarray(_values(shape, arrays, text)) for text in texts]
    kernel = kernels["layers.0.attention.kernel"]
    total = sum(
        kernel[head, place] * one[row, head, query + place - WIDTH // 2]
        for one in x
        for row, head, query, place in np.ndindex(len(one), 4, one.shape[2], WIDTH)
        if head == 1 and 0 <= query + place - WIDTH // 2 < one.shape[2]
    )
    offset = kernels["layers.0.attention.offset"].reshape(4, 6)[1]
    np.testing.assert_allclose(total / counts + offset, values[0, 1] / counts, atol=1e-5)


def _value_modules(model: Any, family: str) -> list[Any]:
    if family == "bert":
        return [layer.attention.self.value for layer in model.bert.encoder.layer]
    return [layer.attention.attn.v for layer in model.mpnet.encoder.layer]


def _values(shape: EncoderShape, arrays: Any, text: _Text) -> Any:
    network = KIND.network(shape, arrays)
    with torch.inference_mode():
        embeddings = network(text.input_ids, text.attention_mask, text.token_type_ids).embeddings.numpy()
    value = linear(arrays, "layers.0.attention.value", embeddings)
    return value.reshape(*embeddings.shape[:2], 4, 6).transpose(0, 2, 1, 3)


class _Text:
    def __init__(self, batch: dict[str, torch.Tensor]) -> None:
        self.input_ids, self.attention_mask = batch["input_ids"], batch["attention_mask"]
        self.token_type_ids, self.labels = batch["token_type_ids"], torch.zeros(1)


def test_cuts_of_the_teacher_are_compensated() -> None:
    model = random_model(CONFIGS["bert"]())
    shape, arrays = import_encoder(model)
    texts = [_Text(random_batch(60, lengths=(length,) * 3)) for length in (3, 12)]
    arrays |= attention_kernels(shape, arrays, texts)
    grams = input_grams(shape, arrays, texts)
    plain = TransformerConfiguration.uniform(shape, 4, num_attention_heads=2, intermediate_size=16)
    low = replace(plain, layers=tuple(replace(la, extra=(("rank", 0.25),)) for la in plain.layers))
    for whole in (plain, low):
        configuration = replace(whole, layers=with_convolutions(whole.layers, 2))
        methods = frozenset({RECONSTRUCTION, LOW_RANK, ROUNDING})
        weights = Compensation(grams, methods).cut(arrays, shape, configuration)
        assert weights.keys() == cut(arrays, shape, configuration).keys()
        assert weights["layers.0.attention.kernel"].shape == (2, WIDTH)


@pytest.mark.parametrize("width", [-1, 2, 1.0, True, "all"])
def test_a_width_is_an_odd_number(width: Any) -> None:
    with pytest.raises(InputError, match="must be 0 or an odd number"):
        convolving((0,), width=width)


def test_no_token_may_be_dropped_below_a_convolution() -> None:
    first, second, third = convolving((1,)).layers
    dropping = (("keep_tokens", 0.5),)
    replace(convolving((1,)), layers=(first, second, replace(third, extra=dropping)))
    both = replace(second, extra=(*second.extra, *dropping))
    for layers in ((replace(first, extra=dropping), second, third), (first, both, third)):
        with pytest.raises(InputError, match="layer 1 convolves after some are"):
            replace(convolving((1,)), layers=layers)


def test_layers_that_share_weights_all_attend_or_all_convolve() -> None:
    replace(convolving((0, 1)), extra=(("sharing", 2),))
    with pytest.raises(InputError, match="layers 0 and 1 differ"):
        replace(convolving((0,)), extra=(("sharing", 2),))
    configuration = replace(convolving((0, 1)), extra=(("sharing", 2),))
    arrays, batch = arrays_for(configuration), batch_of()
    tied = arrays | {n.replace("layers.0.", "layers.1."): a for n, a in arrays.items() if n.startswith("layers.0.")}
    expected = reference_logits(tied, configuration, batch, SHAPE)
    for run in (by_torch, by_onnx):
        np.testing.assert_allclose(run(arrays, configuration, batch), expected, atol=1e-4)


def test_the_neutral_value_changes_no_digest_and_others_are_described() -> None:
    plain = configuration_of("transformer")
    written = configuration_to_json(plain)
    named = configuration_from_json({**written, "layers": [{**one, "convolution": 0} for one in written["layers"]]})
    assert named == plain and configuration_digest(named) == configuration_digest(plain)
    hybrid = convolving((0, 1), 8)
    again = configuration_from_json(configuration_to_json(hybrid))
    assert again == hybrid and configuration_digest(again) != configuration_digest(plain)
    assert describe(hybrid) == describe(plain).replace("L3 ", "L3 c2 ")
    assert [name for name, form in ATTENTION_FORMS.items() if form.applies(hybrid.layers[0])] == ["full", "convolution"]
    assert attention_of(hybrid.layers[2]) is ATTENTION_FORMS["full"]


def test_costs_leave_out_query_key_and_attention() -> None:
    names = [*KIND.latency_prior, *KIND.added_terms()]
    both = convolving((), 8), convolving((0, 1), 8)
    plain, hybrid = (dict(zip(names, latency_terms(one, SHAPE, None), strict=True)) for one in both)
    matrix = 48 * 56 / 1e6
    assert plain["int8_products"] - hybrid["int8_products"] == pytest.approx(4 * matrix)
    assert (plain["heads"], hybrid["heads"]) == pytest.approx((0.9, 0.3))
    assert (plain["convolved_heads"], hybrid["convolved_heads"]) == pytest.approx((0, 0.6))
    assert KIND.multiplications(both[1], SHAPE) == KIND.multiplications(both[0], SHAPE) - 4 * 48 * 56
    assert CONVOLUTION.numbers(both[1], SHAPE, None) == [pytest.approx(2 / 3)]


def test_the_teacher_serves_for_a_third_of_the_layers() -> None:
    for places, near in (((), True), ((0,), True), ((0, 1), False)):
        assert CONVOLUTION.is_near_teacher(convolving(places), SHAPE) is near
        assert CONVOLUTION.keeps_teacher_layers(convolving(places), SHAPE) is (not places)


def test_a_trial_chooses_how_many_of_the_lowest_layers_convolve() -> None:
    space, rng = KIND.space(SHAPE, ASPECTS), np.random.default_rng(0)
    seen = set()
    for _ in range(150):
        configuration = space.suggest(RandomTrial(rng))
        parameters = space.parameters(configuration)
        assert space.suggest(RandomTrial(np.random.default_rng(1), parameters)) == configuration
        assert isinstance(configuration, TransformerConfiguration)
        number = CONVOLUTION.number_of(configuration)
        assert number < len(configuration.layers) and number % group_size(configuration) == 0
        assert parameters.get("convolutions", 0) == number
        assert ("convolutions" in parameters) is (len(configuration.layers) > 1)
        assert all("keep_tokens" not in dict(layer.extra) for layer in configuration.layers[:number])
        seen.add(number)
    assert seen == {0, 1, 2}


def test_a_space_holds_only_the_lowest_layers_at_one_width() -> None:
    space = KIND.space(SHAPE, ASPECTS)
    whole = TransformerConfiguration.uniform(SHAPE)
    fitting = replace(whole, layers=with_convolutions(whole.layers, 2))
    assert space.parameters(fitting)["convolutions"] == 2
    upper = replace(whole, layers=(*whole.layers[:1], *with_convolutions(whole.layers[1:], 1)))
    every = replace(whole, layers=with_convolutions(whole.layers, 4))
    other = replace(whole, layers=(replace(whole.layers[0], extra=(("convolution", 3),)), *whole.layers[1:]))
    most = replace(whole, layers=with_convolutions(whole.layers, 3))
    for one, message in ((upper, "lowest"), (every, "not all"), (other, "over 9 tokens"), (most, "must be one of")):
        with pytest.raises(InputError, match=message):
            space.parameters(one)
    names = [dimension.name for dimension in dimensions_of("transformer")]
    assert names.count("convolution") == 1
