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
import sys
import tempfile
import time
from pathlib import Path

from soak_checks import LIMIT_MS, Findings
from soak_round import STUDY, Round

from autocompress.system.files import write_json

PHASES = ("teacher", "baselines", "super-network", "search", "refine", "verify")
SPLITS = ("train", "validation", "test")


def main() -> None:
    arguments = parsed_arguments()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="autocompress-soak-"))
    report, phases = arguments.report, arguments.phases.split(",")
    findings = Findings.of(json.loads(report.read_text())) if report is not None and report.is_file() else Findings()
    for number in range(findings.rounds, arguments.rounds):
        begun = time.monotonic()
        place = folder / f"round-{number}"
        place.mkdir(parents=True, exist_ok=True)
        Round(search_command(arguments, number), place, random.Random(arguments.seed + number), findings).run(phases)
        kills = sum(findings.harm.values())
        print(f"round {number}: {kills} kills, {findings.trials} trials, {findings.broken}", flush=True)
        findings.rounds, findings.seconds = number + 1, findings.seconds + time.monotonic() - begun
        if report is not None:
            write_json(report, findings.report())
    print(json.dumps(findings.report(), indent=2))
    sys.exit(1 if findings.broken else 0)


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--time-budget", default="2m")
    parser.add_argument("--long-budget", default="10m")
    parser.add_argument("--phases", default=",".join(PHASES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--model", nargs="?")
    for split in SPLITS:
        parser.add_argument(f"--{split}")
    parser.add_argument("--report", type=Path)
    return parser.parse_args()


def search_command(arguments: argparse.Namespace, number: int) -> list[str]:
    """Return the arguments of the program that begin the search of a round."""
    model = [arguments.model] if arguments.model else []
    data = [f"--{split}={path}" for split in SPLITS if (path := vars(arguments)[split])]
    budget = arguments.time_budget if number else arguments.long_budget
    asked = [f"--max-latency={LIMIT_MS:g}ms", f"--study={STUDY}", f"--time-budget={budget}", f"--seed={number}"]
    return ["search", *model, *data, *asked]


if __name__ == "__main__":
    main()
