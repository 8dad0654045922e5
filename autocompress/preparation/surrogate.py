"""Builds the surrogate of a study, with exit confidences and designs with early exits from the prepared weights."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import torch

from autocompress.distillation.batches import head_logits, tensor_batch
from autocompress.domain.problem import Problem
from autocompress.evaluation.cut import source_of
from autocompress.preparation.exit_sweep import cheapest, sweep
from autocompress.preparation.narrow_teachers import narrow_sizes
from autocompress.students import STUDENTS
from autocompress.students.cutting import cut
from autocompress.students.exit_policies import EXIT_POLICIES, ExitScores
from autocompress.students.transformer.configuration import ExitConfiguration, TransformerConfiguration
from autocompress.students.transformer.exits import policies_of
from autocompress.study.prepared import Prepared
from autocompress.study.prepared_files import TEACHER, narrow_teacher
from autocompress.tasks.metrics import metric_of
from autocompress.trials.surrogate import Origins, Region, Surrogate
from search_spaces import SearchSpace

PROPOSALS_LOSE_AT_MOST = 0.08
"""Loss of quality to the teacher beyond which a point does not count for the surrogate."""
ROWS = 256
"""Validation texts from which the exit confidences of the super-network are computed."""
LOSSES = (0.0, 0.005, 0.015)
"""Losses of validation quality to the model that is cut for each of which a design with early exits is chosen."""


def surrogate_of(problem: Problem, prepared: Prepared, space: SearchSpace) -> Surrogate:
    """Return the surrogate of a study, before any trial.

    Exit confidences come from the heads after the teacher's layers and from those of the encoder's super-network.
    """
    limits = problem.constraints
    floor = max(prepared.reachable_quality - PROPOSALS_LOSE_AT_MOST, limits.min_quality or 0.0)
    region = Region(floor, limits.max_latency_ms or np.inf, limits.max_size_bytes or np.inf)
    batch_size, confidences = problem.target.batch_size, {}
    if prepared.data.task.definition.exits_early and prepared.teacher_shape.num_hidden_layers > 1:
        if prepared.has(TransformerConfiguration.student):
            confidences[TransformerConfiguration.student] = exit_confidences(prepared, batch_size)
        if prepared.layer_heads.arrays:
            scores = ExitScores(layer_outputs(prepared), batch_size, prepared.teacher_shape.output_scale)
            confidences |= dict.fromkeys((TEACHER, *map(narrow_teacher, narrow_sizes(prepared, space))), scores)
    origins = Origins(partial(source_of, prepared), confidences, prepared.has)
    requests = len(prepared.data.validation) // batch_size
    return Surrogate(space, region, origins, requests, exit_designs(prepared, batch_size))


def exit_designs(prepared: Prepared, batch_size: int) -> list[TransformerConfiguration]:
    """Return the fastest of the origin's depths and exits, in 8 bits, at each of ``LOSSES`` on validation data.

    There are none before the heads after its lower layers are trained.
    """
    if not prepared.layer_heads.arrays:
        return []
    task, labels = prepared.data.task, prepared.data.validation.labels

    def quality(outputs: np.ndarray) -> float:
        return metric_of(task, outputs, labels[: len(outputs)])

    first = task.definition.exit_policy
    policies = sorted(policies_of(prepared.teacher_shape), key=lambda name: name != first) if first else []
    thresholds = {policy: EXIT_POLICIES[policy].thresholds.values for policy in policies}
    scale = prepared.teacher_shape.output_scale
    front = sweep(layer_outputs(prepared), quality, thresholds, batch_size, scale)
    chosen = cheapest(front, [prepared.origin_quality - loss for loss in LOSSES])
    return [
        TransformerConfiguration.uniform(prepared.teacher_shape, layers=tuple(range(each.depth)), exit=each.exit)
        for each in chosen
    ]


def layer_outputs(prepared: Prepared) -> np.ndarray:
    """Return the outputs [layers, n, C] of the heads after each of the origin's layers on the validation split."""
    return np.concatenate([prepared.layer_heads.outputs, prepared.origin_outputs[None]])


def exit_confidences(prepared: Prepared, batch_size: int) -> ExitScores:
    """Return the scores of exits after each layer on validation texts.

    They are those of a sub-network that keeps half of the heads and neurons of the encoder's super-network. A request
    has ``batch_size`` texts.
    """
    arrays, shape = prepared.source(TransformerConfiguration.student)
    half = TransformerConfiguration.uniform(
        shape,
        num_attention_heads=max(1, shape.num_attention_heads // 2),
        intermediate_size=max(1, shape.intermediate_size // 2),
    )
    configuration = replace(half, exit=ExitConfiguration(tuple(range(shape.num_hidden_layers - 1)), 0.5))
    network = STUDENTS[configuration.student].network(shape, cut(arrays, shape, configuration)).eval()
    data = prepared.data
    rows = np.arange(min(max(ROWS, batch_size), len(data.validation)) // batch_size * batch_size)
    outputs = np.empty((shape.num_hidden_layers, len(rows), shape.num_outputs), np.float32)
    with torch.inference_mode():
        for begin in range(0, len(rows), 32):
            part = rows[begin : begin + 32]
            batch = tensor_batch(data.validation, part, data.pad_id, prepared.validation_outputs)
            heads = head_logits(network, batch, configuration, fake_quantize=False)
            outputs[:, part] = torch.stack(heads).numpy()
    return ExitScores(outputs, batch_size, shape.output_scale)
