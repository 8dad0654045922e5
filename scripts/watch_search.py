"""Run `autocompress search`, report its time and memory, and check every file of its front.

    python scripts/watch_search.py --max-latency 20ms
    python scripts/watch_search.py --train DATA/train.csv --validation DATA/validation.csv --test DATA/test.csv \\
        --time-budget 10m --study ag_news

All arguments are passed to the search. Memory is the sum of the proportional set sizes (shared pages are counted once)
of the program and every process it started, read every two seconds. Afterwards scripts/verify_front.py exports every
point of the front and evaluates it again. Linux only.
"""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).parent
PROGRAM = [sys.executable, "-m", "autocompress"]
EVERY_S = 2.0


def main() -> None:
    arguments = sys.argv[1:]
    if "--study" not in arguments:
        arguments += ["--study", f"watched-{time.strftime('%Y%m%d-%H%M%S')}"]
    place = arguments.index("--studies-dir") if "--studies-dir" in arguments else len(arguments)
    study = [arguments[arguments.index("--study") + 1], *arguments[place : place + 2]]
    begun = time.monotonic()
    process = subprocess.Popen([*PROGRAM, "search", *arguments])
    watch = MemoryWatch(process.pid)
    code = process.wait()
    seconds = time.monotonic() - begun
    print(f"exit code {code} after {seconds:.0f} s; peak memory {watch.stop() / 2**30:.2f} GiB", flush=True)
    if code == 0:
        print(f"trials: {trials(study)}", flush=True)
        code = subprocess.run([sys.executable, str(HERE / "verify_front.py"), *study], check=False).returncode
    sys.exit(code)


def trials(study: list[str]) -> str:
    """Count the trials by state; ``study`` holds the arguments that name the study."""
    shown = subprocess.run([*PROGRAM, "show", *study, "--json"], check=True, capture_output=True, text=True)
    return ", ".join(f"{count} {state}" for state, count in json.loads(shown.stdout)["trials"].items() if count)


class MemoryWatch:
    """Tracks the peak memory of a process and its descendants, also those that left its process group."""

    def __init__(self, pid: int) -> None:
        self._pid, self._peak, self._done = pid, 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """Stop, and return the largest sum seen, in bytes."""
        self._done.set()
        self._thread.join()
        return self._peak

    def _watch(self) -> None:
        while not self._done.wait(EVERY_S):
            self._peak = max(self._peak, sum(proportional_bytes(pid) for pid in descendants(self._pid)))


def descendants(root: int) -> set[int]:
    """Return ``root`` and every process below it."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                status = (folder / "stat").read_text()
            except OSError:
                continue
            parents[int(folder.name)] = int(status.rpartition(")")[2].split()[1])
    found = {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def proportional_bytes(pid: int) -> int:
    """Return the proportional set size of a process in bytes; 0 once it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


if __name__ == "__main__":
    main()
