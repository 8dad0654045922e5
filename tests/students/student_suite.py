"""What every student type must do: checks that are run over each entry of STUDENTS, and over the toy."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tiny_models import SIZES, random_batch, random_model
from transformers import BertConfig

from autocompress.artifact.blocks import GraphInputs
from autocompress.artifact.session import Session
from autocompress.compression.vocabulary import Vocabulary
from autocompress.domain.shape import EncoderShape
from autocompress.networks.families.import_encoder import import_encoder
from autocompress.networks.weights import Arrays
from autocompress.students import STUDENTS, dimensions_of
from autocompress.students.choice import RandomTrial
from autocompress.students.configuration import (
    Configuration,
    configuration_digest,
    configuration_from_json,
    configuration_to_json,
    describe,
)
from autocompress.students.costs import latency_prior, latency_terms, size_terms
from autocompress.students.cutting import cut
from autocompress.students.features import quality_features
from autocompress.students.student_type import StudentType
from autocompress.students.weight_settings import weight_settings
from autocompress.system.errors import InputError

ASPECTS = frozenset({"architecture", "precision", "sparsity", "student", "exits"})
VOCABULARY = 60
CLOSE = {"atol": 5e-6, "rtol": 2e-5}


@cache
def teacher() -> tuple[EncoderShape, Arrays]:
    """A random encoder with a head for three classes, wide enough that its widths may vary."""
    config = BertConfig(**{**SIZES, "hidden_size": 96, "intermediate_size": 192, "vocab_size": VOCABULARY})
    return import_encoder(random_model(config))


@cache
def configurations(name: str) -> tuple[Configuration, ...]:
    """Designs, random points and the smallest one."""
    kind, (shape, _) = STUDENTS[name], teacher()
    space, rng = kind.space(shape, ASPECTS), np.random.default_rng(0)
    designs = [design for _, design in kind.designs(shape, exits=True)][:4]
    return (*designs, *(space.suggest(RandomTrial(rng)) for _ in range(8)), space.smallest())


@cache
def super_network(name: str) -> tuple[EncoderShape, Arrays]:
    """Weights of a super-network; biases start at zero, where a mistake in cutting them would not show."""
    shape, arrays = teacher()
    shape, initial = STUDENTS[name].initial(arrays, shape, configurations(name), 2)
    generator = np.random.default_rng(5)
    return shape, {
        name: array if array.ndim > 1 else (array + 0.1 * generator.normal(size=array.shape)).astype(np.float32)
        for name, array in initial.items()
    }


def in_float(configuration: Configuration) -> Configuration:
    """The same in 32 bits, without zeros and exits."""
    fields = configuration_to_json(configuration)
    for holder in (fields, *fields.get("layers", ())):
        holder |= {name: 32 for name in holder if name.endswith("bits")}
        holder |= {name: 0.0 for name in holder if name == "sparsity"}
        for dimension in dimensions_of(configuration.student):
            if dimension.omitted is not None:
                holder.pop(dimension.name, None)
    return configuration_from_json({**fields, **({"exit": None} if "exit" in fields else {})})


def logits_of(
    name: str, configuration: Configuration, **settings: bool
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    shape, arrays = super_network(name)
    batch = random_batch(VOCABULARY)
    return STUDENTS[name].network(shape, arrays).logits(**batch, configuration=configuration, **settings), batch


def check_record(kind: StudentType) -> None:
    """The record's plain parts: a name that is its key, recipes, shares, designs in places of their own."""
    assert STUDENTS[kind.name] is kind and kind.configuration.student == kind.name
    for recipe in (kind.recipe, kind.alone):
        assert recipe.learning_rate > 0 and recipe.batch_size > 0 and recipe.epochs > 0
    assert kind.shares.single > 0 and kind.shares.pair > 0
    designs = list(kind.designs(teacher()[0], exits=True))
    places = [place for place, _ in designs]
    others = [other for other in STUDENTS.values() if other is not kind]
    taken = {place for other in others for place, _ in other.designs(teacher()[0], exits=True)}
    assert places and len(set(places)) == len(places) and not set(places) & taken
    assert all(isinstance(design, kind.configuration) for _, design in designs)


def check_space(kind: StudentType) -> None:
    """Parameters are the inverse of suggest, and JSON, digest and description know every value."""
    space = kind.space(teacher()[0], ASPECTS)
    for configuration in configurations(kind.name):
        parameters = space.parameters(configuration)
        assert space.suggest(RandomTrial(np.random.default_rng(1), parameters)) == configuration
        again = configuration_from_json(json.loads(json.dumps(configuration_to_json(configuration))))
        assert again == configuration and configuration_digest(again) == configuration_digest(configuration)
        assert len(describe(configuration)) <= 100 and "\n" not in describe(configuration)


def check_cut(kind: StudentType) -> None:
    """A cut computes what the elastic network computes, and cutting twice changes nothing."""
    for configuration in configurations(kind.name):
        shape, arrays = super_network(kind.name)
        small = kind.cut(arrays, shape, configuration)
        for quantized in (False, True):
            expected, batch = logits_of(kind.name, configuration, fake_quantize=quantized)
            alone = kind.network(shape, small).logits(**batch, configuration=configuration, fake_quantize=quantized)
            torch.testing.assert_close(alone, expected, **CLOSE)
        assert all(array.flags.c_contiguous and array.dtype == np.float32 for array in small.values())
        twice = cut(small, shape, configuration)
        assert twice.keys() == small.keys() and all(np.array_equal(twice[n], a) for n, a in small.items())


def check_padding(kind: StudentType) -> None:
    """Padding changes nothing, a row without tokens is finite, and no rows give none."""
    shape, arrays = super_network(kind.name)
    for configuration in configurations(kind.name)[:4]:
        together, batch = logits_of(kind.name, configuration)
        network = kind.network(shape, arrays)
        for row, length in enumerate(batch["attention_mask"].sum(1).tolist()):
            alone = {name: value[row : row + 1, :length] for name, value in batch.items()}
            torch.testing.assert_close(network.logits(**alone, configuration=configuration)[0], together[row], **CLOSE)
        empty = {name: torch.zeros_like(value[:1]) for name, value in batch.items()}
        assert torch.isfinite(network.logits(**empty, configuration=configuration)).all()
        nothing = {name: value[:0] for name, value in batch.items()}
        assert network.logits(**nothing, configuration=configuration).shape == (0, shape.num_outputs)


def check_gradients(kind: StudentType) -> None:
    """In training gradients reach every weight of the sub-network and no other; its heads are those of training."""
    shape, arrays = super_network(kind.name)
    for configuration in configurations(kind.name)[:4]:
        trained = kind.as_trained(configuration, exits=True)
        network, batch = kind.network(shape, arrays), random_batch(VOCABULARY)
        network.freeze_embeddings(False)
        heads, features = network.heads_and_features(**batch, configuration=trained, fake_quantize=True)
        assert all(head.shape == (len(batch["input_ids"]), shape.num_outputs) for head in heads)
        assert features is None or features.shape == (len(batch["input_ids"]), network.num_features)
        torch.stack([head.square().sum() for head in heads]).sum().backward()
        used = {name: array.size for name, array in kind.cut(arrays, shape, trained).items()}
        for name, weight in network.weights.items():
            touched = 0 if weight.grad is None else int(torch.count_nonzero(weight.grad))
            assert touched > 0 if name in used else touched == 0, name
            assert touched <= used.get(name, 0), name


def check_settings(kind: StudentType) -> None:
    """Every weight of a cut is claimed; matrices between embeddings and head are, and an unknown weight is refused."""
    shape, arrays = super_network(kind.name)
    configuration = configurations(kind.name)[0]
    small = kind.cut(arrays, shape, configuration)
    kept = {
        name for name, array in small.items() if array.ndim == 2 and not name.endswith(("out.weight", "token_type"))
    }
    assert set(weight_settings(configuration, small)) == kept
    try:
        weight_settings(configuration, [*small, "unclaimed.weight"])
    except InputError as error:
        assert "unclaimed.weight" in str(error)
    else:
        raise AssertionError(f"settings_of of {kind.name} claims a weight that it does not have")


def check_graph(kind: StudentType) -> None:
    """The graph computes what the network computes, to rounding in 32 bits, and runs in every precision."""
    order = np.random.default_rng(3).permutation(VOCABULARY).astype(np.int32)
    inputs, batch = graph_inputs(kind, order)
    shape, arrays = super_network(kind.name)
    for configuration in configurations(kind.name):
        plain = in_float(configuration)
        content = kind.graph(kind.cut(arrays, shape, plain), plain, shape, inputs).SerializeToString()
        expected = kind.network(shape, arrays).logits(
            **{name: torch.from_numpy(value) for name, value in batch.items()},
            configuration=plain,
            token_map=_token_map(inputs, plain),
        )
        np.testing.assert_allclose(Session(content).run(batch), expected.detach().numpy(), atol=2e-4)
        content = kind.graph(kind.cut(arrays, shape, configuration), configuration, shape, inputs).SerializeToString()
        assert np.isfinite(Session(content).run(batch)).all()
        again = kind.graph(kind.cut(arrays, shape, configuration), configuration, shape, inputs).SerializeToString()
        assert again == content


def check_costs(kind: StudentType) -> None:
    """Terms have the priors' names, features one length, and multiplications are the weights of the matrices."""
    shape, arrays = super_network(kind.name)
    for configuration in configurations(kind.name):
        terms = latency_terms(configuration, shape, None)
        assert (
            terms.shape == latency_prior(kind.name).shape
            and (terms >= 0).all()
            and (latency_prior(kind.name) > 0).all()
        )
        assert (size_terms(configuration, shape) >= 0).all()
        features = quality_features(configuration, shape, None, own_network=True)
        assert np.isfinite(features).all() and np.abs(features).max() < 10
        assert len(features) == len(quality_features(configurations(kind.name)[0], shape, None, own_network=True))
        plain = in_float(configuration)
        small = kind.cut(arrays, shape, plain)
        inner = [a for n, a in small.items() if a.ndim == 2 and not n.startswith(("embeddings.", "head"))]
        assert kind.multiplications(plain, shape) == sum(array.size for array in inner)


def check_untrained(kind: StudentType) -> None:
    """The smallest model can be compiled before anything is trained."""
    shape, arrays = teacher()
    smallest = kind.space(shape, ASPECTS).smallest()
    weights = kind.untrained(arrays, shape, smallest)
    inputs, batch = graph_inputs(kind, np.arange(VOCABULARY, dtype=np.int32))
    content = kind.graph(weights, smallest, shape, inputs).SerializeToString()
    assert Session(content).run(batch).shape == (len(batch["input_ids"]), shape.num_outputs)


def check_options(kind: StudentType) -> None:
    """Each dimension has its neutral value among its options, a smallest one, and numbers and a label for each."""
    shape = teacher()[0]
    for dimension in dimensions_of(kind.name):
        options = dimension.options(shape)
        assert dimension.neutral(shape) in options, dimension.name
        assert dimension.smallest(options) in options, dimension.name
        assert len(set(options)) == len(options), dimension.name
        if dimension.omitted is not None:
            assert dimension.omitted == dimension.neutral(shape), f"omitted value of {dimension.name}"
        elif dimension.name not in ("layer", "exit"):
            holder = configurations(kind.name)[0].layers[0] if dimension.per_layer else configurations(kind.name)[0]
            assert hasattr(holder, dimension.name), f"{dimension.name} needs a field or an omitted value"


def check_fields(kind: StudentType) -> None:
    """Each field of a configuration, and of its layers, is the value of a dimension."""
    configuration = configurations(kind.name)[0]
    holders = [(configuration, False), *((layer, True) for layer in getattr(configuration, "layers", ())[:1])]
    for holder, per_layer in holders:
        known = {dimension.name for dimension in dimensions_of(kind.name) if dimension.per_layer == per_layer}
        missing = {field.name for field in fields(holder)} - known - {"layers", "index", "extra"}
        assert not missing, f"{kind.name} has no dimension for {', '.join(sorted(missing))}"


def check_effect(kind: StudentType) -> None:
    """No dimension is idle: each option that is not neutral changes the file."""
    shape, arrays = super_network(kind.name)
    inputs, _ = graph_inputs(kind, np.arange(VOCABULARY, dtype=np.int32))

    def content(configuration: Configuration) -> bytes:
        weights = kind.cut(arrays, shape, configuration)
        return kind.graph(weights, configuration, shape, inputs).SerializeToString()

    space = kind.space(shape, ASPECTS)
    largest = space.suggest(LargestTrial())
    parameters, plain = space.parameters(largest), content(largest)
    for dimension in dimensions_of(kind.name):
        choice = dimension.choice(kind.name, shape, ASPECTS | kind.always_free, index=1)
        for option in choice.options:
            if option != parameters.get(choice.name, option):
                changed = space.suggest(RandomTrial(np.random.default_rng(0), {**parameters, choice.name: option}))
                assert content(changed) != plain, f"{dimension.name} = {option} has no effect"


def graph_inputs(kind: StudentType, order: NDArray[np.int32]) -> tuple[GraphInputs, dict[str, NDArray[np.int64]]]:
    """What a graph depends on, and a batch for it: of pairs for the types that can do nothing else."""
    pair = not kind.suits(pair=False)
    batch = {name: value.numpy() for name, value in random_batch(VOCABULARY).items()}
    if not pair:
        del batch["token_type_ids"]
    similar = np.zeros_like(order)
    similar[order] = order[np.arange(len(order)) // 2]
    return GraphInputs(pair=pair, vocabulary=Vocabulary(order, int(order[0]), similar), max_length=20), batch


class LargestTrial:
    """Chooses the neutral value of everything, or the largest where it is not known."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """No exit, 8 bits, no zeros, no shared weights, attention everywhere, else the largest."""
        if "bits" in name:
            return 8
        if "encoder" in name:
            return choices[-1]
        return choices[0] if name in ("exit", "sharing", "convolutions") or name.endswith("sparsity") else max(choices)

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None = None) -> float:
        """The upper end."""
        return high


def _token_map(inputs: GraphInputs, configuration: Configuration) -> torch.Tensor:
    order = inputs.vocabulary.order.tolist()

    def read(place: int) -> int:
        return order[place] if place < configuration.vocabulary_size else read(place // 2)

    return torch.tensor([read(order.index(token)) for token in range(VOCABULARY)])


CHECKS: dict[str, Callable[[StudentType], None]] = {
    name.removeprefix("check_"): check for name, check in sorted(globals().items()) if name.startswith("check_")
}
