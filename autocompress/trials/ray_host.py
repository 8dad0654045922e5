"""Run Ray in a child process: when a part of Ray dies, Ray ends the process that uses it, which must not be the search.

``HostedRay`` starts the process (``python -m autocompress.trials.ray_host FD``, not meant for users) and sends it
commands through a socket, as pickled objects between a process and its own child. Only the child imports Ray.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

from autocompress.hardware.cores import pinned, split_cores, usable_cores
from autocompress.system.child_processes import last_line, module_command, refuse_import_error
from autocompress.system.errors import AutocompressError, MeasurementError
from autocompress.trials.jobs import Evaluator, Finished, TrialRequest
from autocompress.trials.ray_cluster import Resources, check_cluster
from autocompress.trials.ray_place import ray_environment, ray_folder

if TYPE_CHECKING:
    from autocompress.trials.ray_executor import RayExecutor

HUNG_S = 60.0
UP_WITHIN_S = 180.0
CLOSING_S = 20.0
STARTS = 3


class HostedRay:
    """The executor of searches: a ``RayExecutor`` in a child process, started again if it ends.

    The process starts at once in the background; ``wait_ready`` waits for it, as do ``builders``, ``window`` and all
    that needs a running Ray. Jobs that were running when the process ended count as faults of the machine. Several
    searches may use it one after the other, each within ``pinned``. Raises InputError for too few cores or an address
    that nobody answers.
    """

    def __init__(self, evaluator: Evaluator, resources: Resources) -> None:
        check_cluster(resources)
        self._evaluator, self._resources = pickle.dumps(evaluator), _beside_running_ray(resources)
        self._cores = os.sched_getaffinity(0)
        self._jobs: dict[int, tuple[str, TrialRequest]] = {}
        self._ended: list[Finished] = []
        self._serial = 0
        self._size: tuple[int, int] | None = None
        self._exit = ExitStack()
        self._folder = self._exit.enter_context(ray_folder())
        self._begin()

    @property
    def builders(self) -> int:
        """How many builds run at a time."""
        return self._sizes()[0]

    @property
    def window(self) -> int:
        """How many trials are in flight."""
        return self._sizes()[1]

    def ready(self) -> bool:
        """Return whether ``wait_ready`` would return, or raise, at once."""
        return self._size is not None or self._connection.closed or self._connection.poll()

    def wait_ready(self) -> None:
        """Wait until Ray is up and its workers have imported what they need; start a Ray that has ended again.

        Raises InputError or BrokenInstallationError where the user must change something, MeasurementError if Ray does
        not start in ``STARTS`` attempts.
        """
        if self._size is not None and self._process.poll() is not None:
            self._lose()
        if self._size is None:
            self._come_up()

    @contextmanager
    def pinned(self) -> Iterator[Self]:
        """Hold Ray ready for one search, and on one machine keep this process off the measuring cores.

        Jobs that an earlier search left are ended first.
        """
        self.wait_ready()
        for number in list(self._jobs):
            self.cancel(number)
        self._ended.clear()
        with ExitStack() as stack:
            if self._resources.ray_address is None:
                cores = split_cores(usable_cores(), self._resources.threads)
                stack.enter_context(pinned(cores.building))
            yield self

    def submit(self, step: str, request: TrialRequest) -> None:
        """Start a job in a free slot of its kind."""
        for _ in range(2):
            self.wait_ready()
            if self._asked("submit", step, request):
                break
        else:
            raise MeasurementError(
                f"Ray must run, but ended twice in a row, the last time with {self._ending()}; resume when the machine "
                "has memory and disk space left"
            )
        self._jobs[request.number] = step, request

    def wait(self, timeout_s: float) -> list[Finished]:
        """Return the jobs that ended as soon as there is one; none after ``timeout_s`` seconds."""
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
        """End the process and all that it started; at once if Ray is not up yet."""
        self._jobs.clear()
        self._stop(at_once=self._size is None)
        self._exit.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _sizes(self) -> tuple[int, int]:
        if self._size is None:
            self._come_up()
        assert self._size is not None
        return self._size

    def _begin(self) -> None:
        """Start the child process."""
        ours, theirs = socket.socketpair()
        with theirs, self._log.open("wb") as log:
            self._process = subprocess.Popen(
                module_command(__spec__.name, str(theirs.fileno())),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=ray_environment(self._folder, self._resources.ray_address is None),
            )
        self._connection = Connection(ours.detach())
        with suppress(OSError):
            self._connection.send((self._cores, self._evaluator, self._resources, self._folder))

    def _come_up(self) -> None:
        for _ in range(STARTS):
            if self._connection.closed:
                self._begin()
            reason = self._came_up()
            if reason is None:
                return
            self._stop(at_once=True)
        raise MeasurementError(f"Ray must start, but did not in {STARTS} attempts, the last time since {reason}")

    def _came_up(self) -> str | None:
        """Wait for the child's answer; return why Ray did not come up, or None; raise errors that end the search."""
        try:
            if not self._connection.poll(UP_WITHIN_S):
                return f"it was not up after {UP_WITHIN_S:.0f} s"
            answer = self._connection.recv()
        except (EOFError, OSError):
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(CLOSING_S)
            refuse_import_error(last_line(self._log))
            return f"its process ended with {self._ending()}"
        if isinstance(answer, AutocompressError):
            raise answer
        if isinstance(answer, str):
            return answer
        self._size = answer
        return None

    @property
    def _log(self) -> Path:
        return self._folder / "host.log"

    def _ending(self) -> str:
        said = last_line(self._log)
        return f"exit code {self._process.returncode}" + (f" ({said})" if said else "")

    def _asked(self, name: str, *arguments: Any, patience_s: float = HUNG_S) -> bool:
        """Call a method of the child's executor; return False if the child has ended.

        The answer to an earlier, interrupted call may come first. Ended jobs in an answer are kept, errors raised.
        """
        if self._size is None:
            return False
        self._serial += 1
        try:
            self._connection.send((self._serial, name, arguments))
            serial = 0
            while serial < self._serial and self._connection.poll(patience_s):
                serial, answer, self._size = self._connection.recv()
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
        """Stop a child that has ended or hangs, and end its jobs as faults of the machine."""
        self._stop(at_once=True)
        self._size = None
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
    """Return the resources with the address of the Ray that this process uses already, if no other is given."""
    ray = sys.modules.get("ray")
    if resources.ray_address is not None or ray is None or not ray.is_initialized():
        return resources
    return replace(resources, ray_address=ray.get_runtime_context().gcs_address)


def serve(connection: Connection) -> None:
    """Answer the calls from the other end of the connection until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from autocompress.trials.ray_executor import RayExecutor

    cores, evaluator, resources, folder = connection.recv()
    os.sched_setaffinity(0, cores)
    with ExitStack() as stack, suppress(EOFError, OSError):
        try:
            executor = stack.enter_context(RayExecutor(evaluator, resources, folder))
            executor.wait_for_workers()
        except AutocompressError as error:
            connection.send(error)
            return
        except Exception as error:  # Ray has no class of its own for a start that fails
            connection.send(" ".join(str(error).split()) or type(error).__name__)
            return
        connection.send((executor.builders, executor.window))
        _answer(connection, executor)


def _answer(connection: Connection, executor: RayExecutor) -> NoReturn:
    """Call the methods that are asked for and send what they return or raise.

    Raises EOFError or OSError once the other end is closed.
    """
    methods: dict[str, Callable[..., Any]] = {
        "submit": executor.submit,
        "wait": executor.wait,
        "cancel": executor.cancel,
    }
    while True:
        serial, name, arguments = connection.recv()
        try:
            answer = methods[name](*arguments)
        except AutocompressError as error:
            answer = error
        connection.send((serial, answer, (executor.builders, executor.window)))


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
