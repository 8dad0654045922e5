"""Rejects constraints that no configuration in the search space can meet, before anything is trained.

The smallest configuration of each student type is compiled with untrained weights and measured, since size and speed
hardly depend on the weights' values.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from autocompress.artifact.blocks import GraphInputs
from autocompress.compression.vocabulary import Vocabulary, vocabulary_order
from autocompress.domain.problem import Problem
from autocompress.evaluation.compile import separator_of
from autocompress.measurement.process import Workload, measure_in_fresh_process
from autocompress.measurement.protocol import LatencyProtocol
from autocompress.measurement.requests import draw_requests, write_requests
from autocompress.networks.families.import_encoder import import_encoder
from autocompress.preparation.inputs import Inputs
from autocompress.students import STUDENTS
from autocompress.students.emit import emit
from autocompress.system.errors import InputError
from autocompress.system.files import scratch, write_bytes
from autocompress.system.units import format_duration_ms, human_size
from objectives.latency import MAX_LATENCY
from objectives.memory import MAX_MEMORY
from objectives.size import MAX_SIZE
from search_spaces import SEARCH_SPACES

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SLACK = 1.5
"""Factor by which the smallest model must exceed a limit of latency or memory to be rejected."""
QUICK = LatencyProtocol(min_requests=100, min_seconds=0.1, repeats=1)


def check_feasible(problem: Problem, inputs: Inputs, model: PreTrainedModel) -> None:
    """Raise InputError if the smallest students of ``model`` exceed the limit of size, latency or memory.

    Latency and memory must exceed it by the factor ``SLACK``.
    """
    asked = problem.constraints
    if asked.max_size_bytes is None and asked.max_latency_ms is None and asked.max_memory_bytes is None:
        return
    with scratch() as folder:
        files = _smallest_files(problem, inputs, model, folder)
        size = min(path.stat().st_size for path in files.values())
        if asked.max_size_bytes is not None and size > asked.max_size_bytes:
            raise InputError(
                f"{MAX_SIZE.option} must be at least {human_size(size)}, the smallest model of space {problem.space!r} "
                f"here, but got {human_size(asked.max_size_bytes)}; ask for more or widen --space"
            )
        if asked.max_latency_ms is not None or asked.max_memory_bytes is not None:
            _check_measured(problem, inputs, files, folder / "requests.npz")


def _check_measured(problem: Problem, inputs: Inputs, files: dict[str, Path], requests: Path) -> None:
    """Measure the files; raise InputError if all exceed a limit of latency or memory by the factor ``SLACK``."""
    asked, target, data = problem.constraints, problem.target, inputs.data
    drawn = draw_requests(data.validation, batch_size=target.batch_size, pad_id=data.pad_id, seed=problem.seed)
    write_requests(requests, drawn)
    known = dict.fromkeys(files, 0) if asked.max_memory_bytes is None else {}
    measured = measure_in_fresh_process(Workload(files, requests, target.threads, known), QUICK).values()
    fastest = min(one.latency.statistic(target.latency_statistic) for one in measured)
    if asked.max_latency_ms is not None and fastest > SLACK * asked.max_latency_ms:
        raise InputError(
            f"{MAX_LATENCY.option} must be within reach, but the smallest model of space {problem.space!r} takes "
            f"{fastest:.3g}ms ({target.latency_statistic}) here and {format_duration_ms(asked.max_latency_ms)} "
            f"was asked for; ask for more time, a smaller --batch-size or a wider --space"
        )
    least = min(m.memory_bytes for m in measured)
    if asked.max_memory_bytes is not None and least > SLACK * asked.max_memory_bytes:
        raise InputError(
            f"{MAX_MEMORY.option} must be within reach, but a process that serves the smallest model takes "
            f"{human_size(least)} here and {human_size(asked.max_memory_bytes)} was asked for; ask for more"
        )


def _smallest_files(problem: Problem, inputs: Inputs, model: PreTrainedModel, folder: Path) -> dict[str, Path]:
    """Write the ONNX file of each student type's smallest configuration, untrained, and return the paths by type."""
    data = inputs.data
    shape, arrays = import_encoder(model)
    space = SEARCH_SPACES[problem.space](shape, data.task.definition.exits_early, data.task.pair)
    order = vocabulary_order(data.train.tokens, shape.vocab_size, data.special_ids)
    # Which token stands for which does not change a file's size, and takes seconds to find.
    vocabulary = Vocabulary(order, data.unknown_id, np.full(len(order), order[len(set(data.special_ids))], np.int32))
    graph_inputs = GraphInputs(data.task.pair, vocabulary, data.max_length, separator_of(data, shape))
    files = {}
    for student in space.students:
        configuration = space.smallest(student)
        weights = STUDENTS[student].untrained(arrays, shape, configuration)
        files[student] = folder / f"{student}.onnx"
        write_bytes(files[student], emit(weights, configuration, shape, graph_inputs).SerializeToString())
    return files
