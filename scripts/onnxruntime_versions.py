"""Test which versions of ONNX Runtime load what an export can contain, and compute the same (studies/runtimes).

    python scripts/onnxruntime_versions.py FOLDER [--versions 1.17.3 1.23.2 ...]

Installs each version with a suitable numpy into FOLDER/VERSION (unless it is there), and writes one file per kind of
graph with random weights (student, bits of the weights, bits of the embeddings, small or large table, sparse weights,
early exits, pairs, reduced vocabulary). Runs every file in every version on a padded batch. Does the same for small
models of one operator each: operator sets, IR versions, the types that Cast reads, and operators that are known to
differ. Prints per kind what `artifact.runtime.least_onnxruntime` says, and what each version does: `same` (all logits
within 1e-4 of the newest version's, relative to the largest), `close` (within 0.03: 8-bit kernels round otherwise),
`wrong`, or `no` (does not load). The exit code is 1 if the version that is said is not the first that is right.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from transformers import AutoModelForSequenceClassification, BertConfig, MPNetConfig

from autocompress.artifact.blocks import GraphInputs
from autocompress.artifact.runtime import least_onnxruntime
from autocompress.compression.vocabulary import Vocabulary
from autocompress.domain.shape import RELATIVE_BIAS
from autocompress.networks.families.import_encoder import import_encoder
from autocompress.students import STUDENTS
from autocompress.students.bilstm.configuration import BiLSTMConfiguration
from autocompress.students.cnn.configuration import CNNConfiguration
from autocompress.students.configuration import Configuration
from autocompress.students.cutting import cut
from autocompress.students.emit import emit
from autocompress.students.pooled.word_vectors import StudentSizes
from autocompress.students.transformer.configuration import ExitConfiguration, TransformerConfiguration
from autocompress.students.transformer.exit_heads import add_exit_heads

VERSIONS = ("1.15.1", "1.16.3", "1.17.3", "1.18.1", "1.19.2", "1.20.1", "1.21.1", "1.22.1", "1.23.2", "1.24.4")
VERSIONS += ("1.25.1", "1.28.0", "1.32.0")
NUMPY_1 = ("1.15.", "1.16.", "1.17.", "1.18.")
SMALL, LARGE = 600, 17000
BITS = (32, 8, 4, 2)
SAME, CLOSE = 1e-4, 0.03
VERDICTS = ("same", "close", "wrong", "no")
WORKER = """
import json, sys
import numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.log_severity_level, options.intra_op_num_threads = 4, 1
batch, answers = dict(numpy.load(sys.argv[1])), {}
for path in sys.argv[2:]:
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        feed = {value.name: batch[value.name] for value in session.get_inputs()}
        answers[path] = session.run(None, feed)[0].tolist()
    except Exception as error:
        answers[path] = " ".join(str(error).split())
print(json.dumps([onnxruntime.__version__, answers]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--versions", nargs="+", default=VERSIONS)
    arguments = parser.parse_args()
    models = arguments.folder / "models"
    models.mkdir(parents=True, exist_ok=True)
    np.savez(models / "batch.npz", **batch())
    wrong = False
    for title, kinds in (("graphs of students", graphs()), ("operators and types", probes())):
        least = {}
        for name, model in kinds:
            (models / f"{name.replace('/', '-')}.onnx").write_bytes(model.SerializeToString())
            least[name] = least_onnxruntime(model)
        answers = {version: run(arguments.folder, version, list(least)) for version in arguments.versions}
        wrong |= show(title, least, answers)
    sys.exit(int(wrong))


def graphs() -> Iterator[tuple[str, onnx.ModelProto]]:
    """Yield a name, ``kind/which``, and a graph for each kind of graph that an export can contain."""
    for rows, table in ((SMALL, "small"), (LARGE, "large")):
        for student, weights, embeddings in product(("transformer", "bilstm", "cnn"), BITS, BITS):
            name = f"{student}-{min(weights, embeddings)}-{table}/{weights}-{embeddings}"
            yield name, graph(student, weights, embeddings, rows)
    for student, bits in product(("transformer", "bilstm", "cnn"), BITS):
        yield f"{student}-{bits}-sparse", graph(student, bits, bits, SMALL, sparsity=0.7)
        yield f"{student}-{bits}-vocabulary", graph(student, bits, bits, LARGE, vocabulary=5000)
    for bits in BITS:
        yield f"transformer-{bits}-exits", graph("transformer", bits, bits, SMALL, leave=True)
        yield f"transformer-{bits}-pair", graph("transformer", bits, bits, SMALL, pair=True)
        yield f"transformer-{bits}-first", graph("transformer", bits, bits, SMALL, exit_heads=False)
        yield f"transformer-{bits}-relative", graph("transformer", bits, bits, SMALL, relative=True)
        first = graph("transformer", bits, bits, SMALL, exit_heads=False, relative=True)
        yield f"transformer-{bits}-relative-first", first


def graph(
    student: str,
    weight_bits: int,
    embedding_bits: int,
    rows: int,
    *,
    sparsity: float = 0.0,
    vocabulary: int | None = None,
    leave: bool = False,
    pair: bool = False,
    exit_heads: bool = True,
    relative: bool = False,
) -> onnx.ModelProto:
    """Return the graph of a small network with random weights and a vocabulary of ``rows`` tokens."""
    sizes = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 96}
    torch.manual_seed(0)
    config = (MPNetConfig if relative else BertConfig)(**sizes, vocab_size=rows, num_labels=3)
    teacher = AutoModelForSequenceClassification.from_config(config)
    shape, arrays = import_encoder(teacher)
    if exit_heads:
        shape, arrays = add_exit_heads(arrays, shape)
    kept, cuts = vocabulary or rows, {"embedding_bits": embedding_bits, "sparsity": sparsity}
    configuration: Configuration
    if student == "transformer":
        configuration = TransformerConfiguration.uniform(
            shape, weight_bits, layers=(0, 1, 2), hidden_size=64, num_attention_heads=2, intermediate_size=96,
            vocabulary_size=kept, **cuts,
        )  # fmt: skip
        if leave:
            leaving = ExitConfiguration((0, 1), 0.4)
            configuration = TransformerConfiguration(64, configuration.layers, kept, embedding_bits, leaving)
    else:
        arrays = STUDENTS[student].initial(arrays, shape, [StudentSizes(64, 32, 2, 3)], 0)[1]
        if student == "bilstm":
            configuration = BiLSTMConfiguration(64, 32, 2, kept, weight_bits, **cuts)
        else:
            configuration = CNNConfiguration(64, 32, 2, 3, kept, weight_bits, **cuts)
    rng = np.random.default_rng(0)
    spread = {name: 2.0 if name.endswith(RELATIVE_BIAS) else 0.1 for name in arrays}
    arrays = {n: array + rng.normal(0, spread[n], array.shape).astype(np.float32) for n, array in arrays.items()}
    inputs = GraphInputs(pair, Vocabulary(np.arange(rows, dtype=np.int32), 100), 64)
    return emit(cut(arrays, shape, configuration), configuration, shape, inputs)


def probes() -> Iterator[tuple[str, onnx.ModelProto]]:
    """Yield a name and a model for each operator set, IR version and operator whose least version is tested."""
    for opset, ir_version in {18: 8, 19: 9, 20: 9, 21: 10, 22: 10, 23: 11, 24: 11, 25: 11, 26: 11}.items():
        yield f"opset-{opset}", probe([helper.make_node("Relu", ["x"], ["y"])], opset, ir_version)
    for ir_version in range(8, 14):
        yield f"ir-{ir_version}", probe([helper.make_node("Relu", ["x"], ["y"])], 18, ir_version)
    for opset in (18, 21, 25):
        norm = helper.make_node("LpNormalization", ["x"], ["y"], axis=-1, p=1)
        yield f"lpnormalization-{opset}", probe([norm], opset, 8 if opset == 18 else 10)
    for name, dtype, opset, ir_version in (
        ("int4", ml_dtypes.int4, 21, 10),
        ("uint4", ml_dtypes.uint4, 21, 10),
        ("int2", ml_dtypes.int2, 25, 13),
    ):
        packed = numpy_helper.from_array(np.array([1, -1, 0, 1]).astype(dtype), "packed")
        for to in ("FLOAT", "INT8"):
            nodes = [
                helper.make_node("Cast", ["packed"], ["cast"], to=getattr(TensorProto, to)),
                helper.make_node("Cast", ["cast"], ["floats"], to=TensorProto.FLOAT),
                helper.make_node("Add", ["x", "floats"], ["y"]),
            ]
            yield f"cast-{name}-{to.lower()}", probe(nodes, opset, ir_version, [packed])
    yield from attentions()


def attentions() -> Iterator[tuple[str, onnx.ModelProto]]:
    """Yield attention over masked keys whose queries are all keys, and whose query is the first key."""
    read = helper.make_node("Unsqueeze", ["x", "last"], ["column"])
    keys = helper.make_node("Add", ["column", "places"], ["keys"])
    mask = helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.INT32)
    places = np.random.default_rng(1).normal(size=(4, 6)).astype(np.float32)
    arrays = {"last": np.array([2]), "first": np.array([0]), "places": places}
    stored = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    first = helper.make_node("Gather", ["keys", "first"], ["query"], axis=1)
    for name, query in (("attention-of-all", "keys"), ("attention-of-first", "query")):
        inputs = [query, "keys", "keys", "", "mask"]
        mixed = helper.make_node("MultiHeadAttention", inputs, ["mixed"], domain="com.microsoft", num_heads=2)
        given = helper.make_node("ReduceSum", ["mixed", "last"], ["y"], keepdims=0)
        model = probe([read, keys, mask, *([first] if query == "query" else []), mixed, given], 18, 8, stored)
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
        yield name, model


def probe(
    nodes: list[onnx.NodeProto], opset: int, ir_version: int, stored: list[onnx.TensorProto] | None = None
) -> onnx.ModelProto:
    """Return a model that computes ``nodes`` from the attention mask as floats."""
    first = helper.make_node("Cast", ["attention_mask"], ["x"], to=TensorProto.FLOAT)
    read = helper.make_tensor_value_info("attention_mask", TensorProto.INT64, ["batch", 4])
    given = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 4])
    made = helper.make_graph([first, *nodes], "g", [read], [given], stored or [])
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)


def batch() -> dict[str, np.ndarray]:
    """Return a padded batch of texts of several lengths, one of them without tokens."""
    mask = (np.arange(4) < np.array([[4], [3], [0], [1]])).astype(np.int64)
    ids = np.random.default_rng(3).integers(1, SMALL, mask.shape) * mask
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": (np.arange(4) > 1) * mask}


def run(folder: Path, version: str, names: list[str]) -> dict[str, list[list[float]] | str]:
    """Run all models in one version, installed if need be; return each one's logits or its error."""
    target = folder / version
    if not (target / "onnxruntime").is_dir():
        numpy = "numpy<2" if version.startswith(NUMPY_1) else "numpy<2.4"
        command = [sys.executable, "-m", "pip", "install", "-q", "--target", str(target)]
        subprocess.run([*command, f"onnxruntime=={version}", numpy], check=True, capture_output=True)
    paths = {str(folder / "models" / f"{name.replace('/', '-')}.onnx"): name for name in names}
    command = [sys.executable, "-c", WORKER, str(folder / "models" / "batch.npz"), *paths]
    environment = os.environ | {"PYTHONPATH": str(target)}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    found, answers = json.loads(done.stdout.splitlines()[-1])
    assert found == version, f"{target} holds {found}"
    return {paths[path]: answer for path, answer in answers.items()}


def show(title: str, least: Mapping[str, str], answers: Mapping[str, Mapping[str, list[list[float]] | str]]) -> bool:
    """Print the table, kinds with equal rows together; return whether a stated version is not the first right one."""
    newest = list(answers)[-1]
    rows: dict[tuple[str, str], list[str]] = {}
    kinds: dict[tuple[str, ...], list[str]] = {}
    for name, said in least.items():
        rows.setdefault((name.split("/")[0], said), []).append(name)
    for (kind, said), names in rows.items():
        of_kind = [[verdict(answers[version][name], answers[newest][name]) for name in names] for version in answers]
        kinds.setdefault((said, *(max(found, key=VERDICTS.index) for found in of_kind)), []).append(kind)
    print(f"| {title} | said | {' | '.join(answers)} |\n|{'---|' * (len(answers) + 2)}")
    mistaken = False
    for (said, *cells), alike in kinds.items():
        print(f"| {', '.join(alike)} | {said} | {' | '.join(cells)} |")
        right = [version for version, cell in zip(answers, cells, strict=True) if cell in VERDICTS[:2]]
        mistaken |= not right or right[0].rpartition(".")[0] != said or right != list(answers)[-len(right) :]
    print()
    return mistaken


def verdict(answer: list[list[float]] | str, expected: list[list[float]] | str) -> str:
    """Return the word of a table cell."""
    if isinstance(answer, str) or isinstance(expected, str):
        return "no"
    here, there = np.array(answer), np.array(expected)
    different = np.abs(here - there).max() / np.abs(there).max()
    return "same" if different <= SAME else "close" if different <= CLOSE else "wrong"


if __name__ == "__main__":
    main()
