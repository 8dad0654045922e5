"""Measure size: bytes of the artefact's model file, with everything it needs to run.

>>> from autocompress.domain.figures import Figures, Latency, Quality
>>> latency = Latency(mean=2.0, p50=1.5, p95=4.0, mean_interval=(1.9, 2.1), count=200, cpu_share=1.0)
>>> quality = Quality("accuracy", value=0.9, interval=(0.88, 0.92), count=2000)
>>> figures = Figures(quality, latency, size_bytes=12_000_000, memory_bytes=90_000_000)
>>> SIZE.value(figures)
12000000.0
>>> from autocompress.domain.problem import Constraints, Problem
>>> constraint = MAX_SIZE.constraint(Problem(constraints=Constraints(max_size_bytes=8_000_000)))
>>> constraint.show(constraint.bound), constraint.violation(figures)
('8 MB', 0.5)
"""

from autocompress.domain.figures import Figures
from objectives.constraint import AT_MOST, ConstraintType
from objectives.objective import Objective
from objectives.unit import BYTES


def size_bytes(figures: Figures) -> float:
    """Return the size of the model file in bytes; lower is better."""
    return float(figures.size_bytes)


SIZE = Objective("size", "minimize", BYTES, size_bytes)
MAX_SIZE = ConstraintType(
    name="max_size",
    field="max_size_bytes",
    option="--max-size",
    label="size ({option})",
    objective=SIZE,
    side=AT_MOST,
)
