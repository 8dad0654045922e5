import numpy as np
import pytest
import torch
from torch import nn

from autocompress.distillation.training import TrainingSettings, train
from autocompress.system.errors import InputError
from autocompress.system.events import Event


def settings(**changes: float) -> TrainingSettings:
    return TrainingSettings(**{"learning_rate": 0.05, "budget_s": 60.0, "max_epochs": 4.0, "batch_size": 8, **changes})  # type: ignore[arg-type]


def regression() -> tuple[nn.Linear, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(64, 3, generator=generator)
    return nn.Linear(3, 1), inputs, inputs @ torch.tensor([[1.0], [-2.0], [0.5]])


def test_epochs_end_the_training_and_the_loss_falls():
    model, inputs, targets = regression()
    seen: list[int] = []
    epochs: list[int] = []

    def loss_of(indices: np.ndarray, progress: float) -> torch.Tensor:
        seen.extend(indices.tolist())
        return (model(inputs[indices]) - targets[indices]).square().mean()

    before = loss_of(np.arange(64), 0.0).item()
    seen.clear()
    report = train(model.parameters(), loss_of, np.full(64, 5), settings(max_epochs=10.0), on_epoch=epochs.append)
    assert report.epochs == 10.0 and report.steps == 80
    assert np.bincount(seen).tolist() == [10] * 64
    assert epochs == list(range(1, 11))
    assert loss_of(np.arange(64), 1.0).item() < 0.2 * before


def test_the_budget_ends_the_training():
    model, inputs, targets = regression()
    events: list[Event] = []

    def loss_of(indices: np.ndarray, progress: float) -> torch.Tensor:
        return (model(inputs[indices]) - targets[indices]).square().mean()

    report = train(
        model.parameters(), loss_of, np.full(64, 5), settings(budget_s=1.2, max_epochs=1e9), listener=events.append
    )
    assert report.seconds < 10
    assert events and all(event.kind == "progress" and 0 <= (event.fraction or 0) <= 1 for event in events)


def test_the_learning_rate_rises_and_falls_to_nothing():
    weight = nn.Parameter(torch.zeros(1))
    moves: list[float] = []

    def loss_of(indices: np.ndarray, progress: float) -> torch.Tensor:
        moves.append(float(weight.detach()))
        return weight.sum() * 1.0

    train([weight], loss_of, np.full(8, 3), settings(max_epochs=100.0, warmup=0.2, weight_decay=0.0))
    steps = -np.diff(moves)
    assert steps[0] < 0.1 * steps.max() and steps[-1] < 0.1 * steps.max()
    assert 0.1 < np.argmax(steps) / len(steps) < 0.4


def test_a_loss_that_is_not_finite_is_an_error():
    weight = nn.Parameter(torch.zeros(1))
    with pytest.raises(FloatingPointError, match="not finite"):
        train([weight], lambda indices, progress: weight.sum() / 0.0, np.full(8, 3), settings())


@pytest.mark.parametrize("name", ["learning_rate", "budget_s", "max_epochs", "batch_size"])
def test_settings_are_checked(name: str):
    with pytest.raises(InputError, match=f"{name} must be greater than zero"):
        settings(**{name: 0})
