"""Writes and reads weights, as arrays with canonical names, in safetensors files with a digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from autocompress.system.errors import StudyError
from autocompress.system.files import replacing

Arrays: TypeAlias = dict[str, NDArray[np.float32]]

DIGEST = "sha256"
EMBEDDING_TABLES = ("embeddings.word", "embeddings.position", "embeddings.token_type")
ATTENTION_LINEARS = ("attention.query", "attention.key", "attention.value", "attention.output")
FEED_FORWARD_LINEARS = ("feed_forward.up", "feed_forward.down")
LAYER_NORMS = ("attention.norm", "feed_forward.norm")


def save_weights(path: Path, arrays: Mapping[str, NDArray[np.float32]], meta: Mapping[str, str]) -> None:
    """Write arrays and string metadata to one safetensors file, with a digest of both; StorageError if that fails."""
    contiguous = {name: np.array(array, order="C", copy=None) for name, array in arrays.items()}
    meta = {**meta, DIGEST: _digest(contiguous, meta)}
    with replacing(path) as temporary:
        try:
            save_file(contiguous, temporary, dict(meta))
        except SafetensorError as error:
            raise OSError(str(error)) from error


def load_weights(path: Path) -> tuple[Arrays, dict[str, str]]:
    """Read arrays and metadata that ``save_weights`` wrote; StudyError if the file is absent, incomplete or changed."""
    try:
        with safe_open(path, "numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            meta = dict(file.metadata() or {})
        if meta.pop(DIGEST, None) != _digest(arrays, meta):
            raise SafetensorError("its content does not have the digest it was written with")
    except (SafetensorError, OSError) as error:
        reason = " ".join(str(error).split())
        raise StudyError(
            f"{path} must be a whole safetensors file, but {reason}; remove it so that it is prepared again"
        ) from error
    return arrays, meta


def _digest(arrays: Mapping[str, NDArray[np.float32]], meta: Mapping[str, str]) -> str:
    """Return the SHA-256 of metadata and arrays, independent of their order."""
    digest = hashlib.sha256(json.dumps(dict(meta), sort_keys=True).encode())
    for name in sorted(arrays):
        digest.update(json.dumps([name, str(arrays[name].dtype), arrays[name].shape]).encode())
        digest.update(arrays[name].data)
    return digest.hexdigest()


def layer_indices(names: Iterable[str]) -> list[int]:
    """Return the indices of the encoder layers (as counted in the teacher) among canonical names, increasing."""
    return sorted({int(name.split(".")[1]) for name in names if name.startswith("layers.")})


def head_indices(names: Iterable[str]) -> list[int]:
    """Return the indices of the layers after which a head stands, increasing."""
    return sorted({int(name.split(".")[1]) for name in names if name.startswith("heads.")})
