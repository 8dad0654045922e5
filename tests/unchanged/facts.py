"""What must stay the same while the code is moved: parameters, digests and bytes of every initial design."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from autocompress.artifact.blocks import GraphInputs
from autocompress.compression.vocabulary import Vocabulary
from autocompress.domain.shape import EncoderShape
from autocompress.preparation.student_training import covering_configurations
from autocompress.students import STUDENTS
from autocompress.students.configuration import Configuration, configuration_digest, configuration_to_json, describe
from autocompress.students.costs import latency_terms, size_terms
from autocompress.students.cutting import cut
from autocompress.students.emit import emit
from autocompress.students.exit_policies import ExitScores
from autocompress.students.features import quality_features
from autocompress.students.transformer.exit_heads import add_exit_heads
from search_spaces import SEARCH_SPACES, SearchSpace

RECORDED = Path(__file__).parent / "recorded.json"
SHAPES = {
    "bert": EncoderShape(4, 96, 4, 384, 9000, 64, 2, 3, 96),
    "regression": EncoderShape(3, 64, 4, 160, 5000, 64, 2, 1, 64, head_pooling="mean", head_activation="relu"),
    "electra": EncoderShape(2, 64, 2, 128, 4500, 40, 2, 2, 32, head_activation="gelu"),
    "roberta": EncoderShape(2, 64, 2, 128, 4500, 40, 1, 2, 64, layer_norm_epsilon=1e-5),
}
SAMPLES = 60


def facts() -> dict[str, Any]:
    """Everything recorded, as JSON values: what a processor without int8 sums that saturate would ship."""
    with patch("autocompress.compression.quantization.saturates", return_value=False):
        found = {f"{space} of {shape}": _facts_of(space, shape) for space, shape in _cases()}
        return found | {f"joint of {shape}, pairs": _facts_of("joint", shape, pair=True) for shape in SHAPES}


def digest_of(value: Any) -> str:
    """SHA-256 of a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _cases() -> Iterator[tuple[str, str]]:
    for space in SEARCH_SPACES:
        for shape in SHAPES:
            if not (space == "exits" and shape == "regression"):
                yield space, shape


def _facts_of(name: str, shape_name: str, *, pair: bool = False) -> dict[str, Any]:
    shape = SHAPES[shape_name]
    space = SEARCH_SPACES[name](shape, shape.num_outputs > 1, pair)
    designs, rng = space.initial_designs(), np.random.default_rng(0)
    samples = [space.sample(rng) for _ in range(SAMPLES)]
    mutated = [space.mutated(one, rng, 0.3) for one in samples]
    found = {
        "designs": {f"{configuration_digest(one)} {describe(one)}": digest_of(_known(space, one)) for one in designs},
        "samples": digest_of([_known(space, one) for one in (*samples, *mutated)]),
    }
    if name == "joint":
        found["files"] = {configuration_digest(design): content for design, content in _files(space, designs, shape)}
    return found


def _known(space: SearchSpace, configuration: Configuration) -> list[Any]:
    shape, confidences = space.shape, _confidences(space.shape.num_hidden_layers)
    numbers = [
        *latency_terms(configuration, shape, confidences),
        *size_terms(configuration, shape),
        *sorted(x for x in quality_features(configuration, shape, confidences, own_network=True) if x),
        STUDENTS[configuration.student].multiplications(configuration, shape),
    ]
    return [
        configuration_digest(configuration),
        describe(configuration),
        digest_of(configuration_to_json(configuration)),
        dict(sorted(space.parameters(configuration).items())),
        [float(f"{number:.9g}") for number in numbers],
    ]


def _confidences(layers: int) -> ExitScores:
    """Outputs for 8 classes, of which the largest probabilities, by layer and text, rise evenly from 0.3 to 1."""
    largest = np.linspace(0.3, 1.0, layers * 7).reshape(layers, 7, 1)
    others = np.repeat(np.maximum(1 - largest, 1e-9) / 7, 7, axis=-1)
    return ExitScores(np.log(np.concatenate([largest, others], axis=-1)).astype(np.float32))


def _files(
    space: SearchSpace, designs: list[Configuration], shape: EncoderShape
) -> Iterator[tuple[Configuration, str]]:
    """SHA-256 of the file of each design, cut from a network of weights that look random and are the same anywhere."""
    order = np.random.default_rng(1).permutation(shape.vocab_size).astype(np.int32)
    separator = None if shape.type_vocab_size > 1 else int(order[1])
    inputs = GraphInputs(True, Vocabulary(order, int(order[0])), 32, separator)
    teacher = _filled(encoder_arrays(shape))
    headed, with_heads = add_exit_heads(teacher, shape)
    sources = {"transformer": (headed, _filled(with_heads))}
    for student in space.students[1:]:
        initial = STUDENTS[student].initial(teacher, shape, covering_configurations(space, student), 0)[1]
        sources[student] = shape, _filled(initial)
    for design in designs:
        source_shape, arrays = sources[design.student]
        content = emit(cut(arrays, source_shape, design), design, source_shape, inputs).SerializeToString()
        yield design, hashlib.sha256(content).hexdigest()


def _filled(arrays: dict[str, Any]) -> dict[str, Any]:
    """Sixteenths instead of the values: exact in every sum, so that each processor rounds them alike."""
    rng = np.random.default_rng(2)
    return {
        name: (rng.integers(-32, 33, array.shape) / 16).astype(np.float32) for name, array in sorted(arrays.items())
    }


def encoder_arrays(shape: EncoderShape) -> dict[str, Any]:
    """Zeros under the canonical names of an encoder with a head after its last layer."""
    hidden, width, words = shape.hidden_size, shape.intermediate_size, shape.embedding_size
    sizes: dict[str, tuple[int, ...]] = {
        "embeddings.word": (shape.vocab_size, words),
        "embeddings.position": (shape.max_positions, words),
        "embeddings.token_type": (shape.type_vocab_size, words),
        "embeddings.norm.weight": (words,),
        "embeddings.norm.bias": (words,),
    }
    if words != hidden:
        sizes |= {"embeddings.projection.weight": (hidden, words), "embeddings.projection.bias": (hidden,)}
    matrices = {
        **dict.fromkeys(("attention.query", "attention.key", "attention.value", "attention.output"), (hidden, hidden)),
        "feed_forward.up": (width, hidden),
        "feed_forward.down": (hidden, width),
    }
    for layer in range(shape.num_hidden_layers):
        for name, size in matrices.items():
            sizes |= {f"layers.{layer}.{name}.weight": size, f"layers.{layer}.{name}.bias": size[:1]}
        for name in ("attention.norm", "feed_forward.norm"):
            sizes |= {f"layers.{layer}.{name}.{kind}": (hidden,) for kind in ("weight", "bias")}
    last = shape.num_hidden_layers - 1
    for name, size in (("dense", (hidden, hidden)), ("out", (shape.num_outputs, hidden))):
        sizes |= {f"heads.{last}.{name}.weight": size, f"heads.{last}.{name}.bias": size[:1]}
    return {name: np.zeros(size, np.float32) for name, size in sizes.items()}


if __name__ == "__main__":
    RECORDED.write_text(json.dumps(facts(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
