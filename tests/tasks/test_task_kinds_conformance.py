"""Every entry of TASK_KINDS keeps the contract of a kind of task."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import toy_kind
from scipy.special import softmax
from sklearn.metrics import cohen_kappa_score

from autocompress.domain.problem import DataSource
from autocompress.measurement.quality import quality_of
from autocompress.students.exit_policies import EXIT_POLICIES
from autocompress.system.errors import InputError
from autocompress.system.extensions import VARIABLE
from autocompress.tasks.kinds import TASK_KINDS, task_kind
from autocompress.tasks.kinds.kind import TaskKind, Words
from autocompress.tasks.loading import load_dataset
from autocompress.tasks.metrics import metric_of, score
from autocompress.tasks.task import Task

PARTS = sorted(TaskKind.__abstractmethods__)
# Labels that a kind can learn, as a table gives them; those of another entry are the whole numbers from 0 to 3.
VALUES: dict[str, list[Any]] = {
    "classification": ["no", "yes", "perhaps"] * 20,
    "regression": [number / 7 for number in range(60)],
}
KINDS = pytest.mark.parametrize("name", TASK_KINDS)


def labels_of(name: str) -> tuple[Task, np.ndarray]:
    """A task of the kind, and sixty encoded labels."""
    kind, values = TASK_KINDS[name], VALUES.get(name, [number % 4 for number in range(60)])
    names = kind.label_names(values, "column 'label' of f", ())
    return Task(name, ("text",), "label", names), kind.encode_labels(values, names, "f")


def random_outputs(task: Task, seed: int = 0, rows: int = 60) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, task.num_outputs)).astype(np.float32)


def trained_outputs(task: Task, labels: np.ndarray) -> np.ndarray:
    """Outputs after many steps on the labels themselves, as free parameters."""
    outputs = torch.zeros((len(labels), task.num_outputs), requires_grad=True)
    optimizer, targets = torch.optim.Adam([outputs], 0.3), torch.from_numpy(labels)
    for _ in range(200):
        optimizer.zero_grad()
        task.definition.label_loss(outputs, targets).backward()
        optimizer.step()
    return outputs.detach().numpy()


@pytest.mark.parametrize("part", PARTS)
@KINDS
def test_a_part_that_is_left_out_is_named(name: str, part: str) -> None:
    kept = {other: getattr(type(TASK_KINDS[name]), other) for other in PARTS if other != part}
    with pytest.raises(TypeError, match=rf"abstract .*\b{part}\b"):
        type("Lacking", (TaskKind,), kept)()
    type("Whole", (TaskKind,), {**kept, part: getattr(type(TASK_KINDS[name]), part)})()


@pytest.mark.parametrize("word", [field.name for field in dataclasses.fields(Words)])
def test_a_word_that_is_left_out_is_named(word: str) -> None:
    with pytest.raises(TypeError, match=f"'{word}'"):
        Words(**{field.name: "" for field in dataclasses.fields(Words) if field.name != word})


@KINDS
def test_names_are_those_of_the_mapping(name: str) -> None:
    assert TASK_KINDS[name].name == name and task_kind(name) is TASK_KINDS[name]
    with pytest.raises(InputError, match=rf"task must be one of .*{name}.*, but got 'another'"):
        task_kind("another")


@KINDS
def test_labels_are_encoded_as_the_contract_says(name: str) -> None:
    task, labels = labels_of(name)
    kind, classes = task.definition, task.definition.classes_of(labels)
    assert labels.dtype in (np.int64, np.float32) and len(labels) == 60
    kind.check_label_names(task.label_names)
    kind.check_labels(labels, "train", "f")
    assert (classes is None) == (not task.label_names)
    if classes is not None:
        assert classes.dtype == np.int64 and set(classes) == set(range(len(task.label_names)))
    with pytest.raises(InputError, match=r"every (row|label) of f must .* data row 2"):
        kind.encode_labels([VALUES.get(name, [1])[0], None], task.label_names, "f")


@KINDS
def test_the_metric_rewards_right_answers(name: str) -> None:
    task, labels = labels_of(name)
    kind, random, right = task.definition, random_outputs(task), trained_outputs(task, labels)
    guessed = kind.guessing_quality(labels)
    assert kind.quality(random, labels) < kind.quality(right, labels)
    assert kind.quality(right, labels) == pytest.approx(1.0, abs=0.02)
    assert 0.0 <= guessed < 1.0
    constant = np.repeat(random_outputs(task, rows=1), len(labels), axis=0)
    assert kind.quality(constant, labels) <= guessed + 1e-9
    assert score(task, random, labels) == (metric_of(task, random, labels), kind.secondary_qualities(random, labels))
    assert task.metric not in kind.secondary_qualities(random, labels)


@KINDS
def test_the_interval_holds_the_metric(name: str) -> None:
    task, labels = labels_of(name)
    outputs = random_outputs(task) + trained_outputs(task, labels) / 4
    quality, correct = quality_of(task, outputs, labels), task.definition.correct_rows(outputs, labels)
    assert quality.interval[0] <= quality.value <= quality.interval[1] and quality.metric == task.metric
    assert correct is None or correct.mean() == pytest.approx(quality.value)


@KINDS
def test_a_teacher_is_expected_to_do_what_it_did(name: str) -> None:
    task, labels = labels_of(name)
    expected = task.definition.expected_quality(random_outputs(task), random_outputs(task), labels)
    assert expected is None or expected == pytest.approx(metric_of(task, random_outputs(task), labels))


@KINDS
def test_the_exit_policy_is_known_and_scores_the_outputs(name: str) -> None:
    task, _ = labels_of(name)
    policy = task.definition.exit_policy
    assert task.definition.exits_early == (policy is not None)
    if policy is not None:
        assert EXIT_POLICIES[policy].suits(task.num_outputs, 5)
        outputs = random_outputs(task, rows=24).reshape(4, 6, -1)
        scores = EXIT_POLICIES[policy].scores(outputs)
        assert scores.shape == (6,) and np.isfinite(scores).all()


@KINDS
def test_losses_are_scalars_that_fall_towards_what_is_learnt(name: str) -> None:
    task, labels = labels_of(name)
    kind, student, teacher = task.definition, torch.zeros((60, task.num_outputs)), torch.tensor(random_outputs(task))
    for temperature in (1.0, 2.0):
        far, near, same = (
            kind.distillation_loss(outputs, teacher, temperature) for outputs in (student, 0.8 * teacher, teacher)
        )
        assert far.shape == () and far > near > same and same == pytest.approx(0.0, abs=1e-6)
    right = torch.tensor(trained_outputs(task, labels))
    assert kind.label_loss(right, torch.from_numpy(labels)) < kind.label_loss(student, torch.from_numpy(labels))


@KINDS
def test_a_started_head_is_no_worse_than_a_fresh_one(name: str) -> None:
    task, labels = labels_of(name)
    torch.manual_seed(0)
    head, inputs, targets = torch.nn.Linear(5, task.num_outputs), torch.randn(60, 5), torch.from_numpy(labels)
    with torch.no_grad():
        fresh = task.definition.label_loss(head(inputs), targets)
        task.definition.start_head(head, labels)
        assert task.definition.label_loss(head(inputs), targets) <= fresh


@KINDS
def test_words_and_answers_are_one_line(name: str) -> None:
    task, _ = labels_of(name)
    assert all(word and "\n" not in word for word in dataclasses.asdict(task.words).values())
    assert all(dataclasses.asdict(task.definition.words(())).values())
    expression = task.definition.answer_expression(task.label_names)
    assert "\n" not in expression
    for seed in range(3):
        answer = eval(expression, {"numpy": np, "logits": random_outputs(task, seed, rows=1)})  # noqa: S307
        assert answer in task.label_names or isinstance(answer, float)


@KINDS
def test_data_of_the_kind_are_loaded(name: str, write: Callable[..., str]) -> None:
    values = VALUES.get(name, [number % 4 for number in range(60)])
    lines = ["text,label", *(f"text {number},{value}" for number, value in enumerate(values))]
    loaded = load_dataset(DataSource(write("a.csv", lines), task=name))
    assert loaded.task.kind == name and sum(map(len, loaded.splits.values())) == 60
    assert any(loaded.task.words.labels in note and "as --task says" in note for note in loaded.notes)
    assert Task.from_json(loaded.task.to_json()) == loaded.task


def test_kappa_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        outputs, labels = 3 * rng.normal(size=(40, 5)).astype(np.float32), rng.integers(0, 5, 40)
        grades = np.rint(softmax(outputs.astype(np.float64), axis=1) @ np.arange(5)).astype(int)
        expected = cohen_kappa_score(labels, grades, weights="quadratic", labels=range(5))
        assert TASK_KINDS["ordinal"].quality(outputs, labels) == pytest.approx(expected)


def test_a_file_named_in_the_environment_adds_a_kind(tmp_path: Path) -> None:
    code = "from autocompress.tasks.kinds import TASK_KINDS; import sys; sys.exit(list(TASK_KINDS)[2:] != ['ordinal'])"
    environment = {VARIABLE: toy_kind.__file__, "PYTHONPATH": ":".join(filter(None, sys.path)), "PATH": ""}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    loaded = load_dataset(DataSource(str(toy_kind.write_grades(tmp_path / "grades.csv")), task="ordinal"))
    assert loaded.task.label_names == ("0", "1", "2", "3", "4")


def test_names_are_known_without_heavy_libraries() -> None:
    code = (
        "import sys; from autocompress.tasks.kinds import TASK_KINDS; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'scipy', 'pandas', 'datasets')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
