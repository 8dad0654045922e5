"""Measure quality: the task's metric on validation data, from the compiled file at the served batch size.

>>> from autocompress.domain.figures import Figures, Latency, Quality
>>> latency = Latency(mean=2.0, p50=1.5, p95=4.0, mean_interval=(1.9, 2.1), count=200, cpu_share=1.0)
>>> quality = Quality("accuracy", value=0.9, interval=(0.88, 0.92), count=2000)
>>> figures = Figures(quality, latency, size_bytes=12_000_000, memory_bytes=90_000_000)
>>> QUALITY.value(figures)
0.9
>>> from autocompress.domain.problem import Constraints, Problem
>>> problem = Problem(constraints=Constraints(max_drop=1.0))
>>> constraint = MAX_DROP.constraint(problem, teacher_quality=0.93)
>>> constraint.label, constraint.show(constraint.bound), constraint.violation(figures) > 0
('quality (--max-drop 1.0)', '0.9200', True)
>>> MAX_DROP.constraint(problem, teacher_quality=None) is None
True
"""

from autocompress.domain.figures import Figures
from objectives.constraint import AT_LEAST, ConstraintType
from objectives.objective import Objective
from objectives.unit import FRACTION


def validation_quality(figures: Figures) -> float:
    """Return the validation quality, a fraction: the one expected of fresh texts where that is known."""
    return figures.validation.estimate


def floor_below_teacher(points: float, teacher_quality: float | None) -> float | None:
    """Return the quality left after a drop of ``points`` (1.0 is 0.01) from the teacher's; None before it is known."""
    return None if teacher_quality is None else teacher_quality - points / 100


QUALITY = Objective("quality", "maximize", FRACTION, validation_quality, is_quality=True)
MAX_DROP = ConstraintType(
    name="max_drop",
    field="max_drop",
    option="--max-drop",
    label="quality ({option} {asked})",
    objective=QUALITY,
    side=AT_LEAST,
    bound=floor_below_teacher,
)
MIN_QUALITY = ConstraintType(
    name="min_quality",
    field="min_quality",
    option="--min-quality",
    label="quality ({option})",
    objective=QUALITY,
    side=AT_LEAST,
)
