"""Ray in a process of its own: where a part of Ray dies, Ray ends the process that uses it, and the search must live.

``HostedRay`` starts the process (``python -m autocompress.exploration.ray_host FD``, which is not for people) and tells
it through a socket what to do. Objects go through it pickled, between a process and its own child.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any, Self

from autocompress.errors import AutocompressError, MeasurementError
from autocompress.exploration.cores import pinned, split_cores, usable_cores
from autocompress.exploration.jobs import Evaluator, Finished, TrialRequest
from autocompress.exploration.ray_cluster import Resources
from autocompress.exploration.ray_executor import RayExecutor

HUNG_S = 60.0
CLOSING_S = 20.0
STARTS = 3


class HostedRay:
    """The executor of a search: a ``RayExecutor`` in a child process, started again if it ends.

    What was running there when it ended is told as a fault of the machine. On one machine this process stays off the
    measuring cores until ``close``. MeasurementError if Ray does not start in ``STARTS`` attempts.
    """

    def __init__(self, evaluator: Evaluator, resources: Resources) -> None:
        self._evaluator, self._resources = pickle.dumps(evaluator), _beside_running_ray(resources)
        self._cores = os.sched_getaffinity(0)
        self._jobs: dict[int, tuple[str, TrialRequest]] = {}
        self._ended: list[Finished] = []
        self._serial = 0
        self._exit = ExitStack()
        self._start()
        if self._resources.ray_address is None:
            self._exit.enter_context(pinned(split_cores(usable_cores(), resources.threads).building))

    def submit(self, step: str, request: TrialRequest) -> None:
        """Start a job in a free slot of its kind."""
        if not self._asked("submit", step, request):
            self._start()
            if not self._asked("submit", step, request):
                raise MeasurementError("Ray must run, but ended twice in a row; check memory and disk, then resume")
        self._jobs[request.number] = step, request

    def wait(self, timeout_s: float) -> list[Finished]:
        """The jobs that ended, as soon as there is one; none after ``timeout_s``."""
        if not self._ended and self._jobs:
            self._asked("wait", timeout_s, patience_s=timeout_s + HUNG_S)
        ended, self._ended = self._ended, []
        for job in ended:
            self._jobs.pop(job.request.number, None)
        return ended

    def cancel(self, number: int) -> None:
        """End the job of trial ``number`` at once by ending its actor."""
        self._jobs.pop(number, None)
        self._ended = [job for job in self._ended if job.request.number != number]
        self._asked("cancel", number)

    def close(self) -> None:
        """End the process with all that it started, and the pinning."""
        self._jobs.clear()
        self._stop()
        self._exit.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _start(self) -> None:
        for _ in range(STARTS):
            reason = self._started()
            if reason is None:
                return
        raise MeasurementError(
            f"Ray must start, but did not in {STARTS} attempts, the last time since {reason}; check memory and disk"
        )

    def _started(self) -> str | None:
        """Start the process, and the reason if Ray does not come up in it; what the user must change is raised."""
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", __spec__.name, str(theirs.fileno())]
            private = {} if self._resources.ray_address else {"RAY_AUTH_MODE": "token"}
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env={**os.environ, **private})
        self._connection = Connection(ours.detach())
        self._connection.send((self._cores, self._evaluator, self._resources))
        try:
            answer = self._connection.recv()
        except (EOFError, OSError):
            self._stop()
            return f"its process ended with exit code {self._process.returncode}"
        if isinstance(answer, AutocompressError):
            self._stop()
            raise answer
        if isinstance(answer, str):
            self._stop()
            return answer
        self.builders, self.window = answer
        return None

    def _asked(self, name: str, *arguments: Any, patience_s: float = HUNG_S) -> bool:
        """Have the executor's method called; False if its process has ended.

        An answer to an earlier question, whose asking was interrupted, may come first. Jobs in answers are kept, errors
        raised.
        """
        self._serial += 1
        try:
            self._connection.send((self._serial, name, arguments))
            serial = 0
            while serial < self._serial and self._connection.poll(patience_s):
                serial, answer, self.builders, self.window = self._connection.recv()
                if isinstance(answer, AutocompressError):
                    raise answer
                self._ended += answer or []
            if serial == self._serial:
                return True
        except (EOFError, OSError):
            pass
        self._lose()
        return False

    def _lose(self) -> None:
        """The process has ended or hangs: what it was doing is lost."""
        self._stop(at_once=True)
        known = {job.request.number for job in self._ended}
        fault = f"Ray ended with exit code {self._process.returncode}"
        self._ended += [
            Finished(job, step, fault=fault) for number, (step, job) in self._jobs.items() if number not in known
        ]

    def _stop(self, at_once: bool = False) -> None:
        self._connection.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(0.0 if at_once else CLOSING_S)
        self._process.kill()
        self._process.wait()


def _beside_running_ray(resources: Resources) -> Resources:
    """With the address of the Ray that this process uses already, if it does and no other is named."""
    ray = sys.modules.get("ray")
    if resources.ray_address is not None or ray is None or not ray.is_initialized():
        return resources
    return replace(resources, ray_address=ray.get_runtime_context().gcs_address)


def serve(connection: Connection) -> None:
    """Do what the other end of the connection asks, until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cores, evaluator, resources = connection.recv()
    os.sched_setaffinity(0, cores)
    try:
        executor = RayExecutor(evaluator, resources)
    except AutocompressError as error:
        connection.send(error)
        return
    except Exception as error:  # Ray has no class of its own for a start that fails
        connection.send(" ".join(str(error).split()) or type(error).__name__)
        return
    methods: dict[str, Callable[..., Any]] = {
        "submit": executor.submit,
        "wait": executor.wait,
        "cancel": executor.cancel,
    }
    with executor, suppress(EOFError, OSError):
        connection.send((executor.builders, executor.window))
        while True:
            serial, name, arguments = connection.recv()
            try:
                answer = methods[name](*arguments)
            except AutocompressError as error:
                answer = error
            connection.send((serial, answer, executor.builders, executor.window))


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
