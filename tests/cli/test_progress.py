"""Events as lines where nobody watches, and as a bar on a terminal."""

import io
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from autocompress.cli import progress as drawn
from autocompress.system.events import Event

EVENTS = [
    Event("phase", "teacher: up to 3 min [of 15]"),
    *(Event("progress", "fine-tuning", step / 100, 100.0 - step) for step in range(100)),
    Event("note", "5 of 6,000 rows cut at 64 tokens"),
    Event("trial", "trial 0: accuracy 0.900"),
]


def told(terminal: bool, events: list[Event]) -> str:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=100, color_system=None)
    with drawn.progress(console) as listener:
        for event in events:
            listener(event)
    return stream.getvalue()


def test_lines_are_plain_and_progress_is_rare():
    lines = told(False, EVENTS).splitlines()
    assert lines == ["teacher: up to 3 min [of 15]", "5 of 6,000 rows cut at 64 tokens", "trial 0: accuracy 0.900"]


def test_progress_is_told_once_it_is_due(monkeypatch: pytest.MonkeyPatch):
    now = iter(range(0, 10_000, 3))
    monkeypatch.setattr(drawn.time, "monotonic", lambda: float(next(now)))
    lines = [line for line in told(False, EVENTS).splitlines() if line.startswith("fine-tuning")]
    assert 10 <= len(lines) <= 40 and lines[0].endswith("s left") and "%, " in lines[0]


def test_a_terminal_has_a_bar_and_keeps_the_lines():
    text = told(True, EVENTS)
    assert "fine-tuning" in text
    for message in ("teacher: up to 3 min [of 15]", "5 of 6,000 rows cut", "trial 0: accuracy 0.900"):
        assert message in text


SLOW_TO_END = """
import signal, sys, time
from pathlib import Path
from autocompress.cli.progress import InterruptedRunError, interruptible
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    with interruptible("s", Path(sys.argv[1])):
        try:
            print("running", flush=True)
            time.sleep(60)
        finally:
            print("ending", flush=True)
            time.sleep(float(sys.argv[2]))
except InterruptedRunError as error:
    print(error, flush=True)
    sys.exit(error.exit_code)
"""


@pytest.mark.parametrize(("seconds", "again"), [(0.0, False), (60.0, True)])
def test_the_second_ctrl_c_ends_the_process_at_once(tmp_path: Path, seconds: float, again: bool):
    (tmp_path / "s").mkdir()
    command = [sys.executable, "-c", SLOW_TO_END, str(tmp_path), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "running\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "ending\n"
        if again:
            process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        out, errors = process.stdout.read(), process.stderr.read()  # communicate() would miss what readline() buffered
    assert process.returncode == 130 and "Traceback" not in errors
    assert ("stopped at once" in errors) == again and ("interrupted" in out) == (not again)
    assert "autocompress resume s" in out + errors
