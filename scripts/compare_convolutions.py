"""Compare cuts of a study's teacher whose lowest layers convolve instead of attending, before any training.

    python scripts/compare_convolutions.py STUDY [--studies-dir studies] [--rows 500] [--texts 128]

Kernels are the teacher's attention, averaged by distance over --texts training texts. Prints per number of such layers,
in 8 bits and on validation rows, the metric and the share of the variance of the teacher's outputs that is unexplained.
"""

import argparse
from dataclasses import replace

import numpy as np

from autocompress import open_study
from autocompress.evaluation.compile import Compiled, serialise
from autocompress.preparation.choose_compensation import unpadded_texts
from autocompress.students.configuration import describe
from autocompress.students.cutting import cut
from autocompress.students.transformer.average_attention import attention_kernels
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.students.transformer.convolved_layers import with_convolutions
from autocompress.study.prepared import Prepared
from autocompress.study.prepared_files import TEACHER
from autocompress.tasks.metrics import metric_of, unexplained


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("study")
    parser.add_argument("--studies-dir", default="studies")
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--texts", type=int, default=128)
    arguments = parser.parse_args()
    prepared = Prepared(open_study(arguments.study, arguments.studies_dir).folder)
    arrays, shape = prepared.source(TEACHER)
    arrays |= attention_kernels(shape, arrays, unpadded_texts(prepared.data, arguments.texts))
    rows = np.arange(min(arguments.rows, len(prepared.data.validation)))
    split, expected = prepared.data.validation.subset(rows), prepared.validation_outputs[rows]
    task, whole = prepared.data.task, TransformerConfiguration.uniform(shape)
    print(f"teacher: {task.metric} {metric_of(task, expected, split.labels):.4f} on {len(rows)} validation rows\n")
    print(f"| configuration | {task.metric} | unexplained |\n|---|---:|---:|")
    for number in range(shape.num_hidden_layers // 2 + 1):
        hybrid = replace(whole, layers=with_convolutions(whole.layers, number))
        file = Compiled(prepared, serialise(prepared, cut(arrays, shape, hybrid), shape, hybrid))
        outputs = file.outputs(split)
        found = f"{metric_of(task, outputs, split.labels):.4f} | {unexplained(outputs, expected):.4f}"
        print(f"| {describe(hybrid)} | {found} |", flush=True)


if __name__ == "__main__":
    main()
