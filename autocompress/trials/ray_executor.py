"""Run jobs on Ray actors: builders on some cores, and one measuring actor in the exclusive slot ``latency_bench``."""

from __future__ import annotations

import os
import pickle
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from autocompress.hardware.cores import Cores, pin, pinned, split_cores, usable_cores
from autocompress.study.results import TrialResult
from autocompress.system.child_processes import refuse_import_error
from autocompress.system.errors import AutocompressError, BrokenInstallationError
from autocompress.trials.jobs import BUILD, MEASURE, Evaluator, Finished, TrialRequest, run_job
from autocompress.trials.ray_cluster import SLOT, Resources
from autocompress.trials.ray_start import bench_nodes, cluster_cores, join, start_private

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 8.0
_LOOK_EVERY_S = 5.0
_START_WITHIN_S, _JOIN_WITHIN_S = 60.0, 15.0


class _Worker:
    """The Ray actor: it holds the evaluator and runs one job at a time on its cores."""

    def __init__(
        self, evaluator: bytes, step: str, current: str, threads: int, cores: Cores | None, bench_nodes: list[str]
    ):
        with suppress(OSError):  # a node of a cluster may not have it
            os.chdir(current)
        self._evaluator: Evaluator = pickle.loads(evaluator)  # noqa: S301 - made by the search itself
        if cores is None:
            cores = split_cores(os.sched_getaffinity(0), threads)
            if step == BUILD and ray.get_runtime_context().get_node_id() not in bench_nodes:
                return
        pin(cores.measuring if step == MEASURE else cores.building)

    def lives(self) -> bool:
        """Return True: an answer shows that the worker is up."""
        return True

    def run(self, step: str, request: TrialRequest) -> TrialResult | None:
        """Run one job of a trial (``run_job``)."""
        return run_job(self._evaluator, step, request)


@dataclass
class _Slot:
    """A place for one actor; an actor that died is started again when it is needed."""

    step: str
    actor: Any = None
    started: float = inf
    lives: Any = None
    request: TrialRequest | None = None
    submitted: float = inf
    reference: Any = None


class RayExecutor:
    """Runs the jobs of a search on Ray; close it, or use it as a context manager, to stop what it started.

    ``evaluator`` is an ``Evaluator`` pickled here: only the workers need what it imports. Ray's files go to ``folder``.

    If this process is killed, Ray ends its actors, and a private Ray ends with it. On one machine the process itself
    and its builders stay off the measuring cores until ``close``. In a cluster ``builders`` and ``window`` follow the
    nodes that it loses and gains; InputError once none offers the measuring slot any more.
    """

    def __init__(self, evaluator: bytes, resources: Resources, folder: Path) -> None:
        self._resources, self._folder = resources, folder
        self._exit = ExitStack()
        self._cores: Cores | None = None
        self._faults_in_a_row = 0
        self._joined = False
        self._next_look = 0.0
        self._bench_nodes: list[str] = []
        self._slots = [_Slot(MEASURE)]
        self._ended: list[Finished] = []
        try:
            self._start()
            self._evaluator = ray.put(evaluator)
        except BaseException:
            self.close()
            raise
        self._slots += [_Slot(BUILD) for _ in range(self.builders)]
        for slot in self._slots:
            self._start_actor(slot)

    def wait_for_workers(self) -> None:
        """Wait until all workers are up or have failed; BrokenInstallationError if one cannot import the evaluator.

        In a cluster it waits less long, because others may be using it.
        """
        lives = [slot.lives for slot in self._slots]
        ready, _ = ray.wait(lives, num_returns=len(lives), timeout=_JOIN_WITHIN_S if self._joined else _START_WITHIN_S)
        for reference in ready:
            try:
                ray.get(reference)
            except RayError as error:
                refuse_import_error(str(error))

    def submit(self, step: str, request: TrialRequest) -> None:
        """Start a job in a free slot of its kind."""
        slot = next(slot for slot in self._slots if slot.step == step and slot.request is None)
        slot.submitted = time.monotonic()
        self._run(slot, request)

    def wait(self, timeout_s: float) -> list[Finished]:
        """Return the jobs that ended as soon as there is one; none after ``timeout_s`` seconds."""
        if self._joined and time.monotonic() >= self._next_look:
            self._follow_cluster()
        busy = {slot.reference: slot for slot in self._slots if slot.request is not None}
        if busy and not self._ended:
            ready, _ = ray.wait(list(busy), num_returns=1, timeout=min(timeout_s, _LOOK_EVERY_S))
            finished = [self._finish(busy[reference]) for reference in ready]
            self._ended = [job for job in finished if job is not None]
        ended, self._ended = self._ended, []
        return ended

    def cancel(self, number: int) -> None:
        """End the job of trial ``number`` at once by ending its actor."""
        for slot in self._slots:
            if slot.request is not None and slot.request.number == number:
                self._drop(slot)

    def close(self) -> None:
        """End the actors, a Ray that was started here, and the pinning to cores."""
        for slot in self._slots:
            self._drop(slot)
        self._exit.close()

    def __enter__(self) -> RayExecutor:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _start(self) -> None:
        threads, workers = self._resources.threads, self._resources.workers
        if self._resources.ray_address is not None or ray.is_initialized():
            if not ray.is_initialized():
                self._exit.callback(ray.shutdown)
                join(self._resources, self._folder)
            self._joined = True
            self._look()
            return
        cores = self._cores = split_cores(usable_cores(), threads)
        self.builders = (workers or len(cores.building)) if cores.apart else 1
        self.window = 2 * self.builders if cores.apart else 1
        self._exit.enter_context(pinned(cores.building))
        self._exit.callback(ray.shutdown)
        start_private(self.builders, self._folder)

    def _look(self) -> None:
        self._next_look = time.monotonic() + _LOOK_EVERY_S
        self._bench_nodes = bench_nodes()
        cores = max(1, cluster_cores() - self._resources.threads)
        self.builders = min(self._resources.workers or cores, cores)
        self.window = 2 * self.builders

    def _follow_cluster(self) -> None:
        """Follow the cluster's cores: if one is gone, Ray would let the builder started last wait for ever."""
        self._look()
        builders = sorted((slot for slot in self._slots if slot.step == BUILD), key=lambda slot: slot.started)
        for slot in builders[self.builders :]:
            if slot.request is not None:
                self._ended.append(Finished(slot.request, slot.step, fault="the cluster lost the core it needs"))
            self._drop(slot)
            self._slots.remove(slot)
        self._slots += [_Slot(BUILD) for _ in range(self.builders - len(builders))]

    def _start_actor(self, slot: _Slot) -> None:
        """Start the slot's actor; after faults wait first, because Ray notices a lost node only after some seconds."""
        if self._faults_in_a_row:
            time.sleep(min(_FIRST_PAUSE_S * 2**self._faults_in_a_row, _LONGEST_PAUSE_S))
        options: dict[str, Any] = {"max_restarts": 0, "max_task_retries": 0}
        options |= {"num_cpus": 0, "resources": {SLOT: 1}} if slot.step == MEASURE else {"num_cpus": 1}
        actor_class = ray.remote(**options)(_Worker)
        where = _current_folder(), self._resources.threads, self._cores, self._bench_nodes
        slot.actor, slot.started = actor_class.remote(self._evaluator, slot.step, *where), time.monotonic()
        slot.lives = slot.actor.lives.remote()

    def _run(self, slot: _Slot, request: TrialRequest) -> None:
        if slot.actor is None:
            self._start_actor(slot)
        slot.request, slot.reference = request, slot.actor.run.remote(slot.step, request)

    def _finish(self, slot: _Slot) -> Finished | None:
        request, step, reference = slot.request, slot.step, slot.reference
        assert request is not None
        slot.request = slot.reference = None
        try:
            result = ray.get(reference)
            self._faults_in_a_row = 0
            return Finished(request, step, result=result)
        except RayTaskError as error:
            cause = error.cause if isinstance(error.cause, BaseException) else error
            if isinstance(cause, AutocompressError):
                return Finished(request, step, error=cause)
            return self._faulty(slot, request, step, cause)
        except RayError as error:
            try:
                refuse_import_error(str(error))
            except BrokenInstallationError as broken:
                return Finished(request, step, error=broken)
            begun = _has_lived(slot) or time.monotonic() > slot.submitted + _START_WITHIN_S
            ended = self._faulty(slot, request, step, error)
            if begun:
                return ended
            self._run(slot, request)
            return None

    def _faulty(self, slot: _Slot, request: TrialRequest, step: str, error: BaseException) -> Finished:
        self._drop(slot)
        self._faults_in_a_row += 1
        return Finished(request, step, fault=_fault(error))

    def _drop(self, slot: _Slot) -> None:
        if slot.actor is not None:
            with suppress(Exception):
                ray.kill(slot.actor)
        slot.actor = slot.reference = slot.request = None
        slot.started = inf


def _has_lived(slot: _Slot) -> bool:
    """Return whether the slot's actor came up, or failed in its own constructor."""
    if not ray.wait([slot.lives], timeout=0)[0]:
        return False
    try:
        return bool(ray.get(slot.lives))
    except RayActorError as error:
        return error.actor_init_failed
    except RayError:
        return False


def _current_folder() -> str:
    """Return the current folder, or the root if it was removed."""
    try:
        return str(Path.cwd())
    except OSError:
        return os.sep


def _fault(error: BaseException) -> str:
    """Describe an error in one line: the last one of a remote traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1] if lines else 'no message'}"
