"""A Ray to run jobs on: a private one on this machine, or a running cluster that is joined."""

from __future__ import annotations

import logging
import os
import secrets
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError

from autocompress.errors import InputError
from autocompress.exploration.cores import split_cores, usable_cores

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


def cluster_cores() -> int:
    """The cores that the nodes which live offer."""
    return sum(int(node["Resources"].get("CPU", 0)) for node in _alive_nodes())


def bench_nodes() -> list[str]:
    """The identifiers of the nodes that live and offer ``latency_bench``; InputError if there is none."""
    nodes = _alive_nodes()
    found = [node["NodeID"] for node in nodes if node["Resources"].get(SLOT, 0) >= 1]
    if not found:
        raise InputError(
            f"one node of the Ray cluster must offer the resource {SLOT!r}, but none of {len(nodes)} does; start "
            f"it with: ray start --resources='{{\"{SLOT}\": 1}}'"
        )
    return found


def _alive_nodes() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def join(resources: Resources) -> None:
    """Connect to the cluster at ``resources.ray_address``; InputError if nothing answers there."""
    check_cluster(resources)
    _show_token()
    try:
        ray.init(address=resources.ray_address, log_to_driver=False, logging_level=logging.ERROR)
    except (RayError, ConnectionError, RuntimeError, ValueError) as error:
        raise InputError(
            f"--ray-address must be a running Ray cluster, but {resources.ray_address!r} does not answer "
            f"({_first_line(error)}); start one: ray start --head"
        ) from error


def start_private(builders: int) -> None:
    """Start a Ray on this machine for ``builders`` and the measuring slot, which asks callers for the user's token."""
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


def _first_line(error: object) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
