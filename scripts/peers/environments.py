"""Lists the peers with their exact packages, and installs each into a virtual environment of its own.

The environments are separate because the pinned versions exclude each other's and this project's.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from autocompress.system.files import sha256, write_bytes
from peers.build import BUILT, BuiltModel, read_built

SCRIPTS = Path(__file__).resolve().parents[1]
TORCH = "torch==2.13.0"
TIMEOUT_S = 1800.0
QUIET = {
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "CI": "1",  # no tool reports home from a build
    "OLIVE_DISABLE_TELEMETRY": "1",
}
_PATH = re.compile(r"(?:/[\w.+-]+)+/")  # folders of this machine say nothing to a reader
_INSTALLED, _ORDERED = "requirements.installed", "ordered"


@dataclass(frozen=True)
class Peer:
    """A tool to compare with; ``program`` is the module in ``peers`` that builds its files."""

    name: str
    title: str
    program: str
    requirements: tuple[str, ...]


PEERS = {
    peer.name: peer
    for peer in (
        Peer(
            "optimum",
            "Hugging Face Optimum",
            "build_optimum",
            ("optimum-onnx[onnxruntime]==0.1.0", "optimum==2.1.0"),
        ),
        Peer(
            "openvino",
            "OpenVINO and NNCF",
            "build_openvino",
            ("openvino==2026.4.1", "nncf==3.4.0", "transformers==5.23.0", f"onnxruntime=={version('onnxruntime')}"),
        ),
        Peer(
            "olive",
            "Olive",
            "build_olive",
            # the last two are what it imports and does not declare
            ("olive-ai==0.13.0", f"onnxruntime=={version('onnxruntime')}", "requests"),
        ),
    )
}


class PeerError(Exception):
    """A peer could not be installed, built or run; the message says why in one line."""


@dataclass(frozen=True)
class Environment:
    """A peer's virtual environment in ``folder``."""

    peer: Peer
    folder: Path

    @property
    def python(self) -> str:
        """Return the path of its Python interpreter."""
        return str(self.folder / "bin" / "python")

    def install(self) -> None:
        """Create it unless it exists with the same requirements; torch is installed first, as in the Makefile."""
        wanted = "\n".join((TORCH, *self.peer.requirements))
        done = self.folder / _INSTALLED
        if done.is_file() and done.read_text(encoding="utf-8") == wanted:
            return
        _run([sys.executable, "-m", "venv", "--clear", str(self.folder)])
        pip = [self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, TORCH])
        _run([*pip, TORCH, *self.peer.requirements])
        write_bytes(done, wanted.encode())

    def packages(self) -> dict[str, str]:
        """Return every installed package and its version."""
        lines = _run([self.python, "-m", "pip", "freeze", "--disable-pip-version-check"]).splitlines()
        return dict(line.split("==", 1) for line in lines if "==" in line)

    def build(self, checkpoint: Path, calibration: Path, out: Path) -> list[BuiltModel]:
        """Run the peer's program unless ``out`` holds its output for the same checkpoint, texts and packages."""
        ordered = "\n".join([*_digests(checkpoint, calibration), sha256(self._program), *self.peer.requirements])
        done = out / _ORDERED
        if not (done.is_file() and done.read_text(encoding="utf-8") == ordered and (out / BUILT).is_file()):
            arguments = ("--checkpoint", checkpoint, "--calibration", calibration, "--out", out)
            module = f"peers.{self.peer.program}"
            _run([self.python, "-m", module, *map(str, arguments)], QUIET)
            write_bytes(done, ordered.encode())
        return read_built(out)

    @property
    def _program(self) -> Path:
        return SCRIPTS / "peers" / f"{self.peer.program}.py"


def share_code() -> None:
    """Set PYTHONPATH so that every child process imports this checkout, whatever environment it runs in."""
    paths = [str(SCRIPTS.parent), str(SCRIPTS), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)


def _digests(checkpoint: Path, calibration: Path) -> list[str]:
    files = [*sorted(checkpoint.glob("*.json")), *sorted(checkpoint.glob("*.safetensors")), calibration]
    return [sha256(file) for file in files]


def _run(command: list[str], environment: Mapping[str, str] | None = None) -> str:
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        raise PeerError(f"{_short(command)} did not end well: {error.__class__.__name__}") from error
    if done.returncode != 0:
        raise PeerError(f"{_short(command)} failed: {_last_line(done.stderr or done.stdout)}")
    return done.stdout


def _short(command: list[str]) -> str:
    """Return the command's first words without paths of this machine."""
    return " ".join(Path(part).name if part.startswith("/") else part for part in command[:4])


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return _PATH.sub("", lines[-1])[:300] if lines else "it said nothing"
