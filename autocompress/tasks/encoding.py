"""From text to token ids, by the tokenizer file that serves the model; flat arrays, in memory and on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autocompress.system.errors import InputError, StudyError
from autocompress.system.files import read_sealed, write_bytes, write_sealed
from autocompress.tasks.batching import Batch, pad, ragged_positions
from autocompress.tasks.dataset import SPLITS, TextDataset, TextSplit
from autocompress.tasks.task import Task
from autocompress.tasks.tokenizing import (
    CHUNK,
    LONGEST,
    SHORTEST,
    encode_batch,
    limited,
    own_limit,
    shortened,
    truncation_side,
    unknown_notes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokenizers import Tokenizer

VERSION = 1
MOST_TYPES = 127
_FIELDS = ("tokens", "type_ids", "offsets", "labels")


@dataclass(frozen=True, eq=False)
class EncodedSplit:
    """Ragged rows end to end: row i is ``tokens[offsets[i]:offsets[i + 1]]``, no padding stored.

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
        rows = np.asarray(indices, dtype=np.int64)
        lengths = self.lengths[rows]
        mask = np.arange(lengths.max(initial=1)) < lengths[:, None]
        flat = ragged_positions(self.offsets, rows)
        return Batch(
            input_ids=pad(self.tokens[flat], mask, pad_id),
            attention_mask=mask.astype(np.int64),
            token_type_ids=pad(self.type_ids[flat], mask, 0),
            labels=self.labels[rows],
        )


@dataclass(frozen=True, eq=False)
class EncodedDataset:
    """Three encoded splits and what the tokenizer said; ``name`` and ``notes`` are for people, not in the digest."""

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

    @cached_property
    def digest(self) -> str:
        """Hex SHA-256 over every token, label and setting; equal data have equal digests."""
        found = hashlib.sha256(json.dumps(self._settings(), sort_keys=True).encode())
        for name, array in self._arrays().items():
            found.update(f"{name} {array.dtype.str} {array.shape}".encode())
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()

    def save(self, folder: Path) -> None:
        """Write ``dataset.safetensors``, then ``dataset.json``, whose presence says that both are whole.

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


def encode(
    dataset: TextDataset, tokenizer: Any, max_length: int | None = None, *, max_positions: int = 512
) -> EncodedDataset:
    """Token ids of every split, cut at ``max_length`` tokens.

    ``tokenizer`` is a fast tokenizer of transformers; it is not changed, and cuts on the side that it says. Without
    ``max_length`` the limit is the 99.9th percentile of the training rows' lengths rounded up to a multiple of 8, at
    most 256 and never above ``max_positions``, the positions that the model has, nor above the tokenizer's own limit.
    How many rows are cut is noted, and if many words are unknown to the tokenizer.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise InputError(
            f"the model must have a fast tokenizer (tokenizer.json), but its tokenizer is a "
            f"{type(tokenizer).__name__}; convert it or choose another model"
        )
    if truncation_side(backend) != tokenizer.truncation_side:
        backend = limited(backend, SHORTEST, tokenizer.truncation_side)
    if max_length is None:
        limit = min(LONGEST, max_positions, own_limit(tokenizer))
        lengths = encode_split(dataset.splits["train"], backend, limit)[0].lengths
        max_length = min(limit, -(-int(np.ceil(np.percentile(lengths, 99.9))) // 8) * 8)
    if not SHORTEST <= max_length <= max_positions:
        raise InputError(
            f"{SHORTEST} <= max_length <= {max_positions} (the model's positions) must hold, but got {max_length}"
        )
    encoded = {name: encode_split(split, backend, max_length) for name, split in dataset.splits.items()}
    notes = [
        f"{name}: {cut:,} of {len(split):,} rows cut at {max_length} tokens ({cut / len(split):.1%})"
        for name, (split, cut) in encoded.items()
        if cut
    ]
    notes += unknown_notes(dataset.splits["train"], backend, tokenizer.unk_token_id, max_length)
    unknown_id = tokenizer.unk_token_id if tokenizer.unk_token_id is not None else tokenizer.pad_token_id
    if unknown_id is None:
        raise InputError("the model's tokenizer must have a padding token, but it has none; choose another model")
    return EncodedDataset(
        **{name: split for name, (split, _) in encoded.items()},
        task=dataset.task,
        pad_id=tokenizer.pad_token_id if tokenizer.pad_token_id is not None else unknown_id,
        unknown_id=unknown_id,
        vocab_size=len(tokenizer),
        max_length=max_length,
        special_ids=tuple(sorted(set(tokenizer.all_special_ids))),
        name=dataset.name,
        notes=(*dataset.notes, *notes),
    )


def _token_types(found: Sequence[int]) -> NDArray[np.int8]:
    if max(found, default=0) > MOST_TYPES:
        raise InputError(
            f"a tokenizer must give token types from 0 to {MOST_TYPES}, but gives {max(found)}; check tokenizer.json"
        )
    return np.array(found, dtype=np.int8)


def encode_split(split: TextSplit, tokenizer: Tokenizer, max_length: int) -> tuple[EncodedSplit, int]:
    """Token ids of one split by a tokenizer of the ``tokenizers`` library (not changed), and how many rows were cut.

    Texts are cut on the side that the tokenizer's truncation says, of a pair the longer one first, as transformers
    does. InputError if the tokenizer cannot encode them.
    """
    backend = limited(tokenizer, max_length, truncation_side(tokenizer))
    tokens: list[NDArray[np.int32]] = [np.empty(0, np.int32)]
    type_ids: list[NDArray[np.int8]] = [np.empty(0, np.int8)]
    cut = 0
    for start in range(0, len(split), CHUNK):
        rows = shortened(split.texts[start : start + CHUNK], max_length, truncation_side(tokenizer))
        for encoding in encode_batch(backend, rows):
            tokens.append(np.array(encoding.ids, dtype=np.int32))
            type_ids.append(_token_types(encoding.type_ids))
            cut += bool(encoding.overflowing)
    offsets = np.cumsum([len(row) for row in tokens], dtype=np.int64)
    return EncodedSplit(np.concatenate(tokens), np.concatenate(type_ids), offsets, split.labels), cut
