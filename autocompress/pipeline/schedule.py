"""Shares the time budget out over the phases of a search and records what each one used."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

SHARES = {"teacher": 0.2, "baselines": 0.01, "super-network": 0.3, "search": 0.09, "refine": 0.36, "verify": 0.04}
FIXED_S = {"teacher": 10.0, "baselines": 25.0, "super-network": 8.0, "search": 24.0, "verify": 40.0}
FIXED_AT_MOST = 0.7


@dataclass
class Phase:
    """Planned and used wall-clock seconds of one phase; ``used_s`` is None until it ends."""

    name: str
    planned_s: float
    used_s: float | None = None


@dataclass
class Schedule:
    """Gives each phase its share of what is left, so that time saved or overrun in one is spread over the rest.

    ``begun`` is a ``time.monotonic`` reading of when the whole run began; ``fixed_s`` may be set anew by what was
    measured meanwhile.
    """

    budget_s: float
    begun: float = field(default_factory=time.monotonic)
    fixed_s: dict[str, float] = field(default_factory=FIXED_S.copy)
    phases: list[Phase] = field(default_factory=list)
    _entered: float = 0.0

    def left_s(self) -> float:
        """Seconds until the budget is used up; never negative."""
        return max(self.budget_s - (time.monotonic() - self.begun), 0.0)

    def enter(self, name: str) -> Phase:
        """Begin a phase of ``SHARES``; those before it give their unused share to it and to those after it."""
        names = list(SHARES)
        self.phases.append(Phase(name, self._planned_s(names[names.index(name) :], self.left_s())[name]))
        self._entered = time.monotonic()
        return self.phases[-1]

    def leave(self) -> Phase:
        """End the phase begun last."""
        phase = self.phases[-1]
        phase.used_s = time.monotonic() - self._entered
        return phase

    def preview(self) -> dict[str, float]:
        """Seconds per phase if each took just its share."""
        return self._planned_s(list(SHARES), self.budget_s)

    def planned_s(self) -> dict[str, float]:
        """Seconds planned, by phase."""
        return {phase.name: round(phase.planned_s, 1) for phase in self.phases}

    def used_s(self) -> dict[str, float]:
        """Seconds used, by phase that has ended."""
        return {phase.name: round(phase.used_s, 1) for phase in self.phases if phase.used_s is not None}

    def _planned_s(self, names: list[str], left_s: float) -> dict[str, float]:
        """Seconds per phase: what loading, exporting and timing take however long the run, then shares of the rest.

        In a short run fewer rows are evaluated, and the fixed part is at most ``FIXED_AT_MOST`` of what is left.
        """
        fixed = sum(self.fixed_s.get(name, 0.0) for name in names)
        scale = min(1.0, FIXED_AT_MOST * left_s / fixed) if fixed else 0.0
        spare, shares = left_s - scale * fixed, sum(SHARES[name] for name in names)
        return {name: scale * self.fixed_s.get(name, 0.0) + spare * SHARES[name] / shares for name in names}
