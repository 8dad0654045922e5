"""Judges a model's outputs by the task's metric, with an interval.

The process that times models does not import this, for it is to be as small as a server.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autocompress.domain.figures import Quality
from autocompress.measurement.statistics import accuracy_interval, metric_interval
from autocompress.tasks.metrics import metric_of, score
from autocompress.tasks.task import Task


def quality_of(task: Task, outputs: NDArray[np.float32], labels: NDArray[Any], *, seed: int = 0) -> Quality:
    """The task's metric of ``outputs`` [n, num_outputs] against ``labels`` [n], with its 95% interval over rows."""
    value, secondary = score(task, outputs, labels)
    rng = np.random.default_rng(seed)
    correct = task.definition.correct_rows(outputs, labels)
    if correct is not None:
        interval = accuracy_interval(correct, rng=rng)
    else:
        interval = metric_interval(lambda rows, truth: metric_of(task, rows, truth), outputs, labels, rng=rng)
    return Quality(task.metric, float(value), interval, len(labels), secondary)
