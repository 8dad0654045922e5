"""Jobs on Ray actors: builders on some cores, one measuring actor in the exclusive slot ``latency_bench``."""

from __future__ import annotations

import logging
import os
import secrets
import socket
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayError, RayTaskError

from autocompress.errors import AutocompressError, InputError
from autocompress.exploration.cores import Cores, pin, pinned, split_cores, usable_cores
from autocompress.exploration.jobs import BUILD, MEASURE, Evaluator, Finished, TrialRequest, run_job
from autocompress.figures import TrialResult

SLOT = "latency_bench"
_OBJECT_STORE_BYTES = 100 * 1024 * 1024
_CONNECT_TIMEOUT_S = 5.0
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "5",  # how long Ray's agents outlive a killed controller
}


@dataclass(frozen=True)
class Resources:
    """``threads`` cores for the measuring slot; ``workers`` builders (None: one per other core, at least one).

    ``ray_address`` joins a running cluster, one node of which offers ``latency_bench`` and all of which see the
    study's folder; None starts a private Ray on this machine. A cluster started with RAY_AUTH_MODE=disabled needs the
    same setting here.
    """

    threads: int = 1
    workers: int | None = None
    ray_address: str | None = None


class _Worker:
    """The actor: holds the evaluator and runs one job at a time on its cores."""

    def __init__(self, evaluator: Evaluator, step: str, threads: int, cores: Cores | None, bench_nodes: list[str]):
        self._evaluator = evaluator
        if cores is None:
            cores = split_cores(os.sched_getaffinity(0), threads)
            if step == BUILD and ray.get_runtime_context().get_node_id() not in bench_nodes:
                return
        pin(cores.measuring if step == MEASURE else cores.building)

    def run(self, step: str, request: TrialRequest) -> TrialResult | None:
        """Run one job of a trial."""
        return run_job(self._evaluator, step, request)


@dataclass
class _Slot:
    """A place for one actor, which is started when it is first needed and again after it died."""

    step: str
    actor: Any = None
    reference: Any = None
    request: TrialRequest | None = field(default=None)


class RayExecutor:
    """The executor of a search; close it, or leave it as a context manager, to stop what it started.

    If this process is killed, Ray ends its actors, and a private Ray ends with it. On one machine the process itself
    and its builders stay off the measuring cores until ``close``.
    """

    def __init__(self, evaluator: Evaluator, resources: Resources) -> None:
        self._resources = resources
        self._exit = ExitStack()
        self._cores: Cores | None = None
        self._bench_nodes: list[str] = []
        try:
            self._start()
            self._evaluator = ray.put(evaluator)
        except BaseException:
            self.close()
            raise
        self._slots = [_Slot(MEASURE), *(_Slot(BUILD) for _ in range(self.builders))]

    def submit(self, step: str, request: TrialRequest) -> None:
        """Start a job in a free slot of its kind."""
        slot = next(slot for slot in self._slots if slot.step == step and slot.request is None)
        if slot.actor is None:
            slot.actor = self._new_actor(step)
        slot.request = request
        slot.reference = slot.actor.run.remote(step, request)

    def wait(self, timeout_s: float) -> list[Finished]:
        """The jobs that ended, as soon as there is one; none after ``timeout_s``."""
        busy = {slot.reference: slot for slot in self._slots if slot.request is not None}
        if not busy:
            return []
        ready, _ = ray.wait(list(busy), num_returns=1, timeout=timeout_s)
        return [self._finish(busy[reference]) for reference in ready]

    def cancel(self, number: int) -> None:
        """End the job of trial ``number`` at once by ending its actor."""
        for slot in self._slots:
            if slot.request is not None and slot.request.number == number:
                self._drop(slot)

    def close(self) -> None:
        """End the actors, a Ray that was started here, and the pinning."""
        for slot in getattr(self, "_slots", []):
            self._drop(slot)
        self._exit.close()

    def __enter__(self) -> RayExecutor:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _start(self) -> None:
        threads, workers = self._resources.threads, self._resources.workers
        if self._resources.ray_address is not None or ray.is_initialized():
            self._join(self._resources.ray_address)
            self.builders = workers or max(1, _cluster_cores() - threads)
            self.window = self.builders + 1
            return
        cores = self._cores = split_cores(usable_cores(), threads)
        self.builders = (workers or len(cores.building)) if cores.apart else 1
        self.window = self.builders + 1 if cores.apart else 1
        self._exit.enter_context(pinned(cores.building))
        self._exit.callback(ray.shutdown)
        _start_local_ray(self.builders)

    def _join(self, address: str | None) -> None:
        if not ray.is_initialized() and address is not None:
            check_cluster(self._resources)
            _show_token()
            self._exit.callback(ray.shutdown)
            try:
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
            except (RayError, ConnectionError, RuntimeError, ValueError) as error:
                raise InputError(
                    f"--ray-address must be a running Ray cluster, but {address!r} does not answer "
                    f"({_first_line(error)}); start one: ray start --head"
                ) from error
        nodes = _alive_nodes()
        self._bench_nodes = [node["NodeID"] for node in nodes if node["Resources"].get(SLOT, 0) >= 1]
        if not self._bench_nodes:
            raise InputError(
                f"one node of the Ray cluster must offer the resource {SLOT!r}, but none of {len(nodes)} does; start "
                f"it with: ray start --resources='{{\"{SLOT}\": 1}}'"
            )

    def _new_actor(self, step: str) -> Any:
        options: dict[str, Any] = {"max_restarts": 0, "max_task_retries": 0}
        options |= {"num_cpus": 0, "resources": {SLOT: 1}} if step == MEASURE else {"num_cpus": 1}
        actor_class = ray.remote(**options)(_Worker)
        return actor_class.remote(self._evaluator, step, self._resources.threads, self._cores, self._bench_nodes)

    def _finish(self, slot: _Slot) -> Finished:
        request, step, reference = slot.request, slot.step, slot.reference
        assert request is not None
        slot.request = slot.reference = None
        try:
            return Finished(request, step, result=ray.get(reference))
        except RayTaskError as error:
            cause = error.cause if isinstance(error.cause, BaseException) else error
            if isinstance(cause, AutocompressError):
                return Finished(request, step, error=cause)
            self._drop(slot)
            return Finished(request, step, fault=_fault(cause))
        except (RayActorError, GetTimeoutError, RayError) as error:
            self._drop(slot)
            return Finished(request, step, fault=_fault(error))

    def _drop(self, slot: _Slot) -> None:
        if slot.actor is not None:
            with suppress(Exception):
                ray.kill(slot.actor)
        slot.actor = slot.reference = slot.request = None


def _alive_nodes() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def _cluster_cores() -> int:
    return sum(int(node["Resources"].get("CPU", 0)) for node in _alive_nodes())


def _start_local_ray(builders: int) -> None:
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    _protect_token()
    logging.getLogger("ray._private.authentication").setLevel(logging.ERROR)
    ray.init(
        address="local",
        num_cpus=builders,
        num_gpus=0,
        resources={SLOT: 1},
        include_dashboard=False,
        object_store_memory=_OBJECT_STORE_BYTES,
        log_to_driver=False,
        logging_level=logging.ERROR,
        _node_ip_address="127.0.0.1",
    )


def _protect_token() -> None:
    """Make the token that only this user can read; Ray asks for it where one exists, so that nobody else gets in."""
    if os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH"):
        return
    path = Path.home() / ".ray" / "auth_token"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            os.write(handle, secrets.token_hex(32).encode())
            os.close(handle)
        path.chmod(0o600)
    except OSError:
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def _show_token() -> None:
    """Let this process present the user's token, if there is one, to a cluster that asks for it.

    ``ray start`` asks for a token that exists, but ``ray.init(address=...)`` presents it only in token mode, which is
    read when Ray is imported. RAY_AUTH_MODE, where set, stands.
    """
    logging.getLogger("ray._private.authentication").setLevel(logging.ERROR)
    with suppress(ImportError):
        from ray._private.authentication import authentication_token_setup as setup

        setup.maybe_enable_token_auth_if_token_available(warn_if_disabled=False)


def check_cluster(resources: Resources) -> None:
    """InputError at once for what would fail when the search begins: too few cores, an address nobody answers."""
    address, cores = resources.ray_address, usable_cores()
    if address is None:
        split_cores(cores, resources.threads)
        if resources.workers is not None and resources.workers > len(cores):
            raise InputError(
                f"workers must not exceed the machine's {len(cores)} usable cores, but got {resources.workers}"
            )
    elif address != "auto":
        _check_reachable(address)


def _check_reachable(address: str) -> None:
    """InputError at once where Ray would try for half a minute."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise InputError(f"--ray-address must be HOST:PORT or auto, but got {address!r}; start one: ray start --head")
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_TIMEOUT_S).close()
    except OSError as error:
        raise InputError(
            f"--ray-address must be a running Ray cluster, but {address!r} does not answer ({error}); "
            f"start one: ray start --head"
        ) from error


def _fault(error: BaseException) -> str:
    """One line: the end of a remote traceback is what went wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1] if lines else 'no message'}"


def _first_line(error: object) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
