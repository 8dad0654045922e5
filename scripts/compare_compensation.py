"""Compare sub-networks of a study's teacher with and without compensation of pruning and rounding errors.

    python scripts/compare_compensation.py STUDY [--studies-dir studies] [--rows 1000]

The sub-networks are not trained. Prints per configuration and method, on validation rows, the metric and the share of
the variance of the teacher's outputs that is unexplained. Reconstruction is least squares after pruning
(compression/reconstruction.py), rounding is GPTQ (compression/rounding.py); both read Gram matrices of 512 training
texts.
"""

import argparse

import numpy as np

from autocompress import open_study
from autocompress.domain.shape import EncoderShape
from autocompress.evaluation.compile import Compiled, serialise
from autocompress.preparation.choose_compensation import unpadded_texts
from autocompress.students.configuration import describe
from autocompress.students.transformer.compensation import RECONSTRUCTION, ROUNDING, Compensation, input_grams
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.study.prepared import Prepared
from autocompress.study.prepared_files import TEACHER
from autocompress.system.units import human_size
from autocompress.tasks.metrics import metric_of, unexplained

METHODS = {
    "none": frozenset[str](),
    "reconstruction": frozenset({RECONSTRUCTION}),
    "rounding": frozenset({ROUNDING}),
    "both": frozenset({RECONSTRUCTION, ROUNDING}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("study")
    parser.add_argument("--studies-dir", default="studies")
    parser.add_argument("--rows", type=int, default=1000)
    arguments = parser.parse_args()
    prepared = Prepared(open_study(arguments.study, arguments.studies_dir).folder)
    arrays, shape = prepared.source(TEACHER)
    grams = input_grams(shape, arrays, unpadded_texts(prepared.data))
    rows = np.arange(min(arguments.rows, len(prepared.data.validation)))
    split, expected = prepared.data.validation.subset(rows), prepared.validation_outputs[rows]
    task = prepared.data.task
    print(f"teacher: {task.metric} {metric_of(task, expected, split.labels):.4f} on {len(rows)} validation rows\n")
    print(f"| configuration | file | compensation | {task.metric} | unexplained |\n|---|---:|---|---:|---:|")
    for configuration in configurations(shape):
        for method, uses in METHODS.items():
            weights = Compensation(grams, uses).cut(arrays, shape, configuration)
            content = serialise(prepared, weights, shape, configuration)
            outputs, size = Compiled(prepared, content).outputs(split), human_size(len(content))
            found = f"{metric_of(task, outputs, split.labels):.4f} | {unexplained(outputs, expected):.4f}"
            print(f"| {describe(configuration)} | {size} | {method} | {found} |", flush=True)


def configurations(shape: EncoderShape) -> list[TransformerConfiguration]:
    """Return the whole encoder and one of half the heads and neurons, each in 8, 4 and 2 bits; embeddings have 8."""
    half = (max(1, shape.num_attention_heads // 2), max(1, shape.intermediate_size // 2))
    return [
        TransformerConfiguration.uniform(
            shape, bits, embedding_bits=8, num_attention_heads=heads, intermediate_size=neurons
        )
        for heads, neurons in ((shape.num_attention_heads, shape.intermediate_size), half)
        for bits in (8, 4, 2)
    ]


if __name__ == "__main__":
    main()
