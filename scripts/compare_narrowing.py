"""Compare a study's teacher at smaller hidden sizes, by dropping channels and by projection, before any training.

    python scripts/compare_narrowing.py STUDY [--studies-dir studies] [--rows 500] [--texts 256]

Channels are dropped in order of importance, as a super-network is cut. Prints per hidden size, in 8 bits and on
validation rows, the metric, the share of the variance of the teacher's outputs that is unexplained, and the seconds
that the projection took on --texts training texts.
"""

import argparse
import time

import numpy as np

from autocompress import open_study
from autocompress.evaluation.compile import Compiled, serialise
from autocompress.preparation.choose_compensation import unpadded_texts
from autocompress.students.cutting import cut
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.students.transformer.dimensions import HIDDEN_SIZE
from autocompress.students.transformer.narrowing import narrowed
from autocompress.study.prepared import Prepared
from autocompress.study.prepared_files import TEACHER
from autocompress.tasks.metrics import metric_of, unexplained


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("study")
    parser.add_argument("--studies-dir", default="studies")
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--texts", type=int, default=256)
    arguments = parser.parse_args()
    prepared = Prepared(open_study(arguments.study, arguments.studies_dir).folder)
    arrays, shape = prepared.source(TEACHER)
    rows = np.arange(min(arguments.rows, len(prepared.data.validation)))
    split, expected = prepared.data.validation.subset(rows), prepared.validation_outputs[rows]
    task = prepared.data.task
    print(f"teacher: {task.metric} {metric_of(task, expected, split.labels):.4f} on {len(rows)} validation rows\n")
    print(f"| hidden size | from | {task.metric} | unexplained | seconds |\n|---:|---|---:|---:|---:|")
    for size in sorted(HIDDEN_SIZE.options(shape), reverse=True)[1:]:
        configuration = TransformerConfiguration.uniform(shape, hidden_size=size)
        begun = time.monotonic()
        projected = narrowed(shape, arrays, unpadded_texts(prepared.data, arguments.texts), size)
        seconds = f"{time.monotonic() - begun:.1f}"
        for name, source, took in (("dropped channels", arrays, ""), ("projection", projected, seconds)):
            content = serialise(prepared, cut(source, shape, configuration), shape, configuration)
            outputs = Compiled(prepared, content).outputs(split)
            found = f"{metric_of(task, outputs, split.labels):.4f} | {unexplained(outputs, expected):.4f}"
            print(f"| {size} | {name} | {found} | {took} |", flush=True)


if __name__ == "__main__":
    main()
