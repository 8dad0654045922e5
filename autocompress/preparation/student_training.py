"""Trains the super-network of one student type so that it serves every configuration of a search space."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import nn

from autocompress.distillation.recipes import distillation_settings, training_settings
from autocompress.distillation.student_texts import StudentTexts
from autocompress.distillation.super_network import cheap_first, train_super_network
from autocompress.distillation.training import Callbacks, TrainingReport, TrainingSettings
from autocompress.distillation.training_state import TrainingState
from autocompress.distillation.transfer import TransferSet
from autocompress.domain.problem import Problem
from autocompress.networks.weights import Arrays
from autocompress.preparation.training_time import rows_per_second
from autocompress.students import STUDENTS
from autocompress.students.configuration import Configuration
from autocompress.students.elastic import ElasticNetwork
from autocompress.study.prepared import Prepared
from autocompress.system.events import Listener, silent
from autocompress.tasks.kinds.kind import Labels, TaskKind
from autocompress.tasks.metrics import unexplained
from search_spaces import SearchSpace

RANDOM_CONFIGURATIONS = 128
DESIGN_SHARE = 0.5
PROBE_S, PROBE_ROWS = 0.7, 512


@dataclass(frozen=True)
class StudentTraining:
    """Trains a super-network of the type ``student``, a name of STUDENTS, for the configurations of ``space``.

    Texts, their teacher and its outputs are those of ``prepared``; the seed is that of ``problem``.
    """

    prepared: Prepared
    space: SearchSpace
    problem: Problem
    student: str

    def initial_network(self) -> ElasticNetwork:
        """Return the super-network before any training; it starts from the teacher's weights or word vectors.

        Heads that are trained already, after the teacher's layers, are kept.
        """
        known, shape = self.prepared.start(self.student)
        shape, arrays = STUDENTS[self.student].initial(known, shape, self._configurations, self.problem.seed)
        kind, labels = self.prepared.data.task.definition, self.prepared.data.train.labels
        return STUDENTS[self.student].network(shape, with_started_heads(arrays, set(known), kind, labels))

    def train(
        self,
        network: ElasticNetwork,
        transfer: TransferSet,
        settings: TrainingSettings,
        listener: Listener = silent,
        state: TrainingState | None = None,
    ) -> TrainingReport:
        """Train ``network`` in place, its cheap sub-networks more often than the others."""
        kind, multiplications = self.prepared.data.task.definition, STUDENTS[self.student].multiplications
        largest = max(multiplications(each, network.shape) for each in self._configurations) or 1.0

        def cost(configuration: Configuration) -> float:
            return multiplications(configuration, network.shape) / largest

        return train_super_network(
            network,
            StudentTexts(transfer, self.prepared.vocabulary),
            cheap_first(self._sample, cost),
            distillation_settings(STUDENTS[self.student].recipe, settings, kind, transfer),
            Callbacks(f"training the {self.student} super-network", listener),
            state,
        )

    def reading_rate(self, parts: int = 1) -> float:
        """Measure the rows per second that the training reads, in ``PROBE_S`` seconds with a network thrown away.

        With a batch size that is only one of ``parts`` of the usual one the rate is found sooner, a little too low.
        """
        data, outputs = self.prepared.data, self.prepared.teacher_shape.num_outputs
        real = data.train.subset(np.random.default_rng(self.problem.seed).permutation(len(data.train))[:PROBE_ROWS])
        no_targets = np.zeros((len(real), outputs), np.float32)
        transfer = TransferSet(real, no_targets, len(real), data.pad_id, data.unknown_id)
        settings = training_settings(STUDENTS[self.student].recipe, PROBE_S, transfer, self.problem.seed)
        settings = replace(settings, batch_size=settings.batch_size // parts, max_epochs=PROBE_ROWS)
        report = self.train(self.initial_network(), transfer, settings)
        return rows_per_second(report.epochs, len(real), report.seconds)

    def explained(self, seconds: float) -> float:
        """Return the share of the variance of the teacher's outputs that a student explains after a short training.

        After ``seconds`` of training the super-network it is that of the middle design, on validation texts. The
        network is thrown away.
        """
        data, prepared, network = self.prepared.data, self.prepared, self.initial_network()
        settings = training_settings(STUDENTS[self.student].recipe, seconds, prepared.transfer, self.problem.seed)
        self.train(network, prepared.transfer, settings)
        rows = np.arange(min(PROBE_ROWS, len(data.validation)))
        expected = prepared.validation_outputs[rows]
        known = TransferSet(data.validation.subset(rows), expected, len(rows), data.pad_id, data.unknown_id)
        middle = self._designs[len(self._designs) // 2] if self._designs else self._configurations[0]
        outputs = StudentTexts(known, prepared.vocabulary).outputs(network, middle)
        return max(0.0, 1.0 - unexplained(outputs, expected))

    def _sample(self, rng: np.random.Generator) -> Configuration:
        """Draw an initial design or a random point, equally often; quantization is left to refinement."""
        if self._designs and rng.random() < DESIGN_SHARE:
            drawn = self._designs[int(rng.integers(len(self._designs)))]
        else:
            drawn = self.space.sample(rng, self.student)
        return STUDENTS[self.student].as_trained(drawn, exits=self.space.exits)

    @cached_property
    def _designs(self) -> list[Configuration]:
        return [design for design in self.space.initial_designs() if design.student == self.student]

    @cached_property
    def _configurations(self) -> list[Configuration]:
        return covering_configurations(self.space, self.student)


def covering_configurations(space: SearchSpace, student: str | None = None) -> list[Configuration]:
    """Return a space's initial designs and enough random points to have the extremes of every parameter.

    With a ``student`` only those of that type.
    """
    rng = np.random.default_rng(0)
    designs = [design for design in space.initial_designs() if student in (None, design.student)]
    return designs + [space.sample(rng, student) for _ in range(RANDOM_CONFIGURATIONS)]


def with_started_heads(arrays: Arrays, known: Collection[str], kind: TaskKind, labels: Labels) -> Arrays:
    """Return the weights with the output layers that are not ``known`` by name started for training on ``labels``."""
    started = dict(arrays)
    for name in [name for name in arrays if name.startswith("head") and name.endswith(".out.bias")]:
        weight = name.replace("bias", "weight")
        if name not in known:
            layer = nn.Linear(arrays[weight].shape[1], len(arrays[name]))
            with torch.no_grad():
                layer.weight.copy_(torch.from_numpy(arrays[weight]))
                layer.bias.copy_(torch.from_numpy(arrays[name]))
            kind.start_head(layer, labels)
            started[weight], started[name] = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    return started
