"""Measure memory: peak resident bytes of a process that serves the file.

They hold the runtime, the weights as loaded, and the work space.

>>> from autocompress.domain.figures import Figures, Latency, Quality
>>> latency = Latency(mean=2.0, p50=1.5, p95=4.0, mean_interval=(1.9, 2.1), count=200, cpu_share=1.0)
>>> quality = Quality("accuracy", value=0.9, interval=(0.88, 0.92), count=2000)
>>> figures = Figures(quality, latency, size_bytes=12_000_000, memory_bytes=90_000_000)
>>> MEMORY.value(figures)
90000000.0
>>> from autocompress.domain.problem import Constraints, Problem
>>> constraint = MAX_MEMORY.constraint(Problem(constraints=Constraints(max_memory_bytes=100_000_000)))
>>> constraint.violation(figures) <= 0
True
"""

from autocompress.domain.figures import Figures
from objectives.constraint import AT_MOST, ConstraintType
from objectives.objective import Objective
from objectives.unit import BYTES


def memory_bytes(figures: Figures) -> float:
    """Return the peak resident memory in bytes; lower is better."""
    return float(figures.memory_bytes)


MEMORY = Objective("memory", "minimize", BYTES, memory_bytes)
"""Recorded in every trial and not optimised by default."""
MAX_MEMORY = ConstraintType(
    name="max_memory",
    field="max_memory_bytes",
    option="--max-memory",
    label="memory ({option})",
    objective=MEMORY,
    side=AT_MOST,
)
