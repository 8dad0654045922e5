"""Ways to change a folder with a checkpoint, each a function of the folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

Change = Callable[[Path], Any]
WEIGHTS, CONFIG, TOKENIZER = "model.safetensors", "config.json", "tokenizer.json"


def settings(file: str = CONFIG, /, **changes: Any) -> Change:
    """Set entries of a JSON file; ``...`` removes one."""

    def change(folder: Path) -> None:
        path = folder / file
        content = json.loads(path.read_text()) if path.is_file() else {}
        content |= changes
        path.write_text(json.dumps({key: value for key, value in content.items() if value is not ...}))

    return change


def text(file: str, content: str = "", /) -> Change:
    """Write a file."""

    def change(folder: Path) -> None:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(content)

    return change


def without(*names: str) -> Change:
    """Remove files."""
    return lambda folder: [(folder / name).unlink() for name in names]


def only(file: str, content: str = "") -> Change:
    """Nothing but one file."""
    return lambda folder: ([path.unlink() for path in folder.iterdir()], text(file, content)(folder))


def both(*changes: Change) -> Change:
    """One change after another."""
    return lambda folder: [change(folder) for change in changes]


def weights(edit: Callable[[dict[str, torch.Tensor]], Any]) -> Change:
    """Change the state dict in place, or return another."""

    def change(folder: Path) -> None:
        state = load_file(folder / WEIGHTS)
        state = edit(state) or state
        save_file({name: value.contiguous() for name, value in state.items()}, folder / WEIGHTS, {"format": "pt"})

    return change


def under(prefix: str) -> Change:
    """Put a prefix before the name of every weight."""
    return weights(lambda state: {prefix + name: value for name, value in state.items()})


def cast(dtype: torch.dtype) -> Change:
    """Another type of numbers, in the configuration too."""
    name = str(dtype).removeprefix("torch.")
    return both(
        weights(lambda state: {key: value.to(dtype) for key, value in state.items()}),
        settings(dtype=name),
    )


def filled(name: str, value: float) -> Change:
    """One number of a weight."""
    return weights(lambda state: state[name].view(-1)[3:4].fill_(value) and None)


def head(edit: Callable[[torch.Tensor], torch.Tensor]) -> Change:
    """Change weight and bias of the classifier."""
    return weights(lambda state: state | {n: edit(state[n]) for n in ("classifier.weight", "classifier.bias")})


def names(*labels: str | None) -> Change:
    """The names of the head's outputs."""
    return settings(id2label={str(i): name for i, name in enumerate(labels)}, label2id=...)


def pickled(wrap: Callable[[dict[str, torch.Tensor]], Any] = lambda state: state) -> Change:
    """The weights as pytorch_model.bin."""

    def change(folder: Path) -> None:
        torch.save(wrap(load_file(folder / WEIGHTS)), folder / "pytorch_model.bin")
        (folder / WEIGHTS).unlink()

    return change


class Evil:
    """Writes a file when it is unpickled."""

    def __reduce__(self) -> Any:
        return Path.touch, (Path("evil-was-here"),)


def with_code(folder: Path) -> None:
    """A pickle that runs code."""
    (folder / WEIGHTS).unlink()
    torch.save({"weight": Evil()}, folder / "pytorch_model.bin")


def cut_off(file: str, share: float = 0.5) -> Change:
    """The beginning of a file."""

    def change(folder: Path) -> None:
        content = (folder / file).read_bytes()
        (folder / file).write_bytes(content[: int(len(content) * share)])

    return change


def sharded(keep: bool = True) -> Change:
    """Weights in two files and an index; the second file only if ``keep``."""

    def change(folder: Path) -> None:
        state = load_file(folder / WEIGHTS)
        (folder / WEIGHTS).unlink()
        places = {name: f"model-0000{1 + i % 2}-of-00002.safetensors" for i, name in enumerate(state)}
        for file in sorted(set(places.values()))[: 1 + keep]:
            save_file({n: v for n, v in state.items() if places[n] == file}, folder / file, {"format": "pt"})
        (folder / f"{WEIGHTS}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))

    return change


def moved_into(inner: str, *beside: str) -> Change:
    """Everything in a subfolder, and empty files beside it."""

    def change(folder: Path) -> None:
        files = list(folder.iterdir())
        (folder / inner).mkdir()
        for path in files:
            path.rename(folder / inner / path.name)
        for name in beside:
            text(name, "[]")(folder)

    return change


def vocabulary(edit: Callable[[dict[str, int]], dict[str, int]]) -> Change:
    """Change the words of tokenizer.json."""

    def change(folder: Path) -> None:
        content = json.loads((folder / TOKENIZER).read_text())
        content["model"]["vocab"] = edit(content["model"]["vocab"])
        (folder / TOKENIZER).write_text(json.dumps(content))

    return change


def token_types(folder: Path) -> None:
    """A tokenizer that gives type 5 to every token."""
    content = (folder / TOKENIZER).read_text()
    (folder / TOKENIZER).write_text(content.replace('"type_id": 0', '"type_id": 5'))
