"""Finds the files of a checkpoint and reads their headers; recognizes folders that hold something else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from autocompress.networks.transformers_errors import one_line
from autocompress.system.errors import InputError

CONFIG = "config.json"
SINGLE = ("model.safetensors", "pytorch_model.bin")
TOKENIZER_FILES = ("tokenizer*", "vocab*", "merges.txt", "special_tokens_map.json", "added_tokens.json", "*.model")
NEEDED = (CONFIG, "modules.json", "*_Pooling/config.json", "adapter_config.json", "model*.safetensors*")
PICKLED = ("pytorch_model*.bin*",)
LFS = b"version https://git-lfs"
OTHER_FORMS = (
    ("adapter_config.json", "an adapter (PEFT); merge it into its base model with merge_and_unload() and save that"),
    ("adapter_model.*", "an adapter (PEFT); merge it into its base model with merge_and_unload() and save that"),
    ("*.gguf", "a model in GGUF form; give the PyTorch checkpoint that it was converted from"),
    ("manifest.json", "an export of autocompress or of another tool; give the checkpoint that it was made from"),
    ("*.onnx", "a model in ONNX form; give the PyTorch checkpoint that it was exported from"),
    ("onnx/*.onnx", "a model in ONNX form; give the PyTorch checkpoint that it was exported from"),
    ("openvino_model.*", "a model in OpenVINO form; give the PyTorch checkpoint that it was exported from"),
    ("tf_model*.h5", "a TensorFlow checkpoint; save it for PyTorch (from_pretrained with from_tf=True) first"),
    ("*.ckpt.index", "a TensorFlow checkpoint; save it for PyTorch (from_pretrained with from_tf=True) first"),
    ("saved_model.pb", "a TensorFlow model; give the PyTorch checkpoint that it was exported from"),
    ("flax_model*.msgpack", "a Flax checkpoint; save it for PyTorch (from_pretrained with from_flax=True) first"),
    ("zero_to_fp32.py", "a DeepSpeed checkpoint; run its zero_to_fp32.py, then save the model with save_pretrained"),
    ("*.distcp", "a distributed checkpoint; gather its state and save the model with save_pretrained"),
    ("*.pt", "a state dict of PyTorch; load it into its model and save that with save_pretrained"),
    ("*.pth", "a state dict of PyTorch; load it into its model and save that with save_pretrained"),
    ("*.ckpt", "a checkpoint of a trainer; load it into its model and save that with save_pretrained"),
)


@dataclass(frozen=True)
class StoredTensor:
    """The shape of a tensor in a file, and whether its numbers are floating-point."""

    shape: tuple[int, ...]
    is_float: bool


def find_folder(reference: str) -> Path:
    """Return the folder of a checkpoint: the given one, or that of a checkpoint of the Hub in the local cache.

    A checkpoint that is not in the cache is downloaded if the Hub can be reached. InputError if there is none.
    """
    path = Path(reference)
    if path.is_dir():
        return path
    if path.exists():
        raise InputError(
            f"a model is a folder that holds {CONFIG}, but {reference} is a file; give the folder of a checkpoint"
        )
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(reference, allow_patterns=[*NEEDED, *TOKENIZER_FILES]))
        if not any(folder.glob("model*.safetensors")):
            folder = Path(snapshot_download(reference, allow_patterns=list(PICKLED)))
    except Exception as error:
        raise InputError(
            f"the model must be a checkpoint folder or the name of one that can be loaded, "
            f"but {reference!r} is not: {one_line(error)}"
        ) from error
    return folder


def read_config(folder: Path, reference: str) -> dict[str, Any]:
    """Return the content of config.json; InputError if there is none, or the folder is not one of a checkpoint."""
    if not (folder / CONFIG).is_file():
        _refuse_without_config(folder, reference)
    config = read_object(folder / CONFIG)
    if (folder / "adapter_config.json").is_file():
        _refuse_form(reference, OTHER_FORMS[0][1])
    quantized = config.get("quantization_config")
    if quantized:
        method = quantized.get("quant_method") if isinstance(quantized, Mapping) else None
        raise InputError(
            f"the checkpoint must have float weights, but {reference} is quantized "
            f"({method or 'quantization_config'}); give the checkpoint that it was made from"
        )
    return config


def read_object(path: Path) -> dict[str, Any]:
    """Read a file that holds one JSON object; InputError if it does not."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} must be readable JSON, but {one_line(error)}; copy the checkpoint again") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} must hold a JSON object, but holds a {type(content).__name__}; copy it again")
    return content


def stored_tensors(folder: Path, reference: str) -> dict[str, StoredTensor]:
    """Read name, shape and kind of each weight from the files' headers; InputError names what is missing or damaged."""
    found: dict[str, StoredTensor] = {}
    for path in _weight_files(folder, reference):
        _refuse_pointer(path)
        found |= _safetensors(path) if path.suffix == ".safetensors" else _pickled(path)
    empty = next((name for name, tensor in found.items() if 0 in tensor.shape), None)
    if empty is not None:
        raise InputError(
            f"the checkpoint's weights must not be empty, but {empty} of {reference} has the shape "
            f"{list(found[empty].shape)}; save the checkpoint again (from one process, with its whole state)"
        )
    return found


def _refuse_without_config(folder: Path, reference: str) -> NoReturn:
    inner = sorted(str(path.parent.relative_to(folder)) for path in folder.glob(f"*/{CONFIG}"))
    inner = [name for name in inner if not name.endswith(("_Pooling", "_Dense", "_Normalize"))]
    for pattern, what in OTHER_FORMS:
        if not inner and any(folder.glob(pattern)):
            _refuse_form(reference, what)
    advice = f"give {folder / inner[-1]}" if inner else "give the folder of a checkpoint"
    raise InputError(f"a model folder holds {CONFIG}, but {reference} does not; {advice}")


def _refuse_form(reference: str, what: str) -> NoReturn:
    raise InputError(f"a model must be a PyTorch checkpoint of transformers, but {reference} is {what}")


def _weight_files(folder: Path, reference: str) -> list[Path]:
    """Return the files that transformers reads weights from; of several forms the one that it prefers."""
    for name in SINGLE:
        if (folder / name).is_file():
            return [folder / name]
        index = folder / f"{name}.index.json"
        if index.is_file():
            return _shards(index, reference)
    for pattern, what in OTHER_FORMS:
        if any(folder.glob(pattern)):
            _refuse_form(reference, what)
    raise InputError(
        f"a checkpoint holds its weights in {' or '.join(SINGLE)}, but {reference} has neither; copy it whole"
    )


def _shards(index: Path, reference: str) -> list[Path]:
    places = read_object(index).get("weight_map")
    if not isinstance(places, dict) or not places or not all(isinstance(name, str) for name in places.values()):
        raise InputError(f"{index} must hold a weight_map from weights to files, but does not; copy it again")
    names = sorted(set(places.values()))
    missing = [name for name in names if Path(name).name != name or not (index.parent / name).is_file()]
    if missing:
        raise InputError(
            f"every file that {index.name} names must be there, but {reference} lacks {len(missing)} of {len(names)}, "
            f"such as {missing[0]!r}; copy the checkpoint whole"
        )
    return [index.parent / name for name in names]


def _refuse_pointer(path: Path) -> None:
    try:
        with path.open("rb") as stream:
            begin = stream.read(len(LFS))
    except OSError as error:
        raise InputError(f"{path} must be readable, but {error.strerror or error}; change its permissions") from error
    if begin == LFS:
        raise InputError(f"{path} must hold weights, but is a pointer of Git LFS; fetch the file with: git lfs pull")


def _safetensors(path: Path) -> dict[str, StoredTensor]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            return {
                name: StoredTensor(tuple(found.get_shape()), _is_float(found.get_dtype()))
                for name, found in slices.items()
            }
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(
            f"{path} must be a whole safetensors file, but is damaged or cut off ({one_line(error)}); copy it again"
        ) from error


def _is_float(dtype: str) -> bool:
    return dtype in ("F16", "BF16", "F32", "F64")


def _pickled(path: Path) -> dict[str, StoredTensor]:
    """Read the shapes of a pickled state dict, without running the pickle's code and without loading its numbers."""
    import torch

    try:
        try:
            state = torch.load(path, map_location="meta", weights_only=True, mmap=True)
        except RuntimeError:
            state = torch.load(path, map_location="meta", weights_only=True)
    except Exception as error:
        raise InputError(
            f"{path} must be a whole file of plain weights, but is damaged or asks for code to be run "
            f"({one_line(error)}); save the model again with save_pretrained"
        ) from error
    named = isinstance(state, dict)
    others = [name for name, one in state.items() if not isinstance(one, torch.Tensor)] if named else ["no names"]
    if others:
        raise InputError(
            f"{path} must hold weights by name, but holds {others[0]!r}, which is none; "
            f"load it into its model and save that with save_pretrained"
        )
    return {str(name): StoredTensor(tuple(value.shape), value.dtype.is_floating_point) for name, value in state.items()}
