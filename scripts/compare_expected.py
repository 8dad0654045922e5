"""Compare expected accuracy and validation accuracy with the accuracy on the test split.

    python scripts/compare_expected.py STUDY [STUDY ...] [--studies-dir studies]

Predicts the validation and test splits with the file of each trial of finished studies. Compares its difference to the
teacher on test with the one measured on validation and the one expected from validation (tasks/expected.py). Prints, in
points, the root mean square error and the mean error over the trials within ``--within`` points of the teacher on test,
and what each estimate predicts for its own best five. The noise of the test split is the same for both.
"""

from __future__ import annotations

import argparse

import numpy as np

from autocompress import open_study
from autocompress.artifact.session import Session
from autocompress.distillation.teacher import predict_logits
from autocompress.hardware.cores import usable_cores
from autocompress.measurement.inference import predict
from autocompress.networks.checkpoint import open_checkpoint
from autocompress.networks.loading import load_in_class_order
from autocompress.study.prepared import Prepared
from autocompress.study.shipped import MODEL, shipped_folder, shipped_results
from autocompress.study.store import StudyStore
from autocompress.tasks.metrics import metric_of

BATCH, BEST = 8, 5


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("studies", nargs="+")
    parser.add_argument("--studies-dir", default="studies")
    parser.add_argument("--within", type=float, default=4.0)
    arguments = parser.parse_args()
    print("| study | trials | judged by | error, points (rms) | mean error | its best five: claimed | on test |")
    print("|---|---:|---|---:|---:|---:|---:|")
    for name in arguments.studies:
        found = differences(open_study(name, arguments.studies_dir).store)
        near = found[found[:, 2] > -arguments.within]
        for column, kind in enumerate(("validation labels", "expected")):
            error = near[:, column] - near[:, 2]
            best = near[np.argsort(-near[:, column])[:BEST]].mean(axis=0)
            cells = (f"{np.sqrt(np.square(error).mean()):.2f}", f"{error.mean():+.2f}")
            cells += (f"{best[column]:+.2f}", f"{best[2]:+.2f}")
            print(f"| {name} | {len(near)} | {kind} | {' | '.join(cells)} |", flush=True)


def differences(store: StudyStore) -> np.ndarray:
    """Return points above the teacher [trials, 3]: measured on validation, expected, measured on test."""
    prepared = Prepared(store.folder)
    data, known = prepared.data, prepared.validation_outputs
    model, _ = load_in_class_order(
        open_checkpoint(str(prepared.checkpoint)), data.task.num_outputs, data.task.label_names
    )
    labels = data.validation.labels
    teacher = metric_of(data.task, known, labels)
    teacher_test = metric_of(data.task, predict_logits(model, data.test, data.pad_id, exact=True), data.test.labels)
    rows = []
    for result in shipped_results(store):
        session = Session(shipped_folder(store, result) / MODEL, len(usable_cores()))
        outputs, on_test = (
            predict(session, split, BATCH, data.pad_id, by_length=True) for split in (data.validation, data.test)
        )
        expected = data.task.definition.expected_quality(outputs, known, labels)
        assert expected is not None, "a regression has no expected accuracy"
        test = metric_of(data.task, on_test, data.test.labels) - teacher_test
        rows.append((metric_of(data.task, outputs, labels) - teacher, expected - teacher, test))
    return 100 * np.array(rows)


if __name__ == "__main__":
    main()
