"""Time the forms in which each piece of a model can be written for ONNX Runtime on this CPU.

    python scripts/benchmark_kernels.py STUDY [--studies-dir studies] [--blocks 5]

The emitter's choices rest on the result. Every form is a graph of its own: the vectors of a request's tokens, the
piece, and a mean that leaves one number. The forms of a piece and the graph without it are timed interleaved in one
process, one thread, over the study's requests, so with its text lengths. Prints per form the microseconds of the piece
(the mean minus that of the graph without it), the ratio to the form that the emitter uses (marked with a star), and the
largest difference of its output from that form's, relative to the largest output.
"""

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime
from onnx import TensorProto, helper
from operator_forms import ROWS, USED, Form, attentions, convolutions, embeddings, gelus, lstms, norms, products

from autocompress import open_study
from autocompress.artifact.blocks import ATTENTION_MASK, INPUT_IDS
from autocompress.artifact.graph import GraphBuilder
from autocompress.hardware.fingerprint import hardware_fingerprint
from autocompress.measurement.process import Workload, measure_in_fresh_process
from autocompress.measurement.protocol import LatencyProtocol
from autocompress.study.prepared import REQUESTS

EMPTY = "nothing"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("study")
    parser.add_argument("--studies-dir", default="studies")
    parser.add_argument("--blocks", type=int, default=5)
    arguments = parser.parse_args()
    study = open_study(arguments.study, arguments.studies_dir)
    hardware = hardware_fingerprint(1)
    print(f"{hardware['cpu']}, ONNX Runtime {hardware['onnxruntime']}, requests of {study.name}\n")
    print("| piece | form | microseconds | against the one used | differs by |\n|---|---|---:|---:|---:|")
    for piece, (width, forms) in pieces().items():
        with tempfile.TemporaryDirectory() as folder:
            paths = write_graphs(Path(folder), width, forms)
            differences = output_differences(paths)
            workload = Workload(paths, study.folder / "data" / REQUESTS)
            measured = measure_in_fresh_process(workload, LatencyProtocol(rounds=arguments.blocks))
        means = {name: 1000 * found.latency.mean for name, found in measured.items()}
        taken = {name: mean - means[EMPTY] for name, mean in means.items() if name != EMPTY}
        used = next(time for name, time in taken.items() if name.endswith(USED))
        for name, time in taken.items():
            print(f"| {piece} | {name} | {time:.1f} | {time / used:.2f} | {differences[name]:.1%} |", flush=True)


def pieces() -> dict[str, tuple[int, Mapping[str, Form]]]:
    """Return per piece the width of its input vectors and its forms, of which the emitter's ends in a star.

    A width of 1 stands for the token ids themselves, as an embedding lookup reads them.
    """
    return {
        "product 384 x 1536": (384, products(384, 1536)),
        "product 1536 x 384": (1536, products(1536, 384)),
        "product 64 x 256": (64, products(64, 256)),
        "product 384 x 64": (384, products(384, 64)),
        "attention, 12 heads of 32": (384, attentions(384, 12)),
        "attention, 4 heads of 32": (256, attentions(256, 4)),
        "word vectors of 384": (1, embeddings(384)),
        "word vectors of 64": (1, embeddings(64)),
        "GELU of 1536": (1536, gelus()),
        "product 384 x 384, sum, layer norm": (384, norms(384)),
        "BiLSTM, 384 to 64 units": (384, lstms(384, 64)),
        "BiLSTM, 384 to 128 units": (384, lstms(384, 128)),
        "BiLSTM, 64 to 32 units": (64, lstms(64, 32)),
        "3 tokens wide convolution, 128 to 128": (128, convolutions(128, 128)),
    }


def write_graphs(folder: Path, width: int, forms: Mapping[str, Form]) -> dict[str, Path]:
    """Write one file per form, and one without the piece.

    Beside each, a file of the same stem ending in ``.shown`` has the output of the piece as a second output.
    """
    paths = {}
    for number, (name, form) in enumerate({EMPTY: lambda graph, x: x, **forms}.items()):
        graph = GraphBuilder()
        rows = graph.op("Mod", INPUT_IDS, graph.integers(ROWS))
        table = np.random.default_rng(1).normal(size=(ROWS, width)).astype(np.float32)
        x = rows if width == 1 else graph.op("Gather", graph.constant(table), rows)
        y = form(graph, x)
        y = graph.op("Cast", y, to=TensorProto.FLOAT) if y == rows else y
        flat = graph.op("Reshape", y, graph.integers(0, -1))
        used = graph.op("Cast", ATTENTION_MASK, to=TensorProto.FLOAT)
        mean = graph.op("ReduceMean", flat, graph.integers(1), keepdims=1)
        result = graph.op("Add", mean, graph.op("ReduceMax", used, graph.integers(1), keepdims=1))
        graph.nodes.append(helper.make_node("Identity", [result], ["logits"]))
        graph.nodes.append(helper.make_node("Identity", [flat], ["piece"]))
        names = (INPUT_IDS, ATTENTION_MASK)
        inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"]) for name in names]
        model = graph.model(inputs, helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 1]))
        paths[name] = folder / f"{number}.onnx"
        paths[name].write_bytes(model.SerializeToString())
        model.graph.output.append(helper.make_tensor_value_info("piece", TensorProto.FLOAT, None))
        paths[name].with_suffix(".shown").write_bytes(model.SerializeToString())
    return paths


def output_differences(paths: Mapping[str, Path]) -> dict[str, float]:
    """Return each form's largest output difference from the emitter's form, relative to the largest output."""
    ids = np.random.default_rng(2).integers(0, ROWS, (1, 25))
    request = {INPUT_IDS: ids, ATTENTION_MASK: np.ones_like(ids)}
    outputs = {}
    for name, path in paths.items():
        session = onnxruntime.InferenceSession(path.with_suffix(".shown"), providers=["CPUExecutionProvider"])
        outputs[name] = session.run(["piece"], request)[0]
    used = next(output for name, output in outputs.items() if name.endswith(USED))
    pairs = [(name, output) for name, output in outputs.items() if name != EMPTY]
    return {name: float(np.abs(output - used).max() / np.abs(used).max()) for name, output in pairs}


if __name__ == "__main__":
    main()
