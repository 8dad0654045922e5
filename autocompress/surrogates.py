"""What the surrogate of a study needs to know before anything was measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from autocompress.configuration import ExitConfiguration, TransformerConfiguration
from autocompress.distillation.students import head_logits, tensor_batch
from autocompress.exploration.costs import Confidences
from autocompress.exploration.surrogate import Region, Surrogate
from autocompress.networks.cut import cut
from autocompress.networks.students import build_student
from autocompress.prepared import Prepared
from autocompress.problem import Problem
from search_spaces import SearchSpace

USEFUL = 0.08
ROWS = 256


def surrogate_of(problem: Problem, prepared: Prepared, space: SearchSpace) -> Surrogate:
    """Its models start from priors; where the transformer's super-network is trained, exits are read from that."""
    asked = problem.constraints
    floor = max(prepared.teacher_quality - USEFUL, asked.min_quality or 0.0)
    region = Region(floor, asked.max_latency_ms or np.inf, asked.max_size_bytes or np.inf)
    trained = prepared.has(TransformerConfiguration.student) and prepared.teacher_shape.num_hidden_layers > 1
    has_exits = trained and not space.regression
    confidences = exit_confidences(prepared, problem.target.batch_size) if has_exits else None
    return Surrogate(space, region, confidences, len(prepared.data.validation) // problem.target.batch_size)


def exit_confidences(prepared: Prepared, batch_size: int) -> Confidences:
    """Confidence [layers, requests] of an exit after each layer of a half-width sub-network, on validation texts.

    A request is ``batch_size`` texts, and as sure as the least sure of them.
    """
    arrays, shape = prepared.source(TransformerConfiguration.student)
    half = TransformerConfiguration.uniform(
        shape,
        num_attention_heads=max(1, shape.num_attention_heads // 2),
        intermediate_size=max(1, shape.intermediate_size // 2),
    )
    configuration = replace(half, exit=ExitConfiguration(tuple(range(shape.num_hidden_layers - 1)), 0.5))
    network = build_student(cut(arrays, shape, configuration), shape, configuration).eval()
    data = prepared.data
    rows = np.arange(min(max(ROWS, batch_size), len(data.validation)) // batch_size * batch_size)
    confidences = np.empty((shape.num_hidden_layers, len(rows)), np.float32)
    with torch.inference_mode():
        for begin in range(0, len(rows), 32):
            part = rows[begin : begin + 32]
            batch = tensor_batch(data.validation, part, data.pad_id, prepared.validation_outputs)
            heads = head_logits(network, batch, configuration, fake_quantize=False)
            confidences[:, part] = torch.stack([torch.softmax(head.float(), -1).amax(-1) for head in heads]).numpy()
    return np.asarray(confidences.reshape(len(confidences), -1, batch_size).min(axis=2), np.float32)
