import json

import pytest
from artifact_references import configuration_of

from autocompress.domain.figures import Baseline, Figures, Latency, Quality
from autocompress.report.manifest import MANIFEST, TOKENIZER, Manifest, file_digests, load_artifact, write_manifest
from autocompress.study.shipped import MODEL
from autocompress.system.errors import InputError
from autocompress.system.files import read_sealed, write_sealed

FIGURES = Figures(
    validation=Quality("accuracy", 0.9, (0.88, 0.92), 500, {"macro_f1": 0.87}),
    latency_ms=Latency(1.1, 1.0, 1.6, (1.05, 1.15), 400, 0.99),
    size_bytes=123,
    memory_bytes=50_000_000,
    test=Quality("accuracy", 0.89, (0.87, 0.91), 500),
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / MODEL).write_bytes(b"a model")
    (tmp_path / TOKENIZER).write_text("{}")
    write_manifest(tmp_path, manifest_of(tmp_path))
    return tmp_path


def manifest_of(folder, student="transformer"):
    return Manifest(
        configuration=configuration_of(student),
        task={"kind": "classification", "label_names": ["negative", "positive"]},
        max_length=64,
        batch_size=1,
        threads=1,
        figures=FIGURES,
        baselines=(Baseline("pytorch-fp32", FIGURES),),
        fingerprint={"cpu": "a processor", "threads": 1},
        versions={"onnxruntime": "1.2"},
        study="demo",
        trial=12,
        files=file_digests(folder),
    )


def edited(folder, **fields):
    write_sealed(folder / MANIFEST, {**read_sealed(folder / MANIFEST), **fields})
    return folder


@pytest.mark.parametrize("student", ["transformer", "bilstm", "cnn"])
def test_json_round_trip(folder, student):
    manifest = manifest_of(folder, student)
    assert Manifest.from_json(json.loads(json.dumps(manifest.to_json()))) == manifest


def test_an_older_manifest_does_not_say_the_least_runtime(folder):
    fields = manifest_of(folder).to_json()
    assert fields.pop("least_onnxruntime") == ""
    write_sealed(folder / MANIFEST, fields)
    assert load_artifact(folder).manifest == manifest_of(folder)


def test_a_written_folder_loads(folder):
    artifact = load_artifact(folder)
    assert artifact.manifest == manifest_of(folder)
    assert artifact.model.read_bytes() == b"a model"
    assert artifact.tokenizer.read_text() == "{}"


def test_a_folder_without_manifest(tmp_path):
    with pytest.raises(InputError, match=r"is a folder with manifest\.json, but .* has none"):
        load_artifact(tmp_path)


def test_a_changed_model_is_refused(folder):
    (folder / MODEL).write_bytes(b"another model")
    with pytest.raises(InputError, match=r"model\.onnx must have the SHA-256"):
        load_artifact(folder)


@pytest.mark.parametrize("name", [MODEL, TOKENIZER])
def test_a_missing_file_is_refused(folder, name):
    (folder / name).unlink()
    with pytest.raises(InputError, match=f"must hold {name}"):
        load_artifact(folder)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"", b"[]", b"3", b"{}", b'{"version": 1}'])
def test_what_no_export_wrote_is_refused(folder, content):
    (folder / MANIFEST).write_bytes(content)
    with pytest.raises(InputError, match=r"must be as an export wrote it.*; export the model again"):
        load_artifact(folder)


def test_a_changed_manifest_is_refused(folder):
    path = folder / MANIFEST
    path.write_text(path.read_text().replace("0.89", "0.99"))
    with pytest.raises(InputError, match="changed or damaged"):
        load_artifact(folder)


@pytest.mark.parametrize("version", [2, None, "1"])
def test_another_version_is_refused(folder, version):
    with pytest.raises(InputError, match=r"manifest version must be 1.*; export the model again"):
        load_artifact(edited(folder, version=version))


@pytest.mark.parametrize(
    "fields",
    [
        {"figures": None},
        {"baselines": 3},
        {"configuration": {"version": 1, "student": "mlp"}},
        {"max_length": 0},
        {"threads": "one"},
        {"files": {TOKENIZER: "0"}},
        {"files": [1]},
        {"files": {MODEL: "0", "../secret": "0"}},
        {"files": {MODEL: "0", "/etc/hosts": "0"}},
    ],
)
def test_fields_out_of_range_are_refused_in_one_line(folder, fields):
    with pytest.raises(InputError) as error:
        load_artifact(edited(folder, **fields))
    assert "\n" not in str(error.value)


def test_a_link_out_of_the_folder_is_refused(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "model.onnx"
    outside.write_bytes(b"a model")
    (folder / MODEL).unlink()
    (folder / MODEL).symlink_to(outside)
    with pytest.raises(InputError, match="leads out of it"):
        load_artifact(folder)
