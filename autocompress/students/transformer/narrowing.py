"""Narrows an encoder to a smaller hidden size so that it stays near to what it was, without training.

Hidden states are projected onto their principal components (SliceGPT, Ashkboos et al. 2024). Matrices that read them
read an estimate of the wide states; matrices that write, and the gains after them, are fitted layer by layer to the
projections of the teacher's states. Heads and neurons stay as they are. Wide-then-narrow (Zhou et al. 2020; survey 3.3)
projects too, but learns to by training.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autocompress.compression.projection import centred_directions, linear_map
from autocompress.domain.shape import EncoderShape
from autocompress.networks.weights import EMBEDDING_TABLES, Arrays
from autocompress.students.elastic import Selection
from autocompress.students.transformer.importance import Batch
from autocompress.students.transformer.network import ElasticEncoder

PARTS = {
    "attention": (("attention.query", "attention.key", "attention.value"), "attention.output", "attention.norm"),
    "feed_forward": (("feed_forward.up",), "feed_forward.down", "feed_forward.norm"),
}
"""Of each part of a layer the matrices that read hidden states, the one that writes, and the norm after it."""
PROJECTION = "embeddings.projection"
WORDS = "embeddings.norm"


def narrowed(shape: EncoderShape, arrays: Arrays, texts: Iterable[Batch], hidden_size: int) -> Arrays:
    """Return the encoder's weights, with all heads in ``arrays``, for ``hidden_size`` channels.

    ``texts``, whose batches must have no padding, are those on which the difference to the teacher is made small;
    ``shape`` stays the teacher's, from which cuts of the result are made.
    """
    with torch.inference_mode():
        return _Narrowing(shape, arrays, list(texts), hidden_size).arrays()


class _Teacher:
    """Runs the wide encoder part by part."""

    def __init__(self, shape: EncoderShape, arrays: Arrays) -> None:
        self.shape, self.encoder = shape, ElasticEncoder(shape, arrays)
        self.weights = Selection(self.encoder.weights, {})

    def features(self, index: int, part: str, x: Tensor) -> Tensor:
        """Return what the part's last matrix reads, contexts or neurons [B, T, I], for hidden states [B, T, H]."""
        return self.encoder.part_features(self.weights, f"layers.{index}.", part, x)

    def step(self, index: int, part: str, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the hidden states after a part, and their standard deviations [B, T, 1] before the norm."""
        _, writer, norm = PARTS[part]
        name, features = f"layers.{index}.", self.features(index, part, x)
        summed = x + self.weights.linear(f"{name}{writer}", features)
        return self.weights.norm(f"{name}{norm}", summed, self.shape.layer_norm_epsilon), _deviation(summed)

    def states(self, text: Batch) -> Iterator[Tensor]:
        """Yield the hidden states of the embeddings, then those after each part of each layer."""
        yield (x := self.embedded(text))
        for index, part in _parts(self.shape):
            x, _ = self.step(index, part, x)
            yield x

    def embedded(self, text: Batch) -> Tensor:
        """Return the input of the first layer."""
        return self.encoder.embedded(self.weights, text.input_ids, text.token_type_ids)


class _Narrowing:
    """Holds the teacher's and the narrow hidden states of all texts while it goes up through the parts."""

    def __init__(self, shape: EncoderShape, arrays: Arrays, texts: Sequence[Batch], size: int) -> None:
        self._teacher, self._arrays, self._texts, self._size = _Teacher(shape, arrays), arrays, texts, size
        self._shape = shape
        self._directions = torch.from_numpy(centred_directions(self._covariance().numpy(), size))
        self._wide = [self._teacher.embedded(text) for text in texts]
        self._found: Arrays = {}
        self._narrow = self._embeddings()

    def arrays(self) -> Arrays:
        """Return the weights, found from the lowest layer to the highest."""
        reading = self._reading()
        for index, part in _parts(self._shape):
            self._write(index, part, reading)
            reading = self._reading()
            if part == "feed_forward":
                self._read(f"heads.{index}.dense", reading)
        kept = {name: array for name, array in self._arrays.items() if name not in self._found}
        return {**kept, **self._found}

    def _covariance(self) -> Tensor:
        """Return the sum of the covariances [H, H] of the teacher's hidden states after each part."""
        sums, squares, tokens = dict[int, Tensor](), dict[int, Tensor](), 0
        for text in self._texts:
            for place, x in enumerate(self._teacher.states(text)):
                rows = x.flatten(0, 1)
                sums[place] = sums.get(place, torch.zeros(())) + rows.sum(0)
                squares[place] = squares.get(place, torch.zeros(())) + rows.T @ rows
            tokens += text.input_ids.numel()
        spreads = (squares[place] / tokens - (sums[place] / tokens).outer(sums[place] / tokens) for place in sums)
        return torch.stack(list(spreads)).sum(0)

    def _embeddings(self) -> list[Tensor]:
        """Find the embeddings, and return the narrow input of the first layer."""
        if f"{PROJECTION}.weight" in self._arrays:
            directions = self._directions.numpy()
            self._found[f"{PROJECTION}.weight"] = directions.T @ self._arrays[f"{PROJECTION}.weight"]
            self._found[f"{PROJECTION}.bias"] = self._arrays[f"{PROJECTION}.bias"] @ directions
            return [x @ self._directions for x in self._wide]
        gains = self._arrays[f"{WORDS}.weight"][:, None] * self._directions.numpy()
        for name in EMBEDDING_TABLES:
            if name in self._arrays:
                table = self._arrays[name]
                self._found[name] = (table - table.mean(1, keepdims=True)) @ gains
        tables = Selection({name: torch.from_numpy(array) for name, array in self._found.items()}, {})
        encoder = self._teacher.encoder
        summed = [encoder.summed_embeddings(tables, text.input_ids, text.token_type_ids) for text in self._texts]
        return self._normed(WORDS, summed)

    def _reading(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the map [H, h] and its offset [H] from the narrow states to the teacher's."""
        return _fitted(self._narrow, self._wide)

    def _read(self, name: str, reading: tuple[NDArray[np.float32], NDArray[np.float32]]) -> None:
        """Let a matrix of the teacher read the estimate of the wide states, if it exists."""
        if f"{name}.weight" in self._arrays:
            weight = self._arrays[f"{name}.weight"]
            self._found[f"{name}.weight"] = weight @ reading[0]
            self._found[f"{name}.bias"] = self._arrays[f"{name}.bias"] + weight @ reading[1]

    def _write(self, index: int, part: str, reading: tuple[NDArray[np.float32], NDArray[np.float32]]) -> None:
        """Find a part's matrices and gains, and go on to the hidden states after it."""
        readers, writer, norm = PARTS[part]
        name = f"layers.{index}."
        for reader in readers:
            self._read(f"{name}{reader}", reading)
        estimate, offset = torch.from_numpy(reading[0]), torch.from_numpy(reading[1])
        features = [self._teacher.features(index, part, z @ estimate.T + offset) for z in self._narrow]
        steps = [self._teacher.step(index, part, x) for x in self._wide]
        self._wide = [x for x, _ in steps]
        # Before the norm, which divides by the deviation; a rotation lets only the mean of its gains through unchanged.
        gain, added = (torch.from_numpy(self._arrays[f"{name}{norm}.{kind}"]) for kind in ("weight", "bias"))
        targets = [
            deviation / gain.mean() * ((x - added) @ self._directions) - z
            for (x, deviation), z in zip(steps, self._narrow, strict=True)
        ]
        weight, bias = _fitted(features, targets)
        self._found[f"{name}{writer}.weight"], self._found[f"{name}{writer}.bias"] = weight, bias
        written = torch.from_numpy(weight), torch.from_numpy(bias)
        summed = [z + each @ written[0].T + written[1] for z, each in zip(self._narrow, features, strict=True)]
        self._narrow = self._normed(f"{name}{norm}", summed)

    def _normed(self, name: str, summed: Sequence[Tensor]) -> list[Tensor]:
        """Find a norm's gain and bias for each channel, and return the normed states."""
        epsilon = self._shape.layer_norm_epsilon
        normal = [torch.nn.functional.layer_norm(x, (self._size,), eps=epsilon) for x in summed]
        rows = torch.cat([x.flatten(0, 1) for x in normal])
        wanted = torch.cat([x.flatten(0, 1) @ self._directions for x in self._wide])
        away = rows - rows.mean(0)
        gain = (away * wanted).sum(0) / away.square().sum(0).clamp(min=1e-6)
        bias = wanted.mean(0) - gain * rows.mean(0)
        self._found[f"{name}.weight"], self._found[f"{name}.bias"] = gain.numpy(), bias.numpy()
        return [x * gain + bias for x in normal]


def _parts(shape: EncoderShape) -> Iterator[tuple[int, str]]:
    return ((index, part) for index in range(shape.num_hidden_layers) for part in PARTS)


def _deviation(x: Tensor) -> Tensor:
    return x.std(-1, unbiased=False, keepdim=True)


def _fitted(inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Any, Any]:
    """Return the weight [O, I] and bias [O] that predict outputs [B, T, O] from inputs [B, T, I] by least squares."""
    gram, cross = torch.zeros(()), torch.zeros(())
    for x, y in zip(inputs, outputs, strict=True):
        rows = torch.nn.functional.pad(x.flatten(0, 1), (0, 1), value=1.0)
        gram, cross = gram + rows.T @ rows, cross + rows.T @ y.flatten(0, 1)
    return linear_map(gram.numpy(), cross.numpy())
