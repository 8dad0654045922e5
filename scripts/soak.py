"""Kill real searches again and again, and check that no reported trial is lost.

    python scripts/soak.py [--rounds 8] [--time-budget 2m] [--long-budget 10m] [--seed 0] [--folder DIR]
                           [--model DIR --train F --validation F --test F] [--report studies/reliability/soak.json]

A round is one search of the demo (or of the model and files given). Its controller is killed with SIGKILL at a random
moment of each phase and resumed; its builder, measuring worker and raylet are killed during the search; then ``export``
is killed twice. The first round has the long budget, so that trainings take minutes. After each kill, and at the end,
``autocompress show --json --all`` must list every finished trial with the same figures as before, every trial that the
killed program had reported as finished, and none measured twice. At the end no trial may be unfinished, and the front
must follow from the trials' figures. A training that was killed must have saved its state within the last minute.
Prints a line per kill, and the report. Writes the report after every round, and continues from it if it exists. The
exit code is 1 if a check failed.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from autocompress.hardware.cores import split_cores, usable_cores
from autocompress.report.manifest import MANIFEST
from autocompress.system.files import write_json

PROGRAM = [sys.executable, "-m", "autocompress"]
STUDY, LIMIT_MS = "soak", 20.0
PHASES = ("teacher", "baselines", "super-network", "search", "refine", "verify")
PARTS = ("builder", "measuring worker", "raylet")
SEARCHING = ("search", "refine")
SHARE = 0.7
"""A kill comes within this share of a phase's planned time, because a phase may need less."""
FOUND_WITHIN_S = 20.0
MOST_LOST_S = 60.0
ENDED = re.compile(r"^trial (\d+)(?: failed)?: \S+ ")
HEADING = re.compile(r"^(\S+): (?:(\d+) min ?)?(?:([\d.]+) s)? ?planned")


@dataclass
class Watch:
    """What was observed: kills by kind, the finished trials of this round, and the checks that failed.

    ``rounds`` counts the finished rounds; ``found_again`` counts, over all kills, the finished trials that had to be
    there afterwards. ``printed`` are the trials that the program reported as finished, which the study must have after
    a kill.
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
        """Compare the output of ``show`` with the one before."""
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
    def of(cls, report: dict[str, Any]) -> Watch:
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


@dataclass
class Round:
    """Runs one search in a folder of its own, and kills it and its parts."""

    search: list[str]
    folder: Path
    rng: random.Random
    watch: Watch

    def run(self, phases: list[str]) -> None:
        """Kill the controller once in each of ``phases``, and a part of Ray during each search."""
        parts, command = list(PARTS), self.search
        for phase in [*phases, None]:
            killed = self.harmed(command, phase, parts)
            shown = self.show()
            if shown is not None:
                self.watch.check(shown)
                command = ["resume", STUDY]
            if phase is None and not killed and shown is not None:
                self.watch.check_end(shown)
        self.export()

    def harmed(self, command: list[str], phase: str | None, parts: list[str]) -> bool:
        """Run the program, kill the first of ``parts`` while it searches, then the program in ``phase``.

        Returns whether the program was killed.
        """
        process = psutil.Popen(
            [*PROGRAM, *command, "--studies-dir", str(self.folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        timers: list[threading.Timer] = []
        said: list[str] = []
        with process.stdout:
            for line in process.stdout:
                said.append(line)
                if (ended := ENDED.match(line)) is not None:
                    self.watch.printed.add(int(ended[1]))
                if (found := HEADING.match(line)) is not None:
                    planned_s = 60.0 * float(found[2] or 0) + float(found[3] or 0)
                    timers += self.harm_in(found[1], planned_s, process, phase, parts)
        code = process.wait()
        for timer in timers:
            timer.cancel()
        if code not in (0, 3, -9):
            self.watch.broken.append(f"{' '.join(command[:2])} ended with {code}: {''.join(said[-3:])}")
        return bool(code == -9)

    def harm_in(
        self, entered: str, planned_s: float, process: psutil.Process, phase: str | None, parts: list[str]
    ) -> list[threading.Timer]:
        """Start timers that kill a part, and then the controller, at random moments of the phase ``entered``."""
        timers, part_s = [], 0.0
        if entered in SEARCHING and parts:
            part_s = self.rng.uniform(0.0, 0.5 * SHARE * planned_s)
            timers.append(threading.Timer(part_s, self.kill_part, (process, parts)))
        if entered == phase:
            moment_s = self.rng.uniform(part_s, SHARE * planned_s)
            timers.append(threading.Timer(moment_s, self.kill, (process, f"controller in {phase}")))
        for timer in timers:
            timer.start()
        return timers

    def kill_part(self, controller: psutil.Process, parts: list[str]) -> None:
        """Kill the first of ``parts`` as soon as it runs, and remove it from the list."""
        limit = time.monotonic() + FOUND_WITHIN_S
        while parts and controller.is_running() and time.monotonic() < limit:
            if (found := found_part(controller, parts[0])) is not None:
                self.kill(found, parts.pop(0))
                return
            time.sleep(0.2)

    def kill(self, process: psutil.Process, kind: str) -> None:
        """Kill and count; check that a running training has saved its state within the last minute."""
        ages = [time.time() - path.stat().st_mtime for path in (self.folder / STUDY / "prepared").glob("*.training")]
        with suppress(psutil.NoSuchProcess):
            process.kill()
            self.watch.harm[kind] += 1
            print(f"killed: {kind}, {len(self.watch.finished)} trials known to be finished", flush=True)
        if kind.startswith("controller") and ages:
            self.watch.oldest_training_s = max(self.watch.oldest_training_s, min(ages))
            if min(ages) > MOST_LOST_S:
                self.watch.broken.append(f"{kind}: the training was last kept {min(ages):.0f} s before")

    def show(self) -> dict[str, Any] | None:
        """Return the output of ``show --json --all``; None before there is a study."""
        if not (self.folder / STUDY / "problem.json").is_file():
            return None
        command = [*PROGRAM, "show", STUDY, "--json", "--all", "--studies-dir", str(self.folder)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            self.watch.broken.append(f"show ended with {done.returncode}: {done.stderr.strip()}")
            return None
        return dict(json.loads(done.stdout))

    def export(self) -> None:
        """Kill two exports and check what is left.

        Each must leave a whole export or none, and the next one must succeed and leave nothing beside it.
        """
        place = self.folder / "exports" / "model"
        command = [*PROGRAM, "export", STUDY, "-o", str(place), "--studies-dir", str(self.folder)]
        begun = time.monotonic()
        subprocess.run(command, check=True, capture_output=True)
        taken_s = time.monotonic() - begun
        for _ in range(2):
            process = psutil.Popen([*command, "--force"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            with suppress(psutil.TimeoutExpired):
                process.wait(self.rng.uniform(0.5, 1.0) * taken_s)
            if process.poll() is None:
                self.kill(process, "controller in export")
            process.wait()
            if place.exists() and not (place / MANIFEST).is_file():
                self.watch.broken.append("a killed export left half a folder")
        code = subprocess.run([*command, "--force"], check=False, capture_output=True).returncode
        if code or [path.name for path in place.parent.iterdir()] != ["model"]:
            self.watch.broken.append(f"the export after a killed one ended with {code} or left something beside it")


def found_part(controller: psutil.Process, part: str) -> psutil.Process | None:
    """Find the process of a part of Ray below the controller; the measuring worker runs on the last core."""
    measuring = list(split_cores(usable_cores(), 1).measuring)
    with suppress(psutil.NoSuchProcess):
        for process in controller.children(recursive=True):
            with suppress(psutil.NoSuchProcess, IndexError):
                name = process.cmdline()[0]
                if part == "raylet" and Path(name).name == "raylet":
                    return process
                if name.startswith("ray::_Worker"):
                    measures = process.cpu_affinity() == measuring
                    if part == ("measuring worker" if measures else "builder"):
                        return process
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--time-budget", default="2m")
    parser.add_argument("--long-budget", default="10m")
    parser.add_argument("--phases", default=",".join(PHASES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--model", nargs="?")
    for split in ("train", "validation", "test"):
        parser.add_argument(f"--{split}")
    parser.add_argument("--report", type=Path)
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="autocompress-soak-"))
    data = [f"--{split}={path}" for split in ("train", "validation", "test") if (path := vars(arguments)[split])]
    what = [*([arguments.model] if arguments.model else []), *data, f"--max-latency={LIMIT_MS:g}ms", f"--study={STUDY}"]
    report = arguments.report
    watch = Watch.of(json.loads(report.read_text())) if report is not None and report.is_file() else Watch()
    for number in range(watch.rounds, arguments.rounds):
        begun = time.monotonic()
        budget = arguments.time_budget if number else arguments.long_budget
        search = ["search", *what, f"--time-budget={budget}", f"--seed={number}"]
        place = folder / f"round-{number}"
        place.mkdir(parents=True, exist_ok=True)
        Round(search, place, random.Random(arguments.seed + number), watch).run(arguments.phases.split(","))
        print(f"round {number}: {sum(watch.harm.values())} kills, {watch.trials} trials, {watch.broken}", flush=True)
        watch.rounds, watch.seconds = number + 1, watch.seconds + time.monotonic() - begun
        if report is not None:
            write_json(report, watch.report())
    print(json.dumps(watch.report(), indent=2))
    sys.exit(1 if watch.broken else 0)


if __name__ == "__main__":
    main()
