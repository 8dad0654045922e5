"""Holds the raw times of one model, and merges those of several rounds or processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autocompress.domain.figures import Latency
from autocompress.measurement.statistics import summarise_latency


@dataclass(frozen=True)
class Timing:
    """Raw samples [n] of one model in milliseconds per request: whole cycles in the order of the requests.

    ``rounds_ms`` [m] are the means of its rounds in order of time; ``cpu_share`` is the processor time used over that
    which its threads could have had; ``disturbed`` is true if any of its rounds was; ``energy_mj`` are millijoules per
    request, None where the system does not tell.
    """

    samples_ms: NDArray[np.float64]
    rounds_ms: NDArray[np.float64]
    cpu_share: float
    disturbed: bool
    energy_mj: float | None = None

    def latency(self) -> Latency:
        """Summarise the samples as studies store them."""
        return summarise_latency(
            self.samples_ms,
            self.cpu_share,
            self.disturbed,
            rounds_ms=self.rounds_ms,
            energy_mj=self.energy_mj,
        )


def merge_timings(timings: Sequence[Timing]) -> Timing:
    """Concatenate the timings of one model from several rounds or processes; shares and energy weighted by samples."""
    counts = [timing.samples_ms.size for timing in timings]
    energies = [timing.energy_mj for timing in timings if timing.energy_mj is not None]
    return Timing(
        samples_ms=np.concatenate([timing.samples_ms for timing in timings]),
        rounds_ms=np.concatenate([timing.rounds_ms for timing in timings]),
        cpu_share=float(np.average([timing.cpu_share for timing in timings], weights=counts)),
        disturbed=any(timing.disturbed for timing in timings),
        energy_mj=float(np.average(energies, weights=counts)) if len(energies) == len(timings) else None,
    )
