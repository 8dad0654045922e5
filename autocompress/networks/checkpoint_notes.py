"""Finds what a checkpoint's folder asks for beyond a sequence classifier and does not get, to tell the user."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autocompress.networks.checkpoint_files import read_object
from autocompress.system.errors import InputError

POOLING_MODE = "pooling_mode_"
OWN_HEADS = ("model_head.pkl", "model_head.joblib")
TRAINER_FILES = ("optimizer.pt", "trainer_state.json", "scheduler.pt")


def folder_notes(folder: Path, raw: Mapping[str, Any]) -> tuple[str, ...]:
    """Return notes on a pooling, further modules, an activation after the head, and a training that had not ended."""
    notes = []
    modes = _pooling_modes(folder)
    if modes:
        notes.append(
            f"the checkpoint makes sentence embeddings by {' and '.join(modes)} pooling, which is not used here: "
            f"the head reads the first token, and is fitted with the encoder"
        )
    if any(folder.glob("*_Dense/config.json")):
        notes.append("the checkpoint has a Dense module for sentence embeddings, which is not used here")
    for name in OWN_HEADS:
        if (folder / name).is_file():
            notes.append(f"the checkpoint has a head of its own in {name} (SetFit), which is not used here")
    after = _activation(raw)
    if after is not None:
        notes.append(
            f"config.json puts {after} after the head, which is not done here: outputs are those of its last layer"
        )
    if any((folder / name).is_file() for name in TRAINER_FILES):
        notes.append("the checkpoint was written in the course of a training (it has the trainer's state)")
    return tuple(notes)


def _pooling_modes(folder: Path) -> list[str]:
    """Return the modes of a sentence-transformers pooling, other than taking the first token."""
    for path in sorted(folder.glob("*_Pooling/config.json")):
        try:
            content = read_object(path)
        except InputError:
            return ["an unreadable"]
        modes = [
            str(key)[len(POOLING_MODE) :] for key, on in content.items() if str(key).startswith(POOLING_MODE) and on
        ]
        given = content.get("pooling_mode")
        modes += [given] if isinstance(given, str) else []
        return [mode.removesuffix("_tokens").removesuffix("_token") for mode in modes if mode.split("_")[0] != "cls"]
    return []


def _activation(raw: Mapping[str, Any]) -> str | None:
    """Return the activation that a cross-encoder of sentence-transformers applies to its outputs; None for identity."""
    inner = raw.get("sentence_transformers")
    given = raw.get("sbert_ce_default_activation_function") or (
        inner.get("activation_fn") if isinstance(inner, Mapping) else None
    )
    name = str(given).rsplit(".", maxsplit=1)[-1] if given else "Identity"
    return None if name == "Identity" else name
