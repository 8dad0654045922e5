"""Parts of Ray are killed under a running search; it goes on, and every trial is measured once."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import optuna
import psutil
import pytest
from search_parts import OBJECTIVES, FormulaEvaluator

from autocompress.domain.problem import Problem
from autocompress.study.store import StudyStore
from autocompress.trials.ray_cluster import Resources
from autocompress.trials.ray_host import HostedRay

pytestmark = pytest.mark.faults

DRIVER = Path(__file__).parent.parent / "trials" / "search_driver.py"
TRIALS = 12


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", str(DRIVER.parent), prepend=os.pathsep)
    StudyStore.create(tmp_path, "s", Problem()).close()
    return tmp_path


Harm = Callable[[psutil.Process], None]


def search(folder: Path, harm: dict[int, Harm], *address: str, delay_s: float = 0.3) -> list[str]:
    """Run the search, do ``harm`` when so many trials are finished, and check what is there at its end; its events."""
    command = [sys.executable, str(DRIVER), str(folder), str(delay_s), *address]
    lines: list[str] = []
    with (folder / "errors").open("w+") as errors:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line.strip())
                finished = sum(known.startswith("finished") for known in lines)
                if line.startswith("finished") and finished in harm:
                    harm[finished](psutil.Process(process.pid))
        errors.seek(0)
        assert process.returncode == 0, errors.read()[-2000:]
    with StudyStore.resume(folder, "s") as store:
        trials = store.optuna_study([objective.direction for objective in OBJECTIVES]).get_trials(deepcopy=False)
        assert all(trial.state == optuna.trial.TrialState.COMPLETE for trial in trials), "\n".join(lines)
        measured = [trial for trial in trials if "duplicate_of" not in trial.user_attrs]
        digests = [result.digest for result in store.results()]
    assert len(measured) == len(digests) == len(set(digests)) == TRIALS
    return lines


def named(process: psutil.Process, name: str) -> list[psutil.Process]:
    """The processes below ``process`` whose command line begins with, or whose program is called, ``name``."""
    found = []
    for child in process.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            line = " ".join(child.cmdline())
            if line.startswith(name) or Path(line.split(" ")[0]).name == name:
                found.append(child)
    return found


def test_workers_that_are_killed_are_replaced(folder: Path):
    def harm(driver: psutil.Process) -> None:
        workers = named(driver, "ray::_Worker")
        assert len(workers) >= 2, "a builder and the measuring worker"
        for worker in workers:
            worker.kill()

    lines = search(folder, {3: harm})
    assert any(line.startswith("retried") for line in lines)


def test_a_private_ray_that_is_killed_is_started_again(folder: Path):
    def kill(name: str) -> Harm:
        def harm(driver: psutil.Process) -> None:
            (found,) = named(driver, name)
            found.kill()

        return harm

    search(folder, {2: kill("raylet"), 7: kill("gcs_server")}, delay_s=0.5)


@pytest.mark.usefixtures("folder")
def test_a_ray_that_is_killed_while_it_starts_is_started_again():
    killed: list[psutil.Process] = []

    def kill_the_first() -> None:
        while not killed:
            with suppress(psutil.NoSuchProcess):
                below = psutil.Process().children()
                killed.extend(child for child in below if any("ray_host" in word for word in child.cmdline()))
            time.sleep(0.02)
        killed[0].kill()

    thread = threading.Thread(target=kill_the_first, daemon=True)
    thread.start()
    with HostedRay(FormulaEvaluator({}), Resources()) as executor:
        thread.join()
        assert killed and executor.builders >= 1 and named(psutil.Process(), "raylet")


NODE_ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_initial_delay_ms": "500",
}
NODE_COMMAND = ("start", "--block", "--num-gpus=0", "--object-store-memory=100000000", "--disable-usage-stats")


class Nodes:
    """A Ray cluster on this machine as `ray start` makes it; after about three seconds it notices a lost node."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.address, self.started = f"127.0.0.1:{port}", list[psutil.Popen]()
        head = ["--head", f"--port={port}", "--node-ip-address=127.0.0.1", "--include-dashboard=false"]
        self.start(*head, '--resources={"latency_bench": 1}', "--num-cpus=1")

    def start(self, *options: str) -> psutil.Popen:
        """Start a node and wait until it is ready."""
        ray = str(Path(sys.executable).with_name("ray"))
        node = psutil.Popen(
            [ray, *NODE_COMMAND, *options],
            env={**os.environ, **NODE_ENVIRONMENT},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(node)
        said = []
        for line in node.stdout:
            said.append(line)
            if "will now block" in line:
                return node
        raise AssertionError("".join(said))

    def join(self, cores: int) -> psutil.Popen:
        """Start another node."""
        return self.start(f"--address={self.address}", f"--num-cpus={cores}")

    @staticmethod
    def kill(node: psutil.Popen) -> None:
        """Kill all of a node's processes at once."""
        if node.poll() is None:
            for process in [*node.children(recursive=True), node]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        node.stdout.close()
        node.wait()


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    cluster = Nodes()
    yield cluster
    for node in cluster.started:
        cluster.kill(node)


def test_a_node_lost_in_the_middle_costs_only_the_trials_in_flight(folder: Path, nodes: Nodes):
    second = nodes.join(cores=2)
    lines = search(folder, {3: lambda _driver: nodes.kill(second)}, nodes.address, delay_s=1.0)
    assert any(line.startswith("retried") for line in lines)


INTRUDER = """
import sys, ray
ray.init(address=sys.argv[1], log_to_driver=False, logging_level="CRITICAL")
print("nodes", len(ray.nodes()))
"""


def joins(address: str, environment: dict[str, str]) -> bool:
    """Whether a process with these variables can join the Ray at ``address``."""
    done = subprocess.run(
        [sys.executable, "-c", INTRUDER, address],
        env=environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    return done.returncode == 0 and "nodes 1" in done.stdout


@pytest.mark.usefixtures("folder")
def test_who_does_not_have_the_token_is_not_let_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Even where the user's own Ray asks for none."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with HostedRay(FormulaEvaluator({}), Resources()) as host:
        host.wait_ready()
        (raylet,) = named(psutil.Process(), "raylet")
        (address,) = [word.partition("=")[2] for word in raylet.cmdline() if word.startswith("--gcs-address=")]
        stranger = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        stranger["HOME"] = str(tmp_path)
        owner = {**os.environ, "RAY_AUTH_MODE": "token"}
        without = {**stranger, "RAY_AUTH_MODE": "disabled"}
        wrong = {**stranger, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}
        with ThreadPoolExecutor() as pool:
            let_in = list(pool.map(lambda caller: joins(address, caller), [owner, without, wrong]))
    assert let_in == [True, False, False]
