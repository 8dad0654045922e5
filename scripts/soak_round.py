"""Runs one search for soak.py, and kills its controller and the parts of Ray below it."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from soak_checks import Findings

from autocompress.hardware.cores import split_cores, usable_cores
from autocompress.report.manifest import MANIFEST

PROGRAM = [sys.executable, "-m", "autocompress"]
STUDY = "soak"
PARTS = ("builder", "measuring worker", "raylet")
SEARCHING = ("search", "refine")
SHARE = 0.7
"""A kill comes within this share of a phase's planned time, because a phase may need less."""
FOUND_WITHIN_S = 20.0
"""How long a part of Ray is waited for."""
MOST_LOST_S = 60.0
"""The longest training that a kill may lose."""
ENDED = re.compile(r"^trial (\d+)(?: failed)?: \S+ ")
HEADING = re.compile(r"^(\S+): (?:(\d+) min ?)?(?:([\d.]+) s)? ?planned")


@dataclass
class Round:
    """Runs one search in a folder of its own, kills it and its parts, and adds to the ``findings``.

    ``search`` are the arguments of the program that begin the search.
    """

    search: list[str]
    folder: Path
    rng: random.Random
    findings: Findings

    def run(self, phases: list[str]) -> None:
        """Kill the controller once in each of ``phases``, and a part of Ray during each search."""
        parts, command = list(PARTS), self.search
        for phase in [*phases, None]:
            killed = self.harmed(command, phase, parts)
            shown = self.show()
            if shown is not None:
                self.findings.check(shown)
                command = ["resume", STUDY]
            if phase is None and not killed and shown is not None:
                self.findings.check_end(shown)
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
                    self.findings.printed.add(int(ended[1]))
                if (found := HEADING.match(line)) is not None:
                    planned_s = 60.0 * float(found[2] or 0) + float(found[3] or 0)
                    timers += self.harm_in(found[1], planned_s, process, phase, parts)
        code = process.wait()
        for timer in timers:
            timer.cancel()
        if code not in (0, 3, -9):
            self.findings.broken.append(f"{' '.join(command[:2])} ended with {code}: {''.join(said[-3:])}")
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
            self.findings.harm[kind] += 1
            print(f"killed: {kind}, {len(self.findings.finished)} trials known to be finished", flush=True)
        if kind.startswith("controller") and ages:
            self.findings.oldest_training_s = max(self.findings.oldest_training_s, min(ages))
            if min(ages) > MOST_LOST_S:
                self.findings.broken.append(f"{kind}: the training was last kept {min(ages):.0f} s before")

    def show(self) -> dict[str, Any] | None:
        """Return the output of ``show --json --all``; None before there is a study."""
        if not (self.folder / STUDY / "problem.json").is_file():
            return None
        command = [*PROGRAM, "show", STUDY, "--json", "--all", "--studies-dir", str(self.folder)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            self.findings.broken.append(f"show ended with {done.returncode}: {done.stderr.strip()}")
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
                self.findings.broken.append("a killed export left half a folder")
        code = subprocess.run([*command, "--force"], check=False, capture_output=True).returncode
        if code or [path.name for path in place.parent.iterdir()] != ["model"]:
            self.findings.broken.append(f"the export after a killed one ended with {code} or left something beside it")


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
