import csv
import json

import numpy as np
import pytest
from exported_parts import CLASSES, MAX_LENGTH, ONE_TEXT, figures_of, make, with_figures

from autocompress.artifact.session import Session
from autocompress.domain.figures import Quality
from autocompress.measurement.inference import predict
from autocompress.measurement.protocol import LatencyProtocol
from autocompress.measurement.quality import quality_of
from autocompress.report.export import write_export
from autocompress.report.verify import verify_export
from autocompress.system.errors import InputError
from autocompress.system.files import read_sealed, write_sealed
from autocompress.tasks.dataset import SPLITS, TextDataset, TextSplit
from autocompress.tasks.tokenizing import encode

PROTOCOL = LatencyProtocol(
    min_requests=10,
    min_seconds=0,
    warmup_max_seconds=0.05,
    min_cpu_share=0,
    max_waiting=0,
    max_slow_share=1,
    max_stolen_share=1e9,
    max_switches_per_s=1e9,
    max_clock_change=1e9,
    repeats=0,
)
WORDS = ["fine", "great", "poor", "awful", "the", "film", "was", "and", "very", "people", "strange", "it"]


@pytest.fixture(scope="module")
def made(tmp_path_factory, tiny_checkpoint):
    return make(tmp_path_factory.mktemp("made"), tiny_checkpoint)


@pytest.fixture(scope="module")
def texts():
    rng = np.random.default_rng(0)
    return [" ".join(rng.choice(WORDS, rng.integers(1, 15))) for _ in range(100)]


@pytest.fixture(scope="module")
def labels(made, texts):
    """The model's own answers, every tenth another class."""
    answers = made.logits([(text,) for text in texts]).argmax(1)
    answers[::10] = (answers[::10] + 1) % len(CLASSES)
    return answers


@pytest.fixture(scope="module")
def quality(made, texts, labels):
    return quality_of(ONE_TEXT, made.logits([(text,) for text in texts]), labels)


@pytest.fixture
def folder(made, quality, tmp_path):
    return exported(made, quality, tmp_path)


def exported(made, quality, tmp_path, mean_ms=1000.0):
    figures = figures_of(quality, made.source.model.stat().st_size, mean_ms)
    return write_export(with_figures(made, figures), made.summary, tmp_path / "out")


def written(tmp_path, texts, labels):
    path = tmp_path / "data.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("text", "label"), *zip(texts, (CLASSES[i] for i in labels), strict=True)])
    return str(path)


def edited(folder, **fields):
    path = folder / "manifest.json"
    write_sealed(path, {**read_sealed(path), **fields})
    return folder


def test_the_same_rows_give_the_same_value(folder, quality, tmp_path, texts, labels):
    report = verify_export(folder, written(tmp_path, texts, labels), protocol=PROTOCOL)
    assert (quality.value, quality.count) == (0.9, 100)
    assert report.matches_manifest
    assert report.differences == ()
    assert report.quality == quality
    data = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert data["quality"] == {"metric": "accuracy", "value": 0.9, "interval": list(quality.interval), "count": 100}
    assert {"mean", "p50", "p95", "mean_interval", "disturbed"} <= set(data["latency_ms"])
    assert 0 < data["latency_ms"]["mean"] < 1000
    assert data["size_bytes"] == (folder / "model.onnx").stat().st_size
    assert (data["matches_manifest"], data["differences"]) == (True, [])


def test_other_rows_of_the_kind_are_consistent(folder, tmp_path, texts, labels):
    report = verify_export(folder, written(tmp_path, texts[:60], labels[:60]), protocol=PROTOCOL)
    assert report.matches_manifest
    assert report.quality.count == 60


def test_wrong_labels_do_not_match(folder, tmp_path, texts, labels):
    report = verify_export(folder, written(tmp_path, texts, (labels + 1) % len(CLASSES)), protocol=PROTOCOL)
    assert not report.matches_manifest
    assert report.differences[0].startswith("accuracy is 0.")
    assert "but the manifest says accuracy 0.9000" in report.differences[0]


def test_a_wrong_manifest_does_not_match(made, tmp_path, texts, labels):
    folder = exported(made, Quality("accuracy", 0.99, (0.985, 0.995), 100), tmp_path)
    report = verify_export(folder, written(tmp_path, texts, labels), protocol=PROTOCOL)
    assert not report.matches_manifest


def test_much_slower_than_the_manifest_fails(made, quality, tmp_path, texts, labels):
    folder = exported(made, quality, tmp_path, mean_ms=1e-5)
    report = verify_export(folder, written(tmp_path, texts, labels), protocol=PROTOCOL)
    assert not report.matches_manifest
    assert "times the manifest's 1e-05 ms" in report.differences[0]


def test_other_hardware_is_only_noted(made, quality, tmp_path, texts, labels):
    folder = edited(exported(made, quality, tmp_path, mean_ms=1e-5), fingerprint={"cpu": "an abacus"})
    report = verify_export(folder, written(tmp_path, texts, labels), protocol=PROTOCOL)
    assert report.matches_manifest
    assert ["an abacus" in line for line in report.differences] == [True]


def test_a_disturbed_run_is_only_noted(made, quality, tmp_path, texts, labels):
    folder = exported(made, quality, tmp_path, mean_ms=1e-5)
    disturbed = LatencyProtocol(min_requests=10, min_seconds=0, warmup_max_seconds=0.05, min_cpu_share=2, repeats=0)
    report = verify_export(folder, written(tmp_path, texts, labels), protocol=disturbed)
    assert report.matches_manifest
    assert ["disturbed" in line for line in report.differences] == [True]


def test_a_batch_is_padded_and_scaled_as_in_the_study(made, tmp_path, texts, labels):
    split = TextSplit([(text,) for text in texts], labels)
    encoded = encode(TextDataset("", ONE_TEXT, dict.fromkeys(SPLITS, split)), made.tokenizer, MAX_LENGTH)
    outputs = predict(Session(made.source.model), encoded.test, 8, encoded.pad_id)
    quality = quality_of(ONE_TEXT, outputs, labels)
    folder = edited(exported(made, quality, tmp_path), batch_size=8)
    assert verify_export(folder, written(tmp_path, texts, labels), protocol=PROTOCOL).quality == quality


def test_what_cannot_be_verified_is_told(folder, tmp_path, texts, labels):
    with pytest.raises(InputError, match=r"is a folder with manifest\.json"):
        verify_export(tmp_path, written(tmp_path, texts, labels))
    with pytest.raises(InputError):
        verify_export(folder, str(tmp_path / "gone.csv"))
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match=r"tokenizer\.json must have the SHA-256"):
        verify_export(folder, written(tmp_path, texts, labels))
