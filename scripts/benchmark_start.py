"""Time the commands that only read: how long a user waits for ``autocompress studies`` and ``show``.

Each command runs in a process of its own, in turn with the others, ``--runs`` times after one run that fills the disk
cache; the least, the median and the greatest wall-clock and CPU seconds (user and system) are printed as a table.
Without ``--studies-dir`` the small study among the tests is shown:

    python scripts/benchmark_start.py
    python scripts/benchmark_start.py --studies-dir studies --study demo --runs 20
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

STUDIES = Path(__file__).parents[1] / "tests" / "report" / "finished_study" / "studies"


def main() -> None:
    arguments = _arguments()
    place = ("--studies-dir", str(arguments.studies_dir))
    commands = [
        ("--version",),
        ("search", "--help"),
        ("studies", *place),
        ("show", arguments.study, *place),
        ("show", arguments.study, "--json", *place),
    ]
    taken: dict[tuple[str, ...], list[tuple[float, float]]] = {command: [] for command in commands}
    for run in range(arguments.runs + 1):
        for command in commands:
            seconds = _run(arguments.python, command)
            if run > 0:
                taken[command].append(seconds)
    print(f"{arguments.runs} runs each, {os.cpu_count()} cores; seconds: least, median, greatest\n")
    print("| command | wall clock | CPU |\n|---|---:|---:|")
    for command, pairs in taken.items():
        shown = " ".join(word for word in command if word not in place)
        print(f"| autocompress {shown} | {' | '.join(_spread(column) for column in zip(*pairs, strict=True))} |")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies-dir", type=Path, default=STUDIES)
    parser.add_argument("--study", default="whole")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--python", default=sys.executable, help="interpreter with autocompress, for a comparison")
    return parser.parse_args()


def _run(python: str, command: tuple[str, ...]) -> tuple[float, float]:
    """Wall-clock and CPU seconds of one process."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([python, "-m", "autocompress", *command], check=True, stdout=subprocess.DEVNULL)
    wall_s, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _spread(seconds: tuple[float, ...]) -> str:
    return f"{min(seconds):.2f}, {statistics.median(seconds):.2f}, {max(seconds):.2f}"


if __name__ == "__main__":
    main()
