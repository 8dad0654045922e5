"""A training that is killed goes on where it was last kept, and ends as one that was not."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from autocompress.distillation.training import Trainer, TrainingReport, TrainingSettings
from autocompress.distillation.training_state import TrainingState
from autocompress.networks.weights import load_weights
from autocompress.system.errors import StorageError

SETTINGS = TrainingSettings(0.05, 1e6, 6.0, batch_size=8)
INPUTS = torch.randn(44, 3, generator=torch.Generator().manual_seed(0))
TARGETS = INPUTS @ torch.tensor([[1.0], [-2.0], [0.5]])


class KilledError(Exception):
    pass


def fit(
    state: TrainingState | None, dies_after: int | None = None
) -> tuple[torch.Tensor, list[list[int]], TrainingReport]:
    """Weights, the batches seen and the report; KilledError in the step after ``dies_after`` others."""
    torch.manual_seed(0)
    model, batches = nn.Linear(3, 1), []

    def loss_of(indices: np.ndarray) -> torch.Tensor:
        if len(batches) == dies_after:
            raise KilledError
        batches.append(indices.tolist())
        return (model(INPUTS[indices]) - TARGETS[indices]).square().mean()

    report = Trainer(model.parameters(), np.arange(44) % 7, SETTINGS, state=state).train(loss_of)
    return model.weight.detach(), batches, report


@pytest.mark.parametrize("dies_after", [1, 6, 7, 20, 35])
def test_a_killed_training_ends_as_an_undisturbed_one(tmp_path: Path, dies_after: int):
    expected, batches, whole = fit(None)
    path = tmp_path / "teacher.training"
    with pytest.raises(KilledError):
        fit(TrainingState(path, "key", every_s=0.0), dies_after)
    found, rest, report = fit(TrainingState(path, "key", every_s=0.0))
    assert torch.equal(found, expected)
    assert rest == batches[dies_after:]
    assert (report.steps, report.epochs) == (whole.steps, whole.epochs)


def test_a_finished_training_takes_no_further_step(tmp_path: Path):
    path = tmp_path / "teacher.training"
    expected, _, _ = fit(TrainingState(path, "key", every_s=0.0))
    found, batches, _ = fit(TrainingState(path, "key", every_s=0.0))
    assert torch.equal(found, expected) and batches == []
    TrainingState(path, "key").discard()
    assert not path.exists()


def test_what_was_kept_outlives_a_full_disk(small_disk):
    path = small_disk.folder / "teacher.training"
    with pytest.raises(KilledError):
        fit(TrainingState(path, "key", every_s=0.0), 20)
    kept = path.read_bytes()
    small_disk.fill()
    with pytest.raises(StorageError, match=r"training must be writable, but .*No space left on device.*; free"):
        fit(TrainingState(path, "key", every_s=0.0))
    assert path.read_bytes() == kept
    small_disk.free()
    found, _, _ = fit(TrainingState(path, "key", every_s=0.0))
    assert torch.equal(found, fit(None)[0])


def test_nothing_is_kept_before_it_is_due(tmp_path: Path):
    fit(TrainingState(tmp_path / "teacher.training", "key", every_s=3600.0))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("harm", ["another key", "another network", "cut off", "bit flipped"])
def test_what_does_not_fit_or_is_damaged_does_not_count(tmp_path: Path, harm: str):
    path, key = tmp_path / "teacher.training", "key"
    with pytest.raises(KilledError):
        fit(TrainingState(path, key, every_s=0.0), 20)
    content = bytearray(path.read_bytes())
    if harm == "another key":
        key = "other"
    elif harm == "cut off":
        path.write_bytes(content[:-3])
    elif harm == "bit flipped":
        content[-2] ^= 16
        path.write_bytes(content)
    else:
        wide = nn.Linear(4, 1)
        assert TrainingState(path, key).restore(list(wide.parameters()), torch.optim.AdamW(wide.parameters())) is None
        return
    expected, batches, _ = fit(None)
    found, seen, _ = fit(TrainingState(path, key, every_s=3600.0))
    assert torch.equal(found, expected) and seen == batches


def test_what_the_caller_keeps_is_restored(tmp_path: Path):
    path = tmp_path / "teacher.training"
    with pytest.raises(KilledError):
        fit(TrainingState(path, "key", every_s=0.0, kept={"best": torch.arange(3.0)}), 4)
    state = TrainingState(path, "key", every_s=0.0)
    fit(state)
    assert torch.equal(state.kept["best"], torch.arange(3.0))


def test_the_names_in_the_file_stay_so_that_older_files_can_be_read(tmp_path: Path):
    path = tmp_path / "teacher.training"
    with pytest.raises(KilledError):
        fit(TrainingState(path, "key", every_s=0.0, kept={"best": torch.arange(3.0)}), 7)
    arrays, meta = load_weights(path)
    parts = [f"{name}.{number}" for name in ("weight", "step", "exp_avg", "exp_avg_sq") for number in (0, 1)]
    assert sorted(arrays) == sorted(["kept.best", *parts])
    assert (meta["kind"], meta["key"]) == ("training", "key")
    position = json.loads(meta["position"])
    generator = position.pop("generator")
    assert generator["bit_generator"] == "PCG64" and set(generator) >= {"state", "has_uint32", "uinteger"}
    seventh = len(fit(None)[1][6])
    assert position == {"way": 44 / (6 * 44), "steps": 7, "seen": 44 + seventh, "epoch": 1, "batch": 1}
