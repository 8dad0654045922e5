"""When nothing meets the constraints: which points came nearest, what binds, and what relaxing it would buy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autocompress.domain.figures import Figures
from autocompress.domain.problem import Constraints, Problem

Candidate = tuple[Figures, int]


@dataclass(frozen=True)
class Limit:
    """One bound that a measured value must keep: at least ``bound`` for quality, else at most.

    ``kind`` is latency (ms), size (bytes), memory (bytes) or quality (a fraction on validation data); ``label`` says
    what is limited and by which option.
    """

    kind: str
    label: str
    bound: float

    def excess(self, value: float) -> float:
        """How far ``value`` is beyond the bound, relative to the bound; 0 where it is kept."""
        beyond = self.bound - value if self.kind == "quality" else value - self.bound
        return max(0.0, beyond / max(abs(self.bound), 1e-9))


@dataclass(frozen=True)
class Violation:
    """A limit that a point breaks, and the value it has."""

    limit: Limit
    value: float


@dataclass(frozen=True)
class Miss:
    """A point that breaks at least one limit; ``distance`` is the sum of its relative excesses."""

    trial: int
    figures: Figures
    violations: tuple[Violation, ...]
    distance: float


@dataclass(frozen=True)
class Relaxation:
    """What moving one limit alone would buy.

    ``needed`` is the value at which ``nearest``, the first point in reach, is feasible; ``best`` is the point of the
    highest quality with this limit dropped. All three are None where the other limits are too tight by themselves.
    ``alone`` is the best point that keeps this limit, whatever the others say; None if there is none.
    """

    limit: Limit
    needed: float | None
    nearest: Candidate | None
    best: Candidate | None
    alone: Candidate | None


@dataclass(frozen=True)
class Misses:
    """Nearest points first, and one relaxation a limit in the order of the constraints."""

    nearest: tuple[Miss, ...]
    relaxations: tuple[Relaxation, ...]


def limits(constraints: Constraints, statistic: str, teacher_quality: float | None) -> tuple[Limit, ...]:
    """The limits that are set; a drop becomes a lower bound on validation quality once the teacher's is known."""
    drop = constraints.max_drop
    floor = None if drop is None or teacher_quality is None else teacher_quality - drop / 100
    bounds = (
        ("latency", f"{statistic} latency (--max-latency)", constraints.max_latency_ms),
        ("size", "size (--max-size)", constraints.max_size_bytes),
        ("memory", "memory (--max-memory)", constraints.max_memory_bytes),
        ("quality", f"quality (--max-drop {drop})", floor),
        ("quality", "quality (--min-quality)", constraints.min_quality),
    )
    return tuple(Limit(kind, label, float(bound)) for kind, label, bound in bounds if bound is not None)


def measured(limit: Limit, figures: Figures, statistic: str) -> float:
    """The value of ``figures`` that ``limit`` speaks of, in its unit."""
    if limit.kind == "latency":
        return figures.latency_ms.statistic(statistic)
    if limit.kind == "quality":
        return figures.validation.estimate
    return float(figures.size_bytes if limit.kind == "size" else figures.memory_bytes)


def nearest_misses(
    candidates: Sequence[Candidate], problem: Problem, teacher_quality: float | None, count: int = 5
) -> Misses:
    """The ``count`` points that break the limits least, and what relaxing each limit would buy."""
    statistic = problem.target.latency_statistic
    bounds = limits(problem.constraints, statistic, teacher_quality)
    misses = [_miss(candidate, bounds, statistic) for candidate in candidates]
    misses = [miss for miss in misses if miss.violations]
    misses.sort(key=lambda miss: (miss.distance, -miss.figures.validation.estimate, miss.trial))
    return Misses(tuple(misses[:count]), tuple(_relax(limit, bounds, candidates, statistic) for limit in bounds))


def _miss(candidate: Candidate, bounds: Sequence[Limit], statistic: str) -> Miss:
    figures, trial = candidate
    values = [(limit, measured(limit, figures, statistic)) for limit in bounds]
    violations = tuple(Violation(limit, value) for limit, value in values if limit.excess(value) > 0)
    return Miss(trial, figures, violations, sum(limit.excess(value) for limit, value in values))


def _relax(limit: Limit, bounds: Sequence[Limit], candidates: Sequence[Candidate], statistic: str) -> Relaxation:
    def keeps(candidate: Candidate, kept: Sequence[Limit]) -> bool:
        return all(bound.excess(measured(bound, candidate[0], statistic)) == 0 for bound in kept)

    alone = max((c for c in candidates if keeps(c, [limit])), key=_goodness, default=None)
    reachable = [c for c in candidates if keeps(c, [bound for bound in bounds if bound is not limit])]
    if not reachable:
        return Relaxation(limit, None, None, None, alone)
    nearest = min(reachable, key=lambda c: (limit.excess(measured(limit, c[0], statistic)), -c[0].validation.estimate))
    return Relaxation(limit, measured(limit, nearest[0], statistic), nearest, max(reachable, key=_goodness), alone)


def _goodness(candidate: Candidate) -> tuple[float, float]:
    return candidate[0].validation.estimate, -candidate[0].latency_ms.mean
