"""A machine whose clock, counters and core speed are set by the test, and models that run on it."""

from types import SimpleNamespace

import numpy as np
import pytest

from autocompress.hardware.counters import Reading
from autocompress.measurement import interference, loop

REQUESTS = [{"input_ids": np.full((1, 1), i)} for i in range(10)]


class ScriptedMachine:
    """Replaces the clock, the counters and the core speed that timing reads; a test sets and moves them.

    ``share`` is the part of a request's time that is spent on the processor, ``slow`` the seconds of the speed probe,
    whose fastest is one. ``seen`` are the names and indices of the requests served so far.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.now_ns = 0
        self.cpu_ns = 0.0
        self.stolen = 0.0
        self.share = 1.0
        self.switches = 0
        self.khz = 3e6
        self.microjoules = 0
        self.slow = 1.0
        self.core_speed = SimpleNamespace(fastest_s=1.0, probe_s=lambda: self.slow)
        self.seen = []
        clock = SimpleNamespace(
            perf_counter=lambda: self.now_ns / 1e9,
            perf_counter_ns=lambda: self.now_ns,
        )
        monkeypatch.setattr(loop, "time", clock)
        monkeypatch.setattr(interference, "time", clock)
        monkeypatch.setattr(interference, "read_conditions", self.reading)
        monkeypatch.setattr(loop, "CoreSpeed", lambda: self.core_speed)

    def reading(self):
        return Reading(
            self.now_ns,
            int(self.cpu_ns),
            self.switches,
            {"cpu0": 0.0, "cpu1": self.stolen},
            {"cpu0": 3e6, "cpu1": self.khz},
            {"package": (self.microjoules, 2**32)},
        )

    def run(self, name="model", milliseconds=1.0, share=None):
        """A model whose request ``i`` takes ``milliseconds * (1 + i)``; ``share`` may depend on the requests served."""

        def answer(request):
            index = int(request["input_ids"][0, 0])
            self.seen.append((name, index))
            taken = int(milliseconds * (1 + index) * 1e6)
            self.now_ns += taken
            self.cpu_ns += taken * (self.share if share is None else share(len(self.seen)))

        return answer
