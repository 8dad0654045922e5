"""Kill a real search at random moments, again and again, and hold what is left against the promise.

    python scripts/soak.py [--kills 50] [--time-budget 6m] [--folder DIR] [--report studies/reliability/soak.json]

The demo is searched; the controller is killed with SIGKILL after a random time and resumed, until the kills are used up
and the last run ends by itself. After each kill, and at the end, `autocompress show --json --all` must tell every trial
that was reported finished with the same figures as before, none twice and, at the end, none unfinished; a training that
was killed must have kept its state within the last minute. Prints a line per kill and a table per phase.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autocompress.files import write_json

PROGRAM = [sys.executable, "-m", "autocompress"]
STUDY = "soak"
SHORTEST_S, LONGEST_S = 4.0, 45.0
MOST_LOST_S = 60.0
PHASE = re.compile(r"^(teacher|baselines|super-network|search|refine|verify): .* planned")


@dataclass
class Watch:
    """What was seen so far: the finished trials, kills by phase, and what broke the promise."""

    finished: dict[int, dict[str, Any]] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def check(self, shown: dict[str, Any], ended: bool) -> None:
        """Compare a study's own account with the one before."""
        trials = {trial["trial"]: trial for trial in shown["all_trials"]}
        for number, before in self.finished.items():
            now = trials.get(number)
            if now is None or any(now.get(name) != value for name, value in before.items()):
                self.broken.append(f"trial {number} was finished and is now {'lost' if now is None else 'another'}")
        done = {number: trial for number, trial in trials.items() if trial["state"] in ("complete", "failed")}
        digests = Counter(trial["digest"] for trial in done.values())
        self.broken += [f"configuration {digest} was measured {n} times" for digest, n in digests.items() if n > 1]
        if ended:
            stuck = sorted(set(trials) - set(done))
            self.broken += [f"trial {number} is {trials[number]['state']}" for number in stuck]
            self.broken += [] if shown["state"] == "finished" else [f"the study is {shown['state']}"]
        later = ("refine", "verify")
        self.finished = {n: {k: v for k, v in trial.items() if k not in later} for n, trial in done.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--time-budget", default="6m")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--report", type=Path)
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="autocompress-soak-"))
    rng, watch, begun = random.Random(arguments.seed), Watch(), time.monotonic()
    command = ["search", "--max-latency", "20ms", "--time-budget", arguments.time_budget, "--study", STUDY]
    for number in range(arguments.kills + 1):
        wait_s = rng.uniform(SHORTEST_S, LONGEST_S) if number < arguments.kills else None
        phase, ended = run(command, folder, wait_s)
        shown = show(folder)
        if shown is not None:
            watch.check(shown, ended)
            command = ["resume", STUDY]
        if not ended:
            watch.kills[phase] += 1
            late = training_age_s(folder)
            if late is not None and late > MOST_LOST_S:
                watch.broken.append(f"a training in {phase} was last kept {late:.0f} s before it was killed")
        print(f"{number + 1}: {'ended' if ended else f'killed in {phase}'}, {len(watch.finished)} trials", flush=True)
    report = {
        "kills": sum(watch.kills.values()),
        "by_phase": dict(watch.kills),
        "trials": len(watch.finished),
        "broken": watch.broken,
        "seconds": round(time.monotonic() - begun),
    }
    print(json.dumps(report, indent=2))
    if arguments.report is not None:
        write_json(arguments.report, report)
    sys.exit(1 if watch.broken else 0)


def run(command: list[str], folder: Path, wait_s: float | None) -> tuple[str, bool]:
    """Run the program for ``wait_s`` seconds (None: to its end); the phase it was in, and whether it ended by itself.

    A killed run's training file is as old as it was at the moment of the kill.
    """
    log = folder / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*PROGRAM, *command, "--studies-dir", str(folder)], stdout=stream, stderr=subprocess.STDOUT
        )
        try:
            process.wait(wait_s)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    phases = [found[1] for found in map(PHASE.match, lines) if found]
    killed = process.returncode == -signal.SIGKILL
    if not killed and process.returncode not in (0, 3):
        print("\n".join(lines[-5:]), flush=True)
    return (phases[-1] if phases else "start"), not killed


def show(folder: Path) -> dict[str, Any] | None:
    """The study's own account; None before there is a study."""
    if not (folder / STUDY / "problem.json").is_file():
        return None
    command = [*PROGRAM, "show", STUDY, "--json", "--all", "--studies-dir", str(folder)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def training_age_s(folder: Path) -> float | None:
    """Seconds since a training that is not done was last kept; None if there is none."""
    ages = [time.time() - path.stat().st_mtime for path in (folder / STUDY / "prepared").glob("*.training")]
    return min(ages, default=None)


if __name__ == "__main__":
    main()
