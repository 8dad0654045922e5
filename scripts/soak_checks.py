"""Checks what is left of a search that was killed, for soak.py: no trial lost, changed, stuck or measured twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

LIMIT_MS = 20.0
"""The 95th percentile of the latency that the searches allow."""


@dataclass
class Findings:
    """Counts kills by kind (``harm``), keeps the finished trials of this round, and lists the checks that failed.

    ``rounds`` counts the finished rounds; ``found_again`` counts, over all kills, the finished trials that had to be
    there afterwards. ``oldest_training_s`` is the longest time since a training that was killed had saved its state.
    ``finished`` holds the trials by number as ``show`` printed them last, ``printed`` the numbers of those that the
    program reported as finished since then, which the study must have after a kill. ``broken`` has a message for each
    check that failed.
    """

    harm: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    seconds: float = 0.0
    trials: int = 0
    found_again: int = 0
    oldest_training_s: float = 0.0
    broken: list[str] = field(default_factory=list)
    finished: dict[int, dict[str, Any]] = field(default_factory=dict)
    printed: set[int] = field(default_factory=set)

    def check(self, shown: dict[str, Any]) -> None:
        """Check that the output of ``show`` has all that was known before, and nothing twice."""
        trials = {trial["trial"]: trial for trial in shown["all_trials"]}
        for number, before in self.finished.items():
            now = trials.get(number)
            if now is None or any(now.get(name) != value for name, value in before.items()):
                self.broken.append(f"trial {number} was finished and is now {'lost' if now is None else 'another'}")
            self.found_again += 1
        done = {number: trial for number, trial in trials.items() if trial["state"] in ("complete", "failed")}
        digests = Counter(trial["digest"] for trial in done.values())
        self.broken += [f"configuration {digest} was measured {n} times" for digest, n in digests.items() if n > 1]
        self.broken += [f"trial {number} was finished and is now lost" for number in sorted(self.printed - set(done))]
        self.printed = set()
        self.finished = {n: {k: v for k, v in trial.items() if k != "verify"} for n, trial in done.items()}

    def check_end(self, shown: dict[str, Any]) -> None:
        """Check that a finished search leaves no trial open, and that its front follows from its trials."""
        states = {trial["trial"]: trial["state"] for trial in shown["all_trials"]}
        stuck = sorted(set(states) - set(self.finished))
        self.broken += [f"trial {number} is {states[number]}" for number in stuck]
        self.broken += [] if shown["state"] == "finished" else [f"the study is {shown['state']}"]
        front, told = front_of(shown["all_trials"]), sorted(point["trial"] for point in shown["front"])
        self.broken += [] if front == told else [f"the front is {told}, but the trials give {front}"]
        self.trials += len(self.finished)
        self.finished = {}

    def report(self) -> dict[str, Any]:
        """Return the report as JSON, to print, write and read again."""
        return {
            "rounds": self.rounds,
            "kills": sum(n for kind, n in self.harm.items() if kind.startswith("controller")),
            "harm": dict(sorted(self.harm.items())),
            "trials": self.trials,
            "found_again": self.found_again,
            "lost": sum("and is now" in told for told in self.broken),
            "stuck": sum(told.startswith("trial") and "and is now" not in told for told in self.broken),
            "measured_twice": sum(told.startswith("configuration") for told in self.broken),
            "oldest_training_s": round(self.oldest_training_s, 1),
            "broken": self.broken,
            "seconds": round(self.seconds),
        }

    @classmethod
    def of(cls, report: dict[str, Any]) -> Findings:
        """Continue from a ``report`` of earlier rounds."""
        kept = ("rounds", "seconds", "trials", "found_again", "oldest_training_s", "broken")
        return cls(Counter(report["harm"]), **{name: report[name] for name in kept})


def front_of(trials: list[dict[str, Any]]) -> list[int]:
    """Return the trials whose verified figures are not dominated, among those within the latency limit."""
    found = {}
    for trial in trials:
        if (figures := trial.get("verify")) and figures["latency_ms"]["p95"] <= LIMIT_MS:
            mean, size = figures["latency_ms"]["mean"], figures["size_bytes"]
            found[trial["trial"]] = (-figures["quality"]["expected"], mean, size)
    better = {
        number: [all(a <= b for a, b in zip(other, own, strict=True)) and other != own for other in found.values()]
        for number, own in found.items()
    }
    return sorted(number for number, others in better.items() if not any(others))
