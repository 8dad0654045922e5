"""Labelled token ids of the three splits: ragged rows as flat arrays, in memory and on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autocompress.system.errors import StudyError
from autocompress.system.files import read_sealed, write_bytes, write_sealed
from autocompress.tasks.batching import Batch, pad_rows, ragged_positions
from autocompress.tasks.dataset import SPLITS
from autocompress.tasks.task import Task

VERSION = 1
_FIELDS = ("tokens", "type_ids", "offsets", "labels")


@dataclass(frozen=True, eq=False)
class EncodedSplit:
    """Rows of token ids end to end, without padding: row i is ``tokens[offsets[i]:offsets[i + 1]]``.

    ``tokens`` int32 [total], ``type_ids`` int8 [total], ``offsets`` int64 [n + 1], ``labels`` [n]: int64 class
    indices or float32 numbers.
    """

    tokens: NDArray[np.int32]
    type_ids: NDArray[np.int8]
    offsets: NDArray[np.int64]
    labels: NDArray[np.int64] | NDArray[np.float32]

    def __post_init__(self) -> None:
        if not (
            len(self.offsets) == len(self.labels) + 1
            and self.offsets[0] == 0
            and self.offsets[-1] == len(self.tokens) == len(self.type_ids)
            and np.all(np.diff(self.offsets) >= 0)
        ):
            raise ValueError("offsets must rise from 0 to the number of tokens, one more than there are labels")

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each row, int64 [n]."""
        return np.diff(self.offsets)

    def subset(self, indices: Sequence[int] | NDArray[np.int64]) -> EncodedSplit:
        """The rows ``indices``, in that order."""
        rows = np.asarray(indices, dtype=np.int64)
        flat = ragged_positions(self.offsets, rows)
        offsets = np.concatenate([[0], np.cumsum(self.lengths[rows])]).astype(np.int64)
        return EncodedSplit(self.tokens[flat], self.type_ids[flat], offsets, self.labels[rows])

    def batch(self, indices: Sequence[int] | NDArray[np.int64], pad_id: int) -> Batch:
        """The rows ``indices`` padded on the right to the longest of them, and to one token at least."""
        return Batch(**pad_rows(self, indices, pad_id), labels=self.labels[np.asarray(indices, dtype=np.int64)])


@dataclass(frozen=True, eq=False)
class EncodedDataset:
    """The three encoded splits, their task, and what a model must know of the tokenizer.

    ``special_ids`` are the tokenizer's special tokens, ``max_length`` counts tokens. ``name`` and ``notes`` are for
    people and not in the digest.
    """

    train: EncodedSplit
    validation: EncodedSplit
    test: EncodedSplit
    task: Task
    pad_id: int
    unknown_id: int
    vocab_size: int
    max_length: int
    special_ids: tuple[int, ...]
    name: str = ""
    notes: tuple[str, ...] = ()

    @property
    def splits(self) -> dict[str, EncodedSplit]:
        """``train``, ``validation`` and ``test`` by name."""
        return {name: getattr(self, name) for name in SPLITS}

    @property
    def separator_id(self) -> int:
        """The token that ends every row, and each text of a pair."""
        return int(self.train.tokens[self.train.offsets[1] - 1])

    @cached_property
    def digest(self) -> str:
        """Hex SHA-256 over every token, label and setting; equal data have equal digests."""
        found = hashlib.sha256(json.dumps(self._settings(), sort_keys=True).encode())
        for name, array in self._arrays().items():
            found.update(f"{name} {array.dtype.str} {array.shape}".encode())
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()

    def save(self, folder: Path) -> None:
        """Write ``dataset.safetensors``, then ``dataset.json``, whose presence says that both are complete.

        StorageError if there is no room for them.
        """
        from safetensors.numpy import save

        arrays = {name: np.ascontiguousarray(array) for name, array in self._arrays().items()}
        write_bytes(folder / "dataset.safetensors", save(arrays))
        write_sealed(
            folder / "dataset.json",
            {
                "version": VERSION,
                "digest": self.digest,
                "name": self.name,
                "notes": list(self.notes),
                **self._settings(),
            },
        )

    @classmethod
    def load(cls, folder: Path) -> EncodedDataset:
        """Read what ``save`` wrote; StudyError if it is missing, damaged or of another version."""
        try:
            dataset, digest = cls._read(folder)
        except Exception as error:
            raise StudyError(
                f"{folder} must hold encoded data as a study saves it, but {' '.join(str(error).split())}; "
                f"start a new study"
            ) from error
        if dataset.digest != digest:
            raise StudyError(f"the encoded data in {folder} must be as saved, but changed since; start a new study")
        return dataset

    @classmethod
    def _read(cls, folder: Path) -> tuple[EncodedDataset, str]:
        from safetensors.numpy import load_file

        values: dict[str, Any] = read_sealed(folder / "dataset.json")
        version, digest = values.pop("version"), values.pop("digest")
        if version != VERSION:
            raise StudyError(f"its version is {version!r} where {VERSION} is known")
        arrays: Mapping[str, Any] = load_file(folder / "dataset.safetensors")
        splits: dict[str, Any] = {
            name: EncodedSplit(*(arrays[f"{name}.{field}"] for field in _FIELDS)) for name in SPLITS
        }
        values |= {
            "task": Task.from_json(values["task"]),
            "special_ids": tuple(values["special_ids"]),
            "notes": tuple(values["notes"]),
        }
        return cls(**splits, **values), str(digest)

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return {f"{name}.{field}": getattr(split, field) for name, split in self.splits.items() for field in _FIELDS}

    def _settings(self) -> dict[str, Any]:
        return {
            "task": self.task.to_json(),
            "pad_id": self.pad_id,
            "unknown_id": self.unknown_id,
            "vocab_size": self.vocab_size,
            "max_length": self.max_length,
            "special_ids": list(self.special_ids),
        }
