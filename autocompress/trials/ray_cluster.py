"""Say how much of this machine, or of a Ray cluster, a search may use, and check that without importing Ray."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from autocompress.hardware.cores import split_cores, usable_cores
from autocompress.system.errors import InputError

SLOT = "latency_bench"
_CONNECT_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Resources:
    """What a search may use: ``threads`` cores to measure and ``workers`` builders (None: one per other core, or one).

    ``ray_address`` joins a running cluster, one node of which offers the resource ``latency_bench`` and all of which
    see the study's folder; None starts a private Ray on this machine. A cluster started with RAY_AUTH_MODE=disabled
    needs the same setting here.
    """

    threads: int = 1
    workers: int | None = None
    ray_address: str | None = None


def check_cluster(resources: Resources) -> None:
    """Raise InputError for what would fail when the search begins: too few cores, an address nobody answers."""
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
    """Raise InputError at once if nobody answers, where Ray would try for half a minute."""
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
