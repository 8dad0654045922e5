import subprocess
import sys

import numpy as np
import pytest
from artifact_references import SHAPE, batch_of, configuration_of, graph_inputs, random_arrays

from autocompress.artifact.session import Session
from autocompress.students.emit import emit
from autocompress.system.errors import MeasurementError


@pytest.fixture(scope="module")
def model():
    configuration = configuration_of("cnn")
    return emit(random_arrays(configuration), configuration, SHAPE, graph_inputs()).SerializeToString()


def test_a_path_and_its_bytes_are_the_same_model(model, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(model)
    np.testing.assert_array_equal(Session(path).run(batch_of()), Session(model, threads=2).run(batch_of()))


@pytest.mark.parametrize("content", [b"", b"not a model" * 20])
def test_a_file_that_is_no_model_is_told_in_one_line(content, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(MeasurementError, match=r"ONNX Runtime must load .*model\.onnx, but says") as error:
        Session(path)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(MeasurementError, match="must load"):
        Session(tmp_path / "absent.onnx")


def test_a_missing_or_misshapen_input_is_told(model):
    batch = batch_of()
    with pytest.raises(MeasurementError, match="the batch lacks 'attention_mask'"):
        Session(model).run({"input_ids": batch["input_ids"]})
    with pytest.raises(MeasurementError, match="ONNX Runtime must run the graph"):
        Session(model).run({**batch, "input_ids": batch["input_ids"][0]})


def test_serving_needs_no_training_library():
    code = (
        "import sys, autocompress.artifact.session, autocompress.report.manifest;"
        "print([name for name in ('torch', 'transformers', 'onnx', 'ray', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
