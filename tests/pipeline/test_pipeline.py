"""A whole search on a tiny model through the Python interface: what it finds, ships and refuses."""

import json
from pathlib import Path

import pytest
from short_search import BUDGET_S

import autocompress
from autocompress.students.configuration import describe
from autocompress.system.errors import InputError, StudyError
from autocompress.system.events import Event
from autocompress.system.files import sha256

pytestmark = pytest.mark.usefixtures("short_searches")


BASELINES = ["pytorch-fp32", "onnxruntime-fp32", "onnxruntime-int8"]


pytestmark = pytest.mark.usefixtures("short_searches")


def test_a_search_ends_with_verified_points_beside_the_baselines(study: autocompress.Study):
    shown = json.loads(json.dumps(study.summary.to_json()))
    assert shown["state"] == "finished" and shown["trials"]["complete"] == 8
    assert [baseline["name"] for baseline in shown["baselines"]] == BASELINES
    assert shown["front"]
    for point in shown["front"]:
        assert point["feasible"] is True and point["stage"] == "verify"
        assert 0.0 <= point["quality"]["test"] <= 1.0
        assert 0 < point["latency_ms"]["p50"] <= point["latency_ms"]["p95"]
        assert set(point["speedup"]) == set(BASELINES)
    trial_0 = study.store.result(0)
    assert trial_0 is not None and describe(trial_0.configuration).startswith("L2 H48 A4 F96 w8")


def test_every_figure_is_that_of_the_file_which_ships(study: autocompress.Study, tmp_path: Path):
    for point in study.front:
        source = study.source(point)
        assert source.model.stat().st_size == point.figures.size_bytes
        assert sha256(source.model) == source.model_digest


def test_an_exported_model_serves_in_a_bare_process_with_the_manifests_quality(
    study: autocompress.Study, tmp_path: Path, tiny_data: dict[str, str]
):
    from autocompress.measurement.protocol import LatencyProtocol
    from autocompress.report.verify import verify_export

    folder = study.export(tmp_path / "out")
    manifest = json.loads((folder / "manifest.json").read_text())
    report = verify_export(folder, tiny_data["test"], protocol=LatencyProtocol())
    assert report.matches_manifest
    assert report.quality.value == pytest.approx(manifest["figures"]["test"]["value"], abs=1e-9)
    with pytest.raises(InputError, match="empty"):
        study.export(tmp_path / "out")


def test_no_configuration_is_measured_twice(study: autocompress.Study):
    digests = [result.digest for result in study.store.results()]
    assert len(digests) == len(set(digests)) == 8


def test_a_second_study_reuses_what_was_prepared(
    study: autocompress.Study, studies: Path, tiny_checkpoint: str, tiny_data: dict[str, str]
):
    messages: list[str] = []

    def listener(event: Event) -> None:
        messages.append(event.message)
        if event.message.startswith("search: "):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        autocompress.search(
            tiny_checkpoint, **tiny_data, time_budget_s=BUDGET_S, study="again", studies_dir=studies, on_event=listener
        )
    first, baselines = (next(i for i, m in enumerate(messages) if m.startswith(s)) for s in ("trial 0", "baselines: "))
    prepared = next(i for i, m in enumerate(messages) if m.startswith("teacher: ") and m.endswith("used"))
    assert prepared < first < baselines, "uniform int8 is measured before anything else"
    assert sum("used again" in message for message in messages) == 5
    for name in ("teacher", "transfer", "transformer", "bilstm", "cnn"):
        files = [studies / s / "prepared" / f"{name}.safetensors" for s in ("tiny", "again")]
        assert files[0].read_bytes() == files[1].read_bytes()


def test_a_known_name_is_refused_with_what_changed(
    study: autocompress.Study, studies: Path, tiny_checkpoint: str, tiny_data: dict[str, str]
):
    with pytest.raises(StudyError, match=r"constraints.max_latency_ms: 50.0 -> 40.0"):
        autocompress.search(
            tiny_checkpoint,
            **tiny_data,
            study="tiny",
            studies_dir=studies,
            max_latency_ms=40.0,
            time_budget_s=BUDGET_S,
            sampler="random",
        )


@pytest.mark.parametrize(
    ("limits", "message"),
    [({"max_size_bytes": 100}, "--max-size must be at least"), ({"max_latency_ms": 1e-4}, "--max-latency must be")],
)
def test_the_impossible_is_told_before_training(
    limits: dict[str, float], message: str, tiny_checkpoint: str, tiny_data: dict[str, str], tmp_path: Path
):
    with pytest.raises(InputError, match=message):
        autocompress.search(tiny_checkpoint, **tiny_data, **limits, studies_dir=tmp_path / "none")  # type: ignore[arg-type]
    assert not (tmp_path / "none").exists()
