"""Compare a finished study's front with what other tools make of the same teacher.

    python scripts/compare_peers.py STUDY [--studies-dir studies] [--out studies/peers-STUDY] [--venvs DIR]
        [--peers optimum,openvino,olive]

Installs Hugging Face Optimum, OpenVINO with NNCF, and Olive into a virtual environment each (kept in --venvs), builds
their files from STUDY/prepared/checkpoint, and measures them beside the study's baselines and front on the same test
rows, threads and requests. Writes table.md, peers.json, peers.png and README.md; the built models stay in OUT/models.
A peer that cannot be installed, built or run is left out, and the README says why.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from peers.comparison import FRONT, Comparison, compare_rows
from peers.environments import PEERS, SCRIPTS, Environment, PeerError, share_code
from peers.measuring import OTHER_WORKER, Model, Runtime, check_served, measure_all, stock_runtime
from peers.report import write_report

from autocompress import Study, open_study
from autocompress.domain.problem import Target
from autocompress.hardware.fingerprint import hardware_fingerprint
from autocompress.measurement.baselines import checkpoint_bytes, stock_paths
from autocompress.measurement.requests import write_split
from autocompress.measurement.stock_models import PYTORCH, stock_models
from autocompress.students.configuration import describe
from autocompress.study.prepared import Prepared

CALIBRATION_TEXTS = 300
VENVS = Path.home() / ".cache" / "autocompress" / "peers"


@dataclass(frozen=True)
class Built:
    """The peers' models, the reasons why others are missing, and the packages of every environment."""

    models: list[Model]
    not_run: dict[str, str]
    packages: dict[str, dict[str, str]]


def main() -> None:
    """Build the peers' models, measure all models, and write the report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("study")
    parser.add_argument("--studies-dir", type=Path, default=Path("studies"))
    parser.add_argument("--out", type=Path, help="default: studies/peers-STUDY")
    parser.add_argument("--venvs", type=Path, default=VENVS)
    parser.add_argument("--peers", default=",".join(PEERS), help=f"of {', '.join(PEERS)}")
    parser.add_argument("--build-only", action="store_true", help="install and build, measure another time")
    arguments = parser.parse_args()
    share_code()
    study = open_study(arguments.study, arguments.studies_dir)
    prepared, target = Prepared(study.folder), study.summary.problem.target
    out = arguments.out or arguments.studies_dir / f"peers-{study.name}"
    built = build_peers(_names(parser, arguments.peers), prepared, target, arguments.venvs, out / "models")
    if arguments.build_only:
        return
    models = [*stock(prepared), *built.models, *front(study)]
    rows, answers = compare_rows(
        models, measure_all(models, prepared, target), prepared.data.task, prepared.data.test.labels
    )
    comparison = Comparison(
        study=study.name,
        metric=prepared.data.task.metric,
        test_rows=len(prepared.data.test),
        rows=rows,
        answers=answers,
        not_run=built.not_run,
        hardware=hardware_fingerprint(target.threads),
        target=asdict(target),
        packages=built.packages,
    )
    write_report(comparison, out, _command(arguments.study))
    print((out / "table.md").read_text(encoding="utf-8"))


def build_peers(names: Sequence[str], prepared: Prepared, target: Target, venvs: Path, out: Path) -> Built:
    """Install, build and try each peer separately; one that fails is left out with its reason."""
    calibration = out / "calibration.npz"
    rows = np.random.default_rng(0).permutation(len(prepared.data.train))[:CALIBRATION_TEXTS]
    write_split(calibration, prepared.data.train.subset(rows))
    built = Built([], {}, {})
    for name in names:
        environment = Environment(PEERS[name], venvs.resolve() / name)
        print(f"{PEERS[name].title} ...", flush=True)
        try:
            environment.install()
            models = _peer_models(environment, prepared, calibration.resolve(), out.resolve() / name)
            for model in models:
                check_served(model, prepared, target)
        except PeerError as error:
            print(f"  not run: {error}", flush=True)
            built.not_run[name] = str(error)
            continue
        built.models.extend(models)
        built.packages[name] = environment.packages()
    return built


def stock(prepared: Prepared) -> list[Model]:
    """Return the study's baselines."""
    files = stock_models(prepared.checkpoint, prepared.study_folder / "baselines")
    paths = {name: path for group in stock_paths(files).values() for name, path in group.items()}
    return [
        Model(name, "stock", path, stock_runtime(name, sys.executable), _size(name, path))
        for name, path in paths.items()
    ]


def front(study: Study) -> list[Model]:
    """Return every point of the front, as the file that an export would contain."""
    runtime = stock_runtime("", sys.executable)
    points = [(point, study.source(point).model) for point in study.front]
    return [
        Model(f"trial {point.trial}", FRONT, path, runtime, path.stat().st_size, describe(point.configuration))
        for point, path in points
    ]


def _peer_models(environment: Environment, prepared: Prepared, calibration: Path, out: Path) -> list[Model]:
    """Build a peer's models; ONNX files run in this project's ONNX Runtime, others in the peer's environment."""
    other = Runtime(environment.peer.name, OTHER_WORKER, environment.python)
    runtimes = {".onnx": stock_runtime("", sys.executable)}
    return [
        Model(
            name=model.name,
            kind="peer",
            path=out / model.path,
            runtime=runtimes.get(Path(model.path).suffix, other),
            size_bytes=sum((out / file).stat().st_size for file in model.files),
            note=model.note,
        )
        for model in environment.build(prepared.checkpoint.resolve(), calibration, out)
    ]


def _size(name: str, path: Path) -> int:
    return checkpoint_bytes(path) if name == PYTORCH else path.stat().st_size


def _names(parser: argparse.ArgumentParser, text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        parser.error(f"a peer is one of {', '.join(PEERS)}, but got {', '.join(unknown)}")
    return names


def _command(study: str) -> str:
    return shlex.join(["python", f"{SCRIPTS.name}/{Path(__file__).name}", study])


if __name__ == "__main__":
    main()
