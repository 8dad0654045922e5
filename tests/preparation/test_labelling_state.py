from pathlib import Path

import numpy as np
import pytest

from autocompress.distillation.hidden_states import PrincipalComponents
from autocompress.networks.weights import load_weights
from autocompress.preparation.labelling_state import OUTPUTS, LabellingState

COMPONENTS = PrincipalComponents(np.arange(4, dtype=np.float32), np.eye(4, 2, dtype=np.float32), np.ones(2, np.float32))


def outputs_of(rows: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(rows)
    sizes = {"logits": (rows, 3), "values": (rows, 2), "means": (rows, 1, 4)}
    return {name: rng.normal(size=size).astype(np.float32) for name, size in sizes.items()}


def labelled(path: Path | None, key: str = "key", every_s: float = 0.0) -> LabellingState:
    labels = LabellingState(path, key, every_s)
    for rows in (5, 3):
        labels.add(COMPONENTS, **outputs_of(rows))
    return labels


def test_labels_come_back_and_grow(tmp_path: Path):
    first, again = labelled(tmp_path / "l"), LabellingState(tmp_path / "l", "key")
    assert again.count == first.count == 8
    assert again.components is not None and np.array_equal(again.components.basis, COMPONENTS.basis)
    again.add(COMPONENTS, **outputs_of(2))
    first.add(COMPONENTS, **outputs_of(2))
    for name in OUTPUTS:
        assert np.array_equal(again.all(name), first.all(name)) and len(again.all(name)) == 10
    again.discard()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("harm", ["another key", "bit flipped"])
def test_labels_of_something_else_or_damaged_do_not_count(tmp_path: Path, harm: str):
    path = tmp_path / "l"
    labelled(path, "other" if harm == "another key" else "key")
    if harm == "bit flipped":
        content = bytearray(path.read_bytes())
        content[-5] ^= 2
        path.write_bytes(content)
    assert LabellingState(path, "key").count == 0


def test_nothing_is_written_before_it_is_time_or_without_a_path(tmp_path: Path):
    labelled(tmp_path / "l", every_s=3600.0)
    assert labelled(None).count == 8 and not list(tmp_path.iterdir())


def test_the_names_in_the_file_stay_so_that_older_files_can_be_read(tmp_path: Path):
    labelled(tmp_path / "l")
    arrays, meta = load_weights(tmp_path / "l")
    components = ("components.mean", "components.basis", "components.shares")
    assert sorted(arrays) == sorted(("logits", "values", "means", *components)) and meta == {"key": "key"}
