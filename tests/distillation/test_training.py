import time

import numpy as np
import pytest
import torch
from torch import nn

from autocompress.distillation.training import Callbacks, Trainer, TrainingSettings
from autocompress.system.errors import InputError
from autocompress.system.events import Event
from autocompress.tasks.batching import length_bucketed_batches


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

    def loss_of(indices: np.ndarray) -> torch.Tensor:
        seen.extend(indices.tolist())
        return (model(inputs[indices]) - targets[indices]).square().mean()

    before = loss_of(np.arange(64)).item()
    seen.clear()
    callbacks = Callbacks(on_epoch=epochs.append)
    report = Trainer(model.parameters(), np.full(64, 5), settings(max_epochs=10.0), callbacks).train(loss_of)
    assert report.epochs == 10.0 and report.steps == 80
    assert np.bincount(seen).tolist() == [10] * 64
    assert epochs == list(range(1, 11))
    assert loss_of(np.arange(64)).item() < 0.2 * before


def test_the_budget_ends_the_training():
    model, inputs, targets = regression()
    events: list[Event] = []

    def loss_of(indices: np.ndarray) -> torch.Tensor:
        return (model(inputs[indices]) - targets[indices]).square().mean()

    callbacks = Callbacks("learning", events.append)
    limits = settings(budget_s=1.2, max_epochs=1e9)
    report = Trainer(model.parameters(), np.full(64, 5), limits, callbacks).train(loss_of)
    assert report.seconds < 10
    assert events and all(event.kind == "progress" and 0 <= (event.fraction or 0) <= 1 for event in events)
    assert {event.message for event in events} == {"learning"}


def test_the_learning_rate_rises_and_falls_to_nothing():
    weight = nn.Parameter(torch.zeros(1))
    moves: list[float] = []

    def loss_of(indices: np.ndarray) -> torch.Tensor:
        moves.append(float(weight.detach()))
        return weight.sum() * 1.0

    Trainer([weight], np.full(8, 3), settings(max_epochs=100.0, warmup=0.2, weight_decay=0.0)).train(loss_of)
    steps = -np.diff(moves)
    assert steps[0] < 0.1 * steps.max() and steps[-1] < 0.1 * steps.max()
    assert 0.1 < np.argmax(steps) / len(steps) < 0.4


def plain_sequence(
    lengths: np.ndarray, limits: TrainingSettings, seconds: float
) -> tuple[list[list[int]], list[float], list[float]]:
    """Batches, learning rates and progress of a training whose every step takes ``seconds``."""
    rng, batches, rates, shares, seen = np.random.default_rng(limits.seed), [], [], [], 0
    while True:
        for batch in length_bucketed_batches(lengths, limits.batch_size, rng):
            done = max(len(batches) * seconds / limits.budget_s, seen / (limits.max_epochs * len(lengths)))
            if done >= 1:
                return batches, rates, shares
            rate = limits.learning_rate
            if done < limits.warmup * (1.02 - done):
                rate *= done / limits.warmup
            elif done > 0.02:
                rate *= 1.02 - done
            batches.append(batch.tolist())
            rates.append(rate)
            shares.append(done)
            seen += len(batch)


@pytest.mark.parametrize("changes", [{"max_epochs": 3.5}, {"budget_s": 20.0}, {"budget_s": 9.0, "warmup": 0.3}])
def test_batches_learning_rates_and_events_are_those_of_a_plain_loop(
    changes: dict[str, float], monkeypatch: pytest.MonkeyPatch
):
    """The gradient is always 1, so that AdamW moves the weight by the learning rate."""
    limits, lengths = settings(weight_decay=0.0, seed=3, **changes), np.arange(44) % 7 + 1
    clock, weight = [100.0], nn.Parameter(torch.zeros(1, dtype=torch.float64))
    weights, batches = [], []
    events: list[Event] = []
    epochs: list[int] = []
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def loss_of(indices: np.ndarray) -> torch.Tensor:
        clock[0] += 0.375
        weights.append(float(weight.detach()))
        batches.append(indices.tolist())
        return weight.sum()

    report = Trainer([weight], lengths, limits, Callbacks("learning", events.append, epochs.append)).train(loss_of)
    expected, rates, shares = plain_sequence(lengths, limits, 0.375)
    assert batches == expected
    moves = -np.diff([*weights, float(weight.detach())])
    assert moves == pytest.approx(rates, rel=1e-4, abs=1e-9)
    assert (report.steps, report.epochs) == (len(expected), sum(map(len, expected)) / 44)
    assert epochs == list(range(1, -(-len(expected) // 6) + 1)), "6 batches make an epoch"
    told = [(event.fraction, event.seconds_left) for event in events]
    left = [0.375 * step * (1 - share) / share for step, share in enumerate(shares) if share]
    assert [each[0] for each in told] == pytest.approx(shares[2::2]), "every other step: 0.75 s after the last"
    assert [each[1] for each in told] == pytest.approx(left[1::2])


def test_a_loss_that_is_not_finite_is_an_error():
    weight = nn.Parameter(torch.zeros(1))
    with pytest.raises(FloatingPointError, match="not finite"):
        Trainer([weight], np.full(8, 3), settings()).train(lambda indices: weight.sum() / 0.0)


@pytest.mark.parametrize("name", ["learning_rate", "budget_s", "max_epochs", "batch_size"])
def test_settings_are_checked(name: str):
    with pytest.raises(InputError, match=f"{name} must be greater than zero"):
        settings(**{name: 0})
