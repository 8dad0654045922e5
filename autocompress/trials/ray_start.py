"""Start a private Ray on this machine, or join a running cluster."""

from __future__ import annotations

import logging
import resource
from contextlib import suppress
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError

from autocompress.system.child_processes import INSTALLED, ROOT
from autocompress.system.errors import InputError
from autocompress.trials.ray_cluster import SLOT, Resources, check_cluster
from autocompress.trials.ray_place import away_from, protect_token

LEAST_OPEN_FILES = 256
_OBJECT_STORE_BYTES = 100 * 1024 * 1024


def cluster_cores() -> int:
    """Return the number of cores that the live nodes offer."""
    return sum(int(node["Resources"].get("CPU", 0)) for node in _alive_nodes())


def bench_nodes() -> list[str]:
    """Return the identifiers of the live nodes that offer ``latency_bench``; InputError if there is none."""
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


def join(resources: Resources, folder: Path) -> None:
    """Connect to the cluster at ``resources.ray_address``; InputError if nothing answers there.

    Workers import from the folder in which Ray is initialised: that of a source checkout, or the empty ``folder``.
    """
    check_cluster(resources)
    _show_token()
    try:
        with away_from(folder if INSTALLED else ROOT):
            ray.init(address=resources.ray_address, log_to_driver=False, logging_level=logging.ERROR)
    except (RayError, ConnectionError, RuntimeError, ValueError) as error:
        raise InputError(
            f"--ray-address must be a running Ray cluster, but {resources.ray_address!r} does not answer "
            f"({_first_line(error)}); start one: ray start --head"
        ) from error


def start_private(builders: int, folder: Path) -> None:
    """Start a Ray on this machine for ``builders`` and the measuring slot; it admits only who has the user's token.

    Its files go to ``folder``. The process must have the variables of ``ray_environment``.
    """
    _allow_open_files()
    protect_token()
    logging.getLogger("ray._private.authentication").setLevel(logging.ERROR)
    with away_from(folder):
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
            _temp_dir=str(folder),
        )


def _allow_open_files() -> None:
    """Raise this process's limit on open files as far as allowed; InputError if it stays too low for Ray."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if now != resource.RLIM_INFINITY and (most == resource.RLIM_INFINITY or now < most):
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
            now = most
    if now != resource.RLIM_INFINITY and now < LEAST_OPEN_FILES:
        raise InputError(
            f"a process must be allowed to have {LEAST_OPEN_FILES} files open, but the limit is {now}; raise it with "
            f"ulimit -n {LEAST_OPEN_FILES}"
        )


def _show_token() -> None:
    """Let this process present the user's token, if there is one, to a cluster that requires it.

    ``ray start`` asks for a token that exists, but ``ray.init(address=...)`` presents it only in token mode, which is
    read when Ray is imported. RAY_AUTH_MODE, where set, stands.
    """
    logging.getLogger("ray._private.authentication").setLevel(logging.ERROR)
    with suppress(ImportError):
        from ray._private.authentication import authentication_token_setup as setup

        setup.maybe_enable_token_auth_if_token_available(warn_if_disabled=False)


def _first_line(error: object) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
