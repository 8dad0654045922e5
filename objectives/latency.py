"""Measure latency: milliseconds per request at the target's batch size and threads, over real token lengths.

>>> from autocompress.domain.figures import Figures, Latency, Quality
>>> latency = Latency(mean=2.0, p50=1.5, p95=4.0, mean_interval=(1.9, 2.1), count=200, cpu_share=1.0)
>>> quality = Quality("accuracy", value=0.9, interval=(0.88, 0.92), count=2000)
>>> figures = Figures(quality, latency, size_bytes=12_000_000, memory_bytes=90_000_000)
>>> LATENCY.value(figures)
2.0
>>> from autocompress.domain.problem import Constraints, Problem, Target
>>> problem = Problem(target=Target(latency_statistic="p95"), constraints=Constraints(max_latency_ms=2.0))
>>> constraint = MAX_LATENCY.constraint(problem)
>>> constraint.label, constraint.value(figures), constraint.violation(figures)
('p95 latency (--max-latency)', 4.0, 1.0)
"""

from autocompress.domain.figures import Figures
from autocompress.domain.problem import Target
from objectives.constraint import AT_MOST, ConstraintType
from objectives.objective import Objective
from objectives.unit import MILLISECONDS


def mean_latency_ms(figures: Figures) -> float:
    """Return the mean latency in milliseconds, the least noisy of the statistics; lower is better."""
    return figures.latency_ms.mean


def latency_statistic_ms(figures: Figures, target: Target) -> float:
    """Return the target's latency statistic (mean, p50 or p95) in milliseconds."""
    return figures.latency_ms.statistic(target.latency_statistic)


LATENCY = Objective("latency", "minimize", MILLISECONDS, mean_latency_ms)
"""Optimises the mean, whatever statistic a constraint bounds."""
MAX_LATENCY = ConstraintType(
    name="max_latency",
    field="max_latency_ms",
    option="--max-latency",
    label="{statistic} latency ({option})",
    objective=LATENCY,
    side=AT_MOST,
    read=latency_statistic_ms,
)
