"""Divides the time budget among the phases of a search and records what each one used."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

SHARES = {"teacher": 0.2, "baselines": 0.01, "super-network": 0.3, "search": 0.09, "refine": 0.36, "verify": 0.04}
"""Fractions of the time beyond the fixed seconds, by phase in their order."""
FIXED_S = {"teacher": 10.0, "baselines": 25.0, "super-network": 8.0, "search": 24.0, "verify": 40.0}
"""Seconds that a phase takes for loading, exporting and timing, however long the run."""
FIXED_AT_MOST = 0.7
"""Largest fraction of the remaining time that such fixed seconds take together; in short runs they are scaled down."""


@dataclass
class Phase:
    """Holds the planned and used wall-clock seconds of one phase; ``used_s`` is None until it ends."""

    name: str
    planned_s: float
    used_s: float | None = None


@dataclass
class Schedule:
    """Gives each phase its share of the remaining time, so that time saved or overrun in one changes all later ones.

    ``begun`` is the reading of ``time.monotonic`` when the run began. The pipeline updates ``fixed_s`` as measurements
    become known.
    """

    budget_s: float
    begun: float = field(default_factory=time.monotonic)
    fixed_s: dict[str, float] = field(default_factory=FIXED_S.copy)
    phases: list[Phase] = field(default_factory=list)
    _entered: float = 0.0

    def left_s(self) -> float:
        """Return the seconds until the budget is used up; never negative."""
        return max(self.budget_s - (time.monotonic() - self.begun), 0.0)

    def enter(self, name: str) -> Phase:
        """Begin a phase of ``SHARES``; time that earlier phases did not use is divided among it and later ones."""
        names = list(SHARES)
        self.phases.append(Phase(name, self._planned_s(names[names.index(name) :], self.left_s())[name]))
        self._entered = time.monotonic()
        return self.phases[-1]

    def leave(self) -> Phase:
        """End the current phase and return it."""
        phase = self.phases[-1]
        phase.used_s = time.monotonic() - self._entered
        return phase

    def preview(self) -> dict[str, float]:
        """Return the seconds per phase if each takes exactly its share."""
        return self._planned_s(list(SHARES), self.budget_s)

    def planned_s(self) -> dict[str, float]:
        """Return the planned seconds of each phase that has begun."""
        return {phase.name: round(phase.planned_s, 1) for phase in self.phases}

    def used_s(self) -> dict[str, float]:
        """Return the used seconds of each phase that has ended."""
        return {phase.name: round(phase.used_s, 1) for phase in self.phases if phase.used_s is not None}

    def _planned_s(self, names: list[str], left_s: float) -> dict[str, float]:
        """Return the seconds of the phases ``names``: their fixed seconds, and their shares of the rest of ``left_s``.

        In a short run fewer rows are evaluated, so fixed seconds are scaled to at most ``FIXED_AT_MOST`` of the time.
        """
        fixed = sum(self.fixed_s.get(name, 0.0) for name in names)
        scale = min(1.0, FIXED_AT_MOST * left_s / fixed) if fixed else 0.0
        spare, shares = left_s - scale * fixed, sum(SHARES[name] for name in names)
        return {name: scale * self.fixed_s.get(name, 0.0) + spare * SHARES[name] / shares for name in names}
